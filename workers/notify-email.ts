/**
 * E-mail by SMTP, the only user of nodemailer: one connection per message, TLS unless the server is on this machine or the file says
 * `allowPlain`. Messages of one topic are one thread.
 */
import { createHash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type SMTPTransport from 'nodemailer/lib/smtp-transport/index.js';
import { DeliveryFailed, type Message, plainText, type Sender, TRIES } from './notify-message.ts';

const TIMEOUT_MS = 15_000;
const SUBJECT_MAX = 200;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export type EmailOptions = {
  readonly smtpUrl: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly allowPlain: boolean;
};

function transportOptions({ smtpUrl, allowPlain }: EmailOptions): SMTPTransport.Options {
  const url = new URL(smtpUrl);
  const isSecure = url.protocol === 'smtps:';
  const user = decodeURIComponent(url.username);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (isSecure ? 465 : 587)),
    secure: isSecure,
    requireTLS: !isSecure && !allowPlain && !LOOPBACK.has(url.hostname),
    ...(user === '' ? {} : { auth: { user, pass: decodeURIComponent(url.password) } }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    dnsTimeout: TIMEOUT_MS,
    // A message is text of ours: nothing is fetched or read for it.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** One line, whatever a platform wrote. */
const subjectOf = (message: Message): string =>
  `[allot] ${message.headline}`.replaceAll(/[\r\n\t]+/g, ' ').slice(0, SUBJECT_MAX);

const threadOf = (message: Message, host: string): string =>
  `<${createHash('sha256')
    .update(message.type === 'alert' ? message.dedupKey : message.id)
    .digest('hex')
    .slice(0, 32)}@${host}>`;

const permanentCode = (error: unknown): boolean =>
  error instanceof Error && 'responseCode' in error && Number(error.responseCode) >= 500;

export const openEmail = (options: EmailOptions): Sender => ({
  async send(message, signal) {
    const transport = createTransport(transportOptions(options));
    const end = () => transport.close();
    signal.addEventListener('abort', end, { once: true });
    const host = options.from.split('@').at(-1) ?? 'allot';
    try {
      signal.throwIfAborted();
      const { rejected } = await transport.sendMail({
        from: { name: 'allot', address: options.from },
        to: [...options.to],
        subject: subjectOf(message),
        text: `${message.headline}\n\n${plainText(message)}\n`,
        messageId: `<${message.id}@${host}>`,
        references: [threadOf(message, host)],
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      if (rejected.length > 0)
        throw new DeliveryFailed(`the mail server refuses ${rejected.length} of ${options.to.length} recipients`, {
          tries: TRIES.partly,
        });
    } catch (error) {
      if (error instanceof DeliveryFailed) throw error;
      const said = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ').slice(0, 200) : String(error);
      throw new DeliveryFailed(`the mail server ${new URL(options.smtpUrl).host}: ${said}`, {
        tries: permanentCode(error) ? TRIES.refused : TRIES.lost,
      });
    } finally {
      signal.removeEventListener('abort', end);
      transport.close();
    }
  },
});
