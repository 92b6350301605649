/** A platform that fails: what is known to be undone, what is not known, and that the connector never hangs or guesses. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { FaultCode, Throttled } from '#core/errors.ts';
import type { ChannelConnection } from '../../connector.ts';
import type { SandboxFaultsInput } from '../../sandbox/faults.ts';
import { type ConformanceCase, needsReads } from '../case.ts';
import { expectFault, until } from '../expect.ts';
import { type Item, makeItems, sendInTheDark, shownOf, untilObserved } from '../items.ts';
import type { Stage } from '../stage.ts';
import { batchMaxOf } from '../subject.ts';

const SHORT_DEADLINE_MS = 500;
const RETURN_MS_MAX = 3000;
const RETRY_MS_MAX = 3_600_000;

type Scene = {
  readonly items: readonly Item[];
  readonly before: readonly number[];
  readonly wanted: readonly number[];
};

async function setScene(stage: Stage): Promise<Scene> {
  const items = await makeItems(stage, stage.shuffle(stage.skus).slice(0, Math.min(3, batchMaxOf(stage.capabilities))));
  return { items, before: await shownOf(stage, items), wanted: items.map(({ wireQuantity }) => wireQuantity) };
}

const fail = (stage: Stage, faults: SandboxFaultsInput) => stage.control.setFaults({ seed: stage.seed, ...faults });

const readBack =
  (stage: Stage, connection: ChannelConnection, { items }: Scene) =>
  () =>
    connection.observe(
      items.map(({ listing }) => listing),
      stage.signal,
    );

const send =
  (stage: Stage, connection: ChannelConnection, { items }: Scene) =>
  () =>
    connection.send(connection.prepare(items, 'faulty'), items.length, stage.signal);

/** A send with nothing but a fault, or nothing but `unknown`, for an answer that makes no sense. */
async function expectDark(stage: Stage, scene: Scene, when: string): Promise<void> {
  const told = await sendInTheDark(stage, scene.items, when);
  ok(told === 'uncertain', `${when}: the push may have been applied, which Transient denies`);
}

/** What every reading call ends in while the fault lasts. */
async function expectReads(stage: Stage, scene: Scene, codes: readonly FaultCode[], when: string): Promise<void> {
  const { connection, signal } = stage;
  await expectFault(readBack(stage, connection, scene), codes, `observe: ${when}`);
  await expectFault(() => connection.fetchOrdersSince(null, signal), codes, `fetchOrdersSince: ${when}`);
  await expectFault(() => connection.scan(null, signal), codes, `scan: ${when}`);
  if (stage.capabilities.discoverLocations)
    await expectFault(() => connection.discoverLocations(signal), codes, `discoverLocations: ${when}`);
}

async function expectNothingApplied(stage: Stage, { items, before }: Scene): Promise<void> {
  await fail(stage, {});
  deepEqual(await shownOf(stage, items), before, 'nothing was applied');
}

/** An answer 200 that is no answer. `isApplied`: whether the platform did the work. */
const nonsenseCase = (id: string, faults: SandboxFaultsInput, what: string): ConformanceCase => ({
  id,
  proves: `${what}: a read is undone, a push is uncertain, and neither is a crash or a success.`,
  skipWhen: needsReads,
  async play(stage) {
    const scene = await setScene(stage);
    await fail(stage, faults);
    await expectReads(stage, scene, ['transient', 'defect'], what);
    await expectDark(stage, scene, id);
  },
});

