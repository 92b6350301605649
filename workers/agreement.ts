/**
 * Agreement: what a scan says of how far allot and the platform agree, and the turn of the channel's gate that follows from it.
 *
 * | a scanned listing                              | counts as                                                       |
 * | in shadow, decided a moment ago                | moving: whoever writes there cannot have told it yet            |
 * | in shadow, else                                | compared: agreed, or differing by cause and units               |
 * | live, beyond the share                         | nothing: nobody here writes it                                  |
 * | live, in flight                                | moving                                                          |
 * | live, missing, untracked or not buyable        | its cause, not compared: there is no number                     |
 * | live, read at an impossible time (clock)       | its cause, not compared: the number cannot be believed          |
 * | live, explained by a late order, or a push of ours that was lost | agreed                                        |
 * | live, changed there by somebody else           | differing                                                       |
 *
 * Guarantees: only a whole scan counts; a turn is taken from what is stored, so that any process may take it.
 */
import type { Observation } from '#connectors/connector.ts';
import type { DriftCause } from '#core/drift.ts';
import { type AgreementCause, compareShown, dayOf, isDiverging, turnGate } from '#core/gate.ts';
import type { ChannelId, Instant } from '#core/model.ts';
import {
  keepAgreement,
  noteDivergence,
  readAgreement,
  readGate,
  type StoredGate,
  silentChannels,
  turnChannel,
} from '#db/gates.ts';
import { readInFlightMs } from '#db/policy-history.ts';
import type { PushCandidate } from '#db/push.ts';
import type { OpenChannel, WorkerContext } from './context.ts';

/** As reconcile found a listing. */
export type ScannedListing = { readonly isMoving: boolean; readonly cause: DriftCause | null };

export type ScanAgreement = {
  note(listing: PushCandidate, observed: Observation, found: ScannedListing): void;
  /** After the last page: keeps what was told, and turns the gate. */
  close(): Promise<void>;
};

type Count = { compared: number; agreed: number; moving: number; units: number; causes: Map<string, number> };

const NO_NUMBER: ReadonlySet<string> = new Set(['missing', 'untracked', 'notBuyable', 'clock']);
/** Ours to explain: an order that comes late, a write of ours that was lost. */
const EXPLAINED: ReadonlySet<string> = new Set(['lateOrder', 'lostPush']);

const DAYS_READ = 200;

function noteShadow(count: Count, listing: PushCandidate, observed: Observation, isMoving: boolean): void {
  if (isMoving) {
    count.moving += 1;
    return;
  }
  const { cause, units } = compareShown(listing.target.quantity, observed);
  differ(count, cause, units);
}

function differ(count: Count, cause: AgreementCause | DriftCause | null, units: number): void {
  count.compared += 1;
  if (cause === null) count.agreed += 1;
  else {
    count.units += units;
    addCause(count, cause);
  }
}

const addCause = ({ causes }: Count, cause: string): void => void causes.set(cause, (causes.get(cause) ?? 0) + 1);

function noteLive(count: Count, listing: PushCandidate, observed: Observation, found: ScannedListing): void {
  if (listing.isBeyondShare) return;
  if (found.isMoving) {
    count.moving += 1;
    return;
  }
  const { cause } = found;
  const isExplained = cause !== null && EXPLAINED.has(cause);
  const isOther = cause !== null && (isExplained || NO_NUMBER.has(cause));
  if (isOther) addCause(count, cause);
  if (cause !== null && NO_NUMBER.has(cause)) return;
  differ(count, isExplained ? null : cause, Math.abs(observed.sellable - listing.target.quantity));
}

export async function openAgreement(context: WorkerContext, channel: OpenChannel): Promise<ScanAgreement> {
  const gate = await readGate(context.db, channel.id);
  const inFlightMs = await readInFlightMs(context.db);
  const count: Count = { compared: 0, agreed: 0, moving: 0, units: 0, causes: new Map() };
  return {
    note(listing, observed, found) {
      if (gate?.mode === 'live') noteLive(count, listing, observed, found);
      else noteShadow(count, listing, observed, context.now() - listing.decidedAt < inFlightMs);
    },
    async close() {
      if (gate === undefined || gate.mode === 'paused') return;
      const { mode } = gate;
      const causes = Object.fromEntries(count.causes);
      await keepAgreement(context.db, channel.id, { ...count, causes, day: dayOf(context.now()), mode });
      await judge(context, channel.id, gate, count);
    },
  };
}

async function judge(context: WorkerContext, channelId: ChannelId, before: StoredGate, scan: Count): Promise<void> {
  if (before.rule === null) return;
  if (before.mode === 'live') await noteDivergence(context.db, channelId, isDiverging(before.rule, scan));
  await turn(context, channelId, before);
}

/** `told`: the scan is of this mode and share; a channel that changed meanwhile has its turn after the next one. */
async function turn(
  context: WorkerContext,
  channelId: ChannelId,
  told: Pick<StoredGate, 'mode' | 'share'>,
): Promise<void> {
  const gate = await readGate(context.db, channelId);
  if (gate === undefined || gate.rule === null || gate.leftAt !== null) return;
  if (gate.mode !== told.mode || gate.share !== told.share) return;
  const now = context.now();
  const days = (await readAgreement(context.db, channelId, DAYS_READ)).filter(({ mode }) => mode === gate.mode);
  const next = turnGate(gate.rule, gate, { days, now });
  if (next.kind === 'stay') return;
  // A daemon that may write nothing lets nothing go live; back it may take it.
  if (context.readOnly && next.kind !== 'fallBack') return;
  if (!(await turnChannel(context.db, channelId, { from: gate, turn: next, now }))) return;
  context.log.warn({ channel: channelId, turn: next.kind, reason: next.says }, 'the gate of a channel turned');
  context.wakeRelay();
}

/** Channels on their ramp whose platform has not answered for long are not scanned: found by the sweep. */
export async function turnSilentGates(context: WorkerContext, silentBefore: Instant): Promise<void> {
  for (const { id, ...gate } of await silentChannels(context.db, silentBefore)) {
    if (context.channels.has(id)) await turn(context, id, gate);
  }
}
