/**
 * Sends the patches of one push, a few side by side, each once; one outcome per item.
 *
 * | what happened                              | that item                  | those not sent yet                  |
 * | an answer                                  | its own outcome            | go on                               |
 * | our estimate of the rate cannot pay        |                            | deferred, spread by the rate        |
 * | 429                                        | deferred, spread           | deferred, spread                    |
 * | the answer was lost, a 5xx, nonsense       | unknown                    | deferred by a little                |
 * | no connection, token ended, access refused | deferred by a little       | deferred by a little                |
 *
 * Where no item has an outcome and none may have been applied (or all may), the fault itself is thrown: then it is the channel's.
 * Guarantees: after the first fault nothing more is sent; a push ends within BATCH_MS_MAX, well within the lease of its attempt.
 */
import { Credential, Rejected, Throttled, Transient } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { ConnectorLog, PreparedPush, PushOutcome } from '../connector.ts';
import type { AmazonClient } from './client.ts';
import { outcomeOf, type Patch, patchAnswer, patchesOf, sayIssues } from './push.ts';
import type { AmazonSettings } from './settings.ts';

const SIDE_BY_SIDE = 5;
/** No patch is begun after this; so the last one still has time for its answer. */
const BEGIN_MS_MAX = 5000;
const BATCH_MS_MAX = 15_000;
/** How long what a fault kept from being sent is put off. */
const AFTER_FAULT_MS = 2000;

export type PushLine = {
  readonly client: AmazonClient;
  readonly settings: AmazonSettings;
  readonly log: ConnectorLog;
  readonly now: () => Instant;
};

/** What became of one patch; null: it was not sent. */
type Told = PushOutcome | Error | null;

async function patchOne({ client, settings, log }: PushLine, patch: Patch, signal: AbortSignal): Promise<PushOutcome> {
  const { sku, marketplaceId, body } = patch;
  const reply = await client.call(
    {
      operation: 'patchListingsItem',
      path: { sellerId: settings.sellerId, sku },
      query: { marketplaceIds: [marketplaceId], includedData: ['issues'], issueLocale: 'en_US' },
      body,
      isPaid: true,
      answer: patchAnswer,
    },
    signal,
  );
  if (reply.kind === 'answer' && reply.body.status === 'ACCEPTED' && reply.body.issues.length > 0)
    log.warn({ sku, issues: sayIssues(reply.body) }, 'Amazon accepted the quantity, with remarks on the listing');
  return outcomeOf(reply, sku);
}

async function patchAll(line: PushLine, patches: readonly Patch[], callerSignal: AbortSignal): Promise<Told[]> {
  const late = AbortSignal.timeout(BEGIN_MS_MAX);
  const signal = AbortSignal.any([callerSignal, AbortSignal.timeout(BATCH_MS_MAX)]);
  const told: Told[] = patches.map(() => null);
  const queue = patches.entries();
  let isStopped = false;
  const work = async (): Promise<void> => {
    for (const [index, patch] of queue) {
      try {
        told[index] = await patchOne(line, patch, signal);
      } catch (error) {
        isStopped = true;
        told[index] = error instanceof Error ? error : new Error(String(error));
      }
      if (isStopped || late.aborted) return;
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  return told;
}

/** What says most of the channel comes first. */
const RANKS = [Credential, Throttled, Transient] as const;
const rankOf = (error: Error): number => RANKS.findIndex((kind) => error instanceof kind);
const isNotApplied = (error: Error): boolean => rankOf(error) !== -1;

/** The fault that all of the push comes to; null where its items differ. */
function commonFault(told: readonly Told[], itemCount: number): Error | null {
  const errors = told.filter((one) => one instanceof Error);
  const [first] = errors;
  if (first === undefined || told.some((one) => one !== null && !(one instanceof Error))) return null;
  if (errors.every(isNotApplied)) return errors.toSorted((a, b) => rankOf(a) - rankOf(b))[0] ?? first;
  return errors.length === itemCount && !errors.some(isNotApplied) ? first : null;
}

const sayWhy = (error: Error | undefined): string => error?.message ?? 'the push took too long';

/** Outcomes of a push that stopped part way. */
async function settleRest(line: PushLine, told: readonly Told[]): Promise<readonly PushOutcome[]> {
  const faults = told.filter((one) => one instanceof Error);
  const isWaiting = (one: Told): boolean => one === null || (one instanceof Error && isNotApplied(one));
  const isThrottled = faults.some((fault) => fault instanceof Throttled);
  const waiting = told.filter(isWaiting).length;
  const moments = isThrottled ? await line.client.putOff('patchListingsItem', waiting) : [];
  const queue = moments.values();
  const soon = line.now() + AFTER_FAULT_MS;
  return told.map((one): PushOutcome => {
    if (isWaiting(one)) {
      const why = sayWhy(one instanceof Error ? one : faults[0]);
      return { kind: 'deferred', until: queue.next().value ?? soon, why };
    }
    if (one instanceof Rejected) return { kind: 'rejected', reason: one.message, fix: one.fix ?? 'see the reason' };
    return one instanceof Error || one === null ? { kind: 'unknown', why: sayWhy(one ?? undefined) } : one;
  });
}

export async function sendPush(
  line: PushLine,
  prepared: PreparedPush,
  itemCount: number,
  signal: AbortSignal,
): Promise<readonly PushOutcome[]> {
  const patches = patchesOf(prepared, itemCount);
  const { granted, moments } = await line.client.pay('patchListingsItem', itemCount);
  const told = await patchAll(line, patches.slice(0, granted), signal);
  const fault = commonFault(told, itemCount);
  if (fault !== null) throw fault;
  if (told.some((one) => one instanceof Error)) {
    const why = sayWhy(told.find((one) => one instanceof Error));
    line.log.warn({ items: itemCount, sent: told.filter((one) => one !== null).length, error: why }, 'a push stopped');
  }
  const why = 'Amazon takes 5 quantities a second';
  return [
    ...(await settleRest(line, told)),
    ...moments.map((until): PushOutcome => ({ kind: 'deferred', until, why })),
  ];
}