export const FAULT_CASES: readonly ConformanceCase[] = [
  {
    id: 'uncertain-resolved-by-read',
    proves:
      'A push that was applied and never answered is uncertain, is not sent a second time, and a read tells what became of it.',
    skipWhen: needsReads,
    async play(stage) {
      const scene = await setScene(stage);
      const { apiCalls } = await stage.control.stats();
      await fail(stage, { timeoutAfterApply: 1 });
      await expectDark(stage, scene, 'after-apply');
      equal(
        (await stage.control.stats()).apiCalls,
        apiCalls + (stage.subject.callsPerItem === true ? scene.items.length : 1),
        'calls: a push, or each of its items, is one call, never repeated by the connector',
      );
      await fail(stage, {});
      await untilObserved(stage, scene.items, scene.wanted);
    },
  },
  {
    id: 'timeout-before-apply',
    proves:
      'A push whose connection broke before it was applied is never called applied, and a read tells the old numbers.',
    skipWhen: needsReads,
    async play(stage) {
      const scene = await setScene(stage);
      await fail(stage, { timeoutBeforeApply: 1 });
      await sendInTheDark(stage, scene.items, 'before-apply');
      await fail(stage, {});
      await untilObserved(stage, scene.items, scene.before);
    },
  },
  {
    id: 'late-apply-observed',
    proves:
      'A push that applies after its connection broke is uncertain; the read tells it as soon as it has happened.',
    skipWhen: needsReads,
    async play(stage) {
      const scene = await setScene(stage);
      await fail(stage, { lateApply: 1 });
      await expectDark(stage, scene, 'late-apply');
      await fail(stage, {});
      await untilObserved(stage, scene.items, scene.wanted);
    },
  },
  {
    id: 'server-error',
    proves: 'A 5xx leaves a read undone (Transient); a push never counts as applied.',
    skipWhen: needsReads,
    async play(stage) {
      const scene = await setScene(stage);
      await fail(stage, { error5xx: 1 });
      await expectReads(stage, scene, ['transient'], '503');
      await expectFault(send(stage, stage.connection, scene), ['transient', 'uncertain'], 'send: 503');
      await expectNothingApplied(stage, scene);
    },
  },
  {
    id: 'throttled',
    proves: 'The platform\'s "slow down" is Throttled, with the moment from which the call may work again.',
    skipWhen: needsReads,
    async play(stage) {
      const scene = await setScene(stage);
      await fail(stage, { throttle: 1 });
      await expectReads(stage, scene, ['throttled'], 'throttled');
      const now = Date.now();
      const fault = (await expectFault(
        send(stage, stage.connection, scene),
        ['throttled'],
        'send: throttled',
      )) as Throttled;
      const waitMs = fault.retryAt - now;
      ok(waitMs > 0 && waitMs <= RETRY_MS_MAX, `retryAt lies ${waitMs} ms ahead, expected 1 to ${RETRY_MS_MAX}`);
      await expectNothingApplied(stage, scene);
    },
  },
  {
    id: 'deadline-kept',
    proves:
      'A platform that never answers costs no more than the deadline: Transient for a read, Uncertain for a push.',
    skipWhen: needsReads,
    async play(stage) {
      const scene = await setScene(stage);
      const fresh = stage.open({ deadlineMs: SHORT_DEADLINE_MS });
      const warm = stage.open({ deadlineMs: SHORT_DEADLINE_MS });
      // A connector that signs in first would otherwise hang there, and be right to say that nothing was pushed.
      await readBack(stage, warm, scene)();
      await fail(stage, { hang: 1 });
      const startedAt = performance.now();
      await expectFault(readBack(stage, fresh, scene), ['transient'], 'observe: no answer');
      await expectFault(send(stage, warm, scene), ['uncertain'], 'send: no answer');
      const tookMs = performance.now() - startedAt;
      ok(tookMs < RETURN_MS_MAX, `two calls with a deadline of ${SHORT_DEADLINE_MS} ms took ${Math.round(tookMs)} ms`);
      await expectNothingApplied(stage, scene);
    },
  },
  {
    id: 'abort-obeyed',
    proves: "The caller's signal ends a call at once, and before a call nothing is sent.",
    skipWhen: needsReads,
    async play(stage) {
      const scene = await setScene(stage);
      const { connection } = stage;
      await fail(stage, { hang: 1 });
      const keys = scene.items.map(({ listing }) => listing);
      const startedAt = performance.now();
      await expectFault(() => connection.observe(keys, AbortSignal.timeout(50)), ['transient'], 'observe: aborted');
      const prepared = connection.prepare(scene.items, 'aborted');
      const sendAborted = () => connection.send(prepared, scene.items.length, AbortSignal.timeout(50));
      await expectFault(sendAborted, ['uncertain'], 'send: aborted');
      const tookMs = performance.now() - startedAt;
      ok(tookMs < RETURN_MS_MAX / 2, `two calls aborted after 50 ms took ${Math.round(tookMs)} ms`);
      await fail(stage, {});
      await expectFault(() => connection.observe(keys, AbortSignal.abort()), ['transient'], 'observe: aborted before');
      await expectNothingApplied(stage, scene);
    },
  },
  nonsenseCase('html-answer', { htmlBody: 1 }, 'A page of HTML with status 200'),
  nonsenseCase('truncated-answer', { truncatedBody: 1 }, 'JSON that ends half way'),
  nonsenseCase('empty-answer', { emptyBody: 1 }, 'An answer without content'),
  nonsenseCase('huge-answer', { hugeBody: 1 }, 'A body without end'),
  {
    id: 'credential-refused',
    proves: 'An access token that is no longer good is Credential, for every call, and nothing is applied.',
    skipWhen: needsReads,
    async play(stage) {
      const scene = await setScene(stage);
      await fail(stage, { refuseCredential: 1 });
      await expectReads(stage, scene, ['credential'], '401');
      await expectFault(send(stage, stage.connection, scene), ['credential'], 'send: 401');
      await expectNothingApplied(stage, scene);
    },
  },
  {
    id: 'secret-missing',
    proves: 'A secret that is not there is Credential, told by its name, and no crash.',
    skipWhen: needsReads,
    async play(stage) {
      const observe = async () => stage.open({ secrets: {} }).observe([await stage.listing('SKU-1')], stage.signal);
      const fault = await expectFault(observe, ['credential'], 'no secret at all');
      const names = Object.keys(stage.secrets);
      ok(
        names.some((name) => fault.message.includes(name)),
        `the message names none of ${names.join(', ')}: ${fault.message}`,
      );
    },
  },
  {
    id: 'recovers-unaided',
    proves: 'After any fault the same connection works again by itself.',
    skipWhen: needsReads,
    async play(stage) {
      const scene = await setScene(stage);
      for (const fault of ['timeoutBeforeApply', 'error5xx', 'htmlBody', 'refuseCredential'] as const) {
        await fail(stage, { [fault]: 1 });
        await expectFault(readBack(stage, stage.connection, scene), ['transient', 'credential', 'defect'], fault);
      }
      await fail(stage, {});
      await until(() => stage.push(scene.items, 'recovered'), 'a push after the faults');
      await untilObserved(stage, scene.items, scene.wanted);
    },
  },
];
