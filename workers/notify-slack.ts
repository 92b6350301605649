/** Slack, by an incoming webhook: a headline, a section per alert; whatever a platform wrote is text, never a mention or a link of its own. */
import type { Instant } from '#core/model.ts';
import { post } from './notify-http.ts';
import { DeliveryFailed, detailLines, type Message, plainText, type Sender, sayNews } from './notify-message.ts';

const SECTION_MAX = 2900;
const BLOCKS_MAX = 48;
const TEXT_MAX = 3000;

/** What Slack asks to be written so; the rest of its mark-up needs `<`. */
const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const cut = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max - 1)}…` : text);

const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text: cut(text, SECTION_MAX) } });

function sectionsOf(message: Message): object[] {
  if (message.type === 'test') return [section(escapeText(plainText(message)))];
  if (message.type === 'digest') {
    return message.sections.map(({ title, lines, none }) => {
      const told = lines.map(({ text, link }) =>
        link === null
          ? `• ${escapeText(text)}`
          : `• <${link.replaceAll('|', '%7C').replaceAll('>', '%3E')}|${escapeText(text)}>`,
      );
      return section([`*${escapeText(title)}*`, ...(told.length === 0 ? [`_${escapeText(none)}_`] : told)].join('\n'));
    });
  }
  const told = message.news.map((one) =>
    section([`*${escapeText(`${sayNews(one)}: ${one.alert.title}`)}*`, ...detailLines(one).map(escapeText)].join('\n')),
  );
  return message.more === 0 ? told : [...told, section(`and ${message.more} more`)];
}

export function slackBody(message: Message): object {
  const headline = escapeText(message.headline);
  const isOne = message.type === 'alert' && message.news.length === 1 && message.more === 0;
  const blocks = isOne ? sectionsOf(message) : [section(`*${headline}*`), ...sectionsOf(message)];
  return { text: cut(headline, TEXT_MAX), blocks: blocks.slice(0, BLOCKS_MAX) };
}

export const openSlack = ({ url, now }: { readonly url: string; readonly now: () => Instant }): Sender => ({
  async send(message, signal) {
    const answer = await post({ url, body: JSON.stringify(slackBody(message)), signal, now });
    if (answer.trim() !== 'ok' && answer.trim() !== '')
      throw new DeliveryFailed(`Slack answers ${answer.slice(0, 200)}`);
  },
});
