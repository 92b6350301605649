/** Who sent a webhook, and that nobody else can. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import type { InboundRequest } from '../../connector.ts';
import { captureOrder, orderWebhooks, webhookOf } from '../capture.ts';
import { type ConformanceCase, needsWebhooks } from '../case.ts';
import { until } from '../expect.ts';
import type { Stage } from '../stage.ts';

async function expectRefused(stage: Stage, request: InboundRequest, what: string): Promise<void> {
  const verdict = await stage.connection.verify(request);
  ok(!verdict.ok, `${what}: accepted, although it must be refused`);
  ok(verdict.reason.length > 0, `${what}: refused without a reason`);
}

const withHeader = (request: InboundRequest, name: string, value: string | undefined): InboundRequest => ({
  ...request,
  headers: { ...request.headers, [name]: value },
});

const withBody = (request: InboundRequest, rawBody: Uint8Array): InboundRequest => ({ ...request, rawBody });

/** The text with its character at `index` replaced by another of the same alphabet. */
const flipCharacter = (text: string, index: number): string =>
  `${text.slice(0, index)}${text[index] === 'a' ? 'b' : 'a'}${text.slice(index + 1)}`;

const flipByte = (bytes: Uint8Array, index: number): Uint8Array =>
  bytes.map((byte, at) => (at === index ? byte ^ 1 : byte));

export const INTAKE_CASES: readonly ConformanceCase[] = [
  {
    id: 'verify-accepts-signed',
    proves: 'A webhook that the platform signed is accepted, with a topic and a dedupe key.',
    skipWhen: needsWebhooks,
    async play(stage) {
      const { verdict } = await captureOrder(stage);
      equal(verdict.assurance, 'signed');
      ok(verdict.dedupeKey.length > 0, 'the dedupe key is empty');
      ok(verdict.topic.length > 0, 'the topic is empty');
    },
  },
  {
    id: 'verify-refuses-forged',
    proves: 'Another secret, one changed byte of the body, or one changed character of the signature: refused.',
    skipWhen: needsWebhooks,
    async play(stage) {
      const { request } = await captureOrder(stage);
      const { signatureHeader } = webhookOf(stage);
      const signature = request.headers[signatureHeader] ?? '';
      const { length } = request.rawBody;
      await expectRefused(
        stage,
        withBody(request, flipByte(request.rawBody, stage.int(0, length - 1))),
        'a changed body',
      );
      const forged = flipCharacter(signature, stage.int(0, Math.floor(signature.length / 2)));
      await expectRefused(stage, withHeader(request, signatureHeader, forged), 'a changed signature');
      const stranger = stage.open({ secrets: { ...stage.secrets, WEBHOOK_SECRET: 'not-the-secret' } });
      const verdict = await stranger.verify(request);
      ok(!verdict.ok, 'a webhook signed with another secret is accepted');
    },
  },
  {
    id: 'verify-refuses-truncated',
    proves: 'A body that was cut anywhere, or is empty, is refused.',
    skipWhen: needsWebhooks,
    async play(stage) {
      const { request } = await captureOrder(stage);
      const end = stage.int(1, request.rawBody.length - 1);
      await expectRefused(stage, withBody(request, request.rawBody.slice(0, end)), `a body cut at ${end}`);
      await expectRefused(stage, withBody(request, new Uint8Array()), 'an empty body');
    },
  },
  {
    id: 'verify-refuses-missing-header',
    proves: 'A request without any one of the headers that it is judged by is refused.',
    skipWhen: needsWebhooks,
    async play(stage) {
      const { request } = await captureOrder(stage);
      for (const name of webhookOf(stage).requiredHeaders) {
        notEqual(request.headers[name], undefined, `the sandbox sends ${name}`);
        await expectRefused(stage, withHeader(request, name, undefined), `without ${name}`);
        await expectRefused(stage, withHeader(request, name, ''), `with an empty ${name}`);
      }
    },
  },
  {
    id: 'verify-refuses-wrong-length',
    proves: 'A signature too short, too long, or not of its alphabet is refused, and never an error.',
    skipWhen: needsWebhooks,
    async play(stage) {
      const { request } = await captureOrder(stage);
      const { signatureHeader } = webhookOf(stage);
      const signature = request.headers[signatureHeader] ?? '';
      const cut = signature.slice(0, stage.int(1, signature.length - 1));
      for (const value of [cut, `${signature}${signature}`, `${signature}a`, 'ÿ'.repeat(signature.length), '=', ' ']) {
        await expectRefused(stage, withHeader(request, signatureHeader, value), `signature ${JSON.stringify(value)}`);
      }
    },
  },
  {
    id: 'verify-refuses-replay',
    proves: 'A recorded request is refused once its time is over, and one from the future too.',
    skipWhen: (capabilities, webhook) =>
      needsWebhooks(capabilities) ?? (webhook?.replayWindowMs === null ? 'the platform signs no time' : null),
    async play(stage) {
      const { request } = await captureOrder(stage);
      const windowMs = webhookOf(stage).replayWindowMs ?? 0;
      await expectRefused(stage, { ...request, now: request.now + windowMs + 5000 }, 'a request from long ago');
      await expectRefused(stage, { ...request, now: request.now - windowMs - 5000 }, 'a request from the future');
      ok(
        (await stage.connection.verify({ ...request, now: request.now + windowMs - 5000 })).ok,
        'refused within its time',
      );
    },
  },
  {
    id: 'verify-same-event-same-key',
    proves: 'An event has one dedupe key on every delivery, and two events never share one.',
    skipWhen: needsWebhooks,
    async play(stage) {
      await stage.control.setFaults({ seed: stage.seed, duplicateWebhook: 1 });
      await captureOrder(stage);
      await captureOrder(stage);
      const keys = await until(async () => {
        const all = (await orderWebhooks(stage)).map(({ verdict }) => verdict.dedupeKey);
        return all.length >= 4 && all.length % 2 === 0 ? all : null;
      }, 'each webhook of two orders comes twice');
      const counts = [...Map.groupBy(keys, (key) => key).values()].map((same) => same.length);
      deepEqual(
        counts,
        Array.from({ length: keys.length / 2 }, () => 2),
        'each key is that of one event and its repetition',
      );
    },
  },
];
