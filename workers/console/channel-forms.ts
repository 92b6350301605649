/** What people do about a channel: its mode, and looks at its platform, the same way as `allot channels` and `allot reconcile`. */

import { Rejected } from '#core/errors.ts';
import type { ChannelId, ChannelMode } from '#core/model.ts';
import { writeAudit } from '#db/audit.ts';
import { getModes, setMode } from '#db/modes.ts';
import { ringBells } from '#db/outbox.ts';
import type { ChannelOverview } from '#db/overview.ts';
import { askRun } from '#db/reconcile-runs.ts';
import type { UserRole } from '#db/users.ts';
import { goLive, parseShare, WHOLE_SHARE } from '../go-live.ts';
import { type Html, html } from './html.ts';
import { csrfField } from './layout.ts';
import type { Action, Asked } from './parts.ts';

/** The brake is near at hand; what starts writing to a shop is not. */
export const MODE_NEEDS: Readonly<Record<ChannelMode, UserRole>> = {
  paused: 'operator',
  live: 'approver',
  shadow: 'approver',
};

const SAYS: Readonly<Record<ChannelMode, string>> = {
  paused: 'nothing is sent any more; orders still come in',
  live: 'its numbers are sent to the platform from now on',
  shadow: 'it reads and computes, and sends nothing',
};

export const channelPath = (id: ChannelId): string => `/console/channel?id=${encodeURIComponent(id)}`;

export const channelLink = (id: ChannelId): Html => html`<a href="${channelPath(id)}">${id}</a>`;

export const modeForm = (channel: ChannelId, mode: ChannelMode, says: string, { csrf }: Asked): Html =>
  html`<form class="inline" action="/console/channel-mode" method="post">${csrfField(csrf)}<input type="hidden" name="channel" value="${channel}"><input type="hidden" name="mode" value="${mode}">
<button class="${mode === 'paused' ? 'danger' : 'plain'}" type="submit" title="${SAYS[mode]}">${says}<span class="hidden"> ${channel}</span></button></form>`;

/** What goes out to a shop is asked twice: the second button says what it does. How much at first is chosen on the channel's own page. */
const goLiveForm = (channel: ChannelOverview, asked: Asked): Html =>
  html`<details><summary>Go live<span class="hidden"> ${channel.id}</span></summary><p>Its numbers are sent to the platform from now on: for the first step of its gate, where it has one; <a href="${channelPath(channel.id)}">see how far they agree, and choose the share</a>.</p>${modeForm(channel.id, 'live', 'Send its numbers', asked)}</details>`;

export const lookForms = (id: ChannelId, { csrf }: Asked, withDryRun: boolean): Html =>
  html`<form class="inline" action="/console/reconcile-now" method="post">${csrfField(csrf)}<input type="hidden" name="channel" value="${id}"><button class="plain" type="submit" title="reads all that its platform shows; what is allot's to mend is mended">Reconcile<span class="hidden"> ${id}</span></button>${withDryRun ? html` <button class="plain" type="submit" name="dry" value="yes" title="reads all that its platform shows, tells what differs, and changes nothing">Dry run<span class="hidden"> of ${id}</span></button>` : null}</form>`;

/** On narrow tables a dry run is a click away, on the channel's own page. */
export function channelActions(channel: ChannelOverview, asked: Asked, withDryRun = false): Html {
  const { id, mode, configured } = channel;
  return html`${mode !== 'paused' && asked.may(MODE_NEEDS.paused) ? modeForm(id, 'paused', 'Pause', asked) : null}${
    asked.may('operator') && configured ? lookForms(id, asked, withDryRun) : null
  }${mode !== 'live' && configured && asked.may(MODE_NEEDS.live) ? goLiveForm(channel, asked) : null}`;
}

const isMode = (text: string): text is ChannelMode => text === 'live' || text === 'paused' || text === 'shadow';

function takeShare(text: string): number | undefined {
  if (text.trim() === '') return undefined;
  const share = parseShare(text);
  if (share !== undefined) return share;
  throw new Rejected(`"${text}" is no share of its items`, {
    field: 'share',
    value: text,
    fix: 'write a percent above 0, up to 100, such as 25',
  });
}

async function letLive({ db, visitor }: Asked, channel: ChannelId, share: number | undefined): Promise<string | null> {
  const [changed] = await goLive(db, [channel], { share, actor: visitor.actor });
  if (changed === undefined) return null;
  return changed.share < WHOLE_SHARE
    ? `${channel} is live for ${changed.share} % of its items; the rest is as in shadow.`
    : `${channel} is live: ${SAYS.live}.`;
}

const changeMode: Action = {
  path: '/channel-mode',
  need: 'operator',
  async act(asked, given) {
    const mode = given.get('mode') ?? '';
    const channel = given.get('channel') ?? '';
    if (!isMode(mode)) throw new Rejected(`"${mode}" is no mode`, { fix: 'allot channels live|pause|shadow ID' });
    asked.require(MODE_NEEDS[mode]);
    const done =
      mode === 'live'
        ? await letLive(asked, channel, takeShare(given.get('share') ?? ''))
        : (await setMode(asked.db, [channel], mode, asked.visitor.actor)).map(
            () => `${channel} is ${mode}: ${SAYS[mode]}.`,
          )[0];
    asked.wakeRelay();
    const overridden =
      mode === 'live' && asked.isReadOnly ? ' ALLOT_READ_ONLY is set here: nothing is sent all the same.' : '';
    return { to: channelPath(channel), notice: `${done ?? `${channel} is ${mode} already.`}${overridden}` };
  },
};

const reconcileNow: Action = {
  path: '/reconcile-now',
  need: 'operator',
  async act(asked, given) {
    const channel = given.get('channel') ?? '';
    const isDryRun = given.get('dry') === 'yes';
    const { actor } = asked.visitor;
    const known = await getModes(asked.db);
    if (!known.some(({ id, configured }) => id === channel && configured))
      throw new Rejected(`no channel is called "${channel}", or it is not configured`, { fix: 'allot channels list' });
    const { id, isNew } = await asked.db.transaction(async (tx) => {
      const run = await askRun(tx, { channelId: channel, isDryRun, actor, now: asked.at });
      await ringBells(tx, [{ topic: isDryRun ? 'dryrun' : 'reconcile', key: channel }]);
      if (run.isNew) {
        const action = isDryRun ? 'ask dry run' : 'ask reconcile';
        await writeAudit(tx, [{ actor, action, subject: channel, detail: { run: run.id } }]);
      }
      return run;
    });
    asked.wakeRelay();
    const what = isDryRun ? 'a dry run' : 'a reconcile';
    return {
      to: `/console/reconcile-run?id=${id}`,
      notice: isNew
        ? `${what} of ${channel} is asked for; what it finds shows here.`
        : `${what} of ${channel} was asked for already: this one.`,
    };
  },
};

export const channelForms: readonly Action[] = [changeMode, reconcileNow];
