/** What becomes of an inbox entry that cannot be taken now: parked with its field and fix, or tried again by its schedule. */
import { type Fault, type Rejected, Throttled } from '#core/errors.ts';
import { backOffMs, isSpent, PARKED_AGAIN_MS } from '#core/retry.ts';
import type { Later, PendingInput } from '#db/inbox.ts';
import type { InboxRefusal } from '#db/parked.ts';
import type { WorkerContext } from './context.ts';
import { storableText } from './storable-input.ts';

export type Unread = { readonly refusal: InboxRefusal } | { readonly later: Later };

const NOT_NOW_MS = 2000;

/** A number is shown as it stood; of text only the length, since it may be a person's name or address (I10). */
const describeFound = (value: string): string =>
  /^-?[\d.,eE+-]{1,12}$/.test(value) || ['true', 'false', 'null'].includes(value)
    ? value
    : `text of ${value.length} characters`;

export const refuseInput = (input: PendingInput, reader: string, error: Rejected): Unread => ({
  refusal: {
    inboxId: input.inboxId,
    reader,
    code: 'unreadable-input',
    reason: storableText(error.message + (error.value === undefined ? '' : ` (found: ${describeFound(error.value)})`)),
    field: error.field ?? null,
    fix: error.fix ?? 'correct it at its source; allot takes the next version, or drop this one with allot parked drop',
  },
});

/** Nobody asked its platform for it yet. */
export const notNow = (context: Pick<WorkerContext, 'now'>, { inboxId, tries }: PendingInput): Unread => ({
  later: { inboxId, tries, at: context.now() + NOT_NOW_MS },
});

/** Its platform did not give its order: later, or parked when that has gone on for long. A platform that rests says nothing of it. */
export function waitForPlatform(
  context: Pick<WorkerContext, 'now' | 'random' | 'log'>,
  input: PendingInput,
  error: Fault,
): Unread {
  const { channelId, inboxId, tries } = input;
  const now = context.now();
  context.log.warn({ channel: channelId, inbox: inboxId, error: error.message }, 'input waits for its platform');
  if (error instanceof Throttled) return { later: { inboxId, tries, at: Math.max(error.retryAt, now) } };
  if (!isSpent('input', tries + 1))
    return { later: { inboxId, at: now + backOffMs('input', tries, context.random()), tries: tries + 1 } };
  return {
    refusal: {
      inboxId,
      reader: null,
      retryAt: now + Math.floor(context.random() * PARKED_AGAIN_MS),
      code: 'platform-fails',
      reason: storableText(`${channelId} does not give its order, asked ${tries + 1} times: ${error.message}`),
      field: null,
      fix: 'see why at the platform; allot asks again now and then by itself',
    },
  };
}
