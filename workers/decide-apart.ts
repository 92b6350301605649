/**
 * Decides commands apart from the others, in one transaction of their own, and writes only what its caller agrees to: what a person
 * was shown is what is done, or nothing is.
 *
 * Guarantees: a refusal leaves no trace, not even of the commands; agreed facts were decided under the locks they are written under.
 */
import { type Command, orderOf } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { assert } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { Facts, State } from '#core/state.ts';
import type { Database } from '#db/client.ts';
import { addCommands, type NewCommand } from '#db/commands.ts';
import { writeFacts } from '#db/facts.ts';
import { lockAndLoad } from '#db/state.ts';

export type DecidedApart = { readonly state: State; readonly facts: Facts };

/** Ends the transaction that is not agreed to. */
class NotAgreed extends Error {
  readonly decided: DecidedApart;
  constructor(decided: DecidedApart) {
    super('not agreed to');
    this.decided = decided;
  }
}

/**
 * For commands of no order alone: those of an order wait for the earlier ones of theirs. `agrees` sees the state that was decided on,
 * and the facts; where it says no, as a simulation always does, nothing is written.
 */
export async function decideApart(
  db: Database,
  commands: readonly NewCommand[],
  now: Instant,
  agrees: (decided: DecidedApart) => boolean,
): Promise<DecidedApart & { readonly isWritten: boolean }> {
  assert(
    commands.every(({ body }) => orderOf(body) === null),
    'a command of an order waits for its turn',
  );
  try {
    return await db.transaction(async (tx) => {
      const ids = await addCommands(tx, commands);
      const numbered = commands.map(
        ({ body, actor, occurredAt }, index): Command => ({
          id: ids[index] ?? 0,
          body,
          actor,
          occurredAt,
          recordedAt: now,
        }),
      );
      const state = await lockAndLoad(tx, numbered);
      const facts = decide(state, numbered, now);
      if (!agrees({ state, facts })) throw new NotAgreed({ state, facts });
      await writeFacts(tx, { decidedAt: now, policyVersion: state.policy.version, commandIds: ids }, facts);
      return { state, facts, isWritten: true };
    });
  } catch (error) {
    if (error instanceof NotAgreed) return { ...error.decided, isWritten: false };
    throw error;
  }
}
