/** Push in memory: plan, look, write, settle; one listing at a time (workers/push.ts, carry-out.ts, settle.ts). */
import { isContested, mayWriteStopped } from '#core/drift.ts';
import { expectedShown, RISE_WAIT_MS, readUnanswered, type SyncState, type WirePlan } from '#core/wire.ts';
import { MINUTE_MS } from './brand.ts';
import type { House, Target } from './house.ts';
import { backOff, type Line, NEVER_WRITTEN } from './line.ts';
import { RECEIPT_WAIT_MS, type Seen, type Shelf } from './platform.ts';

const UNDECIDED_WAIT_MS = 20;
const NOT_SENT_MS = 500;
const STALE_MS = 20;
const REJECTED_WAIT_MS = 5 * MINUTE_MS;
const PUT_OFF_MS = 10 * MINUTE_MS;
const EDIT_HIDES_MS = 20 * MINUTE_MS;
const DOCUMENT_EVERY_MS = 15 * MINUTE_MS;

type Write = Extract<WirePlan, { kind: 'write' }>;

/** As `dueListings`: a stopped listing is due only to be lowered. */
const isDueWhileStopped = ({ stopped, shows }: Line, { quantity }: Target): boolean =>
  stopped === null || (stopped !== 'ask' && quantity < shows);

export class Pusher {
  readonly #allot: House;
  readonly #rung = new Map<number, number>();
  #documents = 0;

  constructor(allot: House) {
    this.#allot = allot;
  }

  start(): void {
    const again = (): void => {
      for (const line of this.#allot.lines.values())
        if (line.platform.channel.kind === 'documents') this.#pushDocument(line);
      this.#allot.world.clock.after(DOCUMENT_EVERY_MS, again);
    };
    this.#allot.world.clock.after(MINUTE_MS, again);
  }

  ring(line: Line, afterMs = 1): void {
    if (line.platform.channel.kind === 'documents') return;
    const at = this.#allot.now + afterMs;
    const before = this.#rung.get(line.id);
    if (before !== undefined && before <= at && before >= this.#allot.now) return;
    this.#rung.set(line.id, at);
    this.#allot.world.clock.at(at, () => {
      if (this.#rung.get(line.id) === at) this.#rung.delete(line.id);
      this.#push(line);
    });
  }

  /** The next look that is asked for, and what is behind. */
  #push(line: Line): void {
    const { now, core } = this.#allot;
    const target = this.#allot.target(line);
    if (line.isBusy || target === null || !isDueWhileStopped(line, target)) return;
    const isReadAsked = line.readDueAt !== null && line.readDueAt <= now;
    if (target.version <= line.ackedVersion && !isReadAsked) {
      if (line.readDueAt !== null) this.ring(line, line.readDueAt - now);
      return;
    }
    if (line.blockedUntil > now) {
      this.ring(line, line.blockedUntil - now);
      return;
    }
    if (this.#allot.isUndecided(line.sku)) {
      this.ring(line, UNDECIDED_WAIT_MS);
      return;
    }
    const { protection, settleMs } = line.platform.channel;
    const settledAt = line.writtenAt === null ? null : line.writtenAt + settleMs;
    const plan = core.planPush(target, line.sync, protection, { read: null, now, settledAt, isReadAsked });
    // What looks like sales is never undone on trust.
    if (plan.kind === 'read' || (plan.kind === 'write' && plan.forgetSeen)) this.#look(line, target);
    else this.#carryOut(line, target, plan, null);
  }

  #look(line: Line, target: Target): void {
    line.isBusy = true;
    line.platform.read(line.sku, (seen) => {
      line.isBusy = false;
      if (seen === null) return this.#putOff(line, backOff(line, NOT_SENT_MS));
      line.lookedAt = this.#allot.now;
      line.shows = seen.sellable;
      if (seen.state !== 'tracked') {
        this.#allot.looks.compare(line, seen);
        line.readDueAt = this.#allot.now + PUT_OFF_MS;
        return this.#putOff(line, PUT_OFF_MS);
      }
      if (line.unknown !== null) {
        const { protection } = line.platform.channel;
        const unanswered = { sync: line.sync, sent: line.unknown, doubtedAt: line.doubtedAt };
        const told = readUnanswered(target, unanswered, protection, { read: seen, now: this.#allot.now });
        if (told.kind === 'doubt') return this.#carryOut(line, target, told, seen);
        line.sync = told.sync;
        line.unknown = null;
      }
      line.readDueAt = null;
      const { core, now } = this.#allot;
      const plan = core.planPush(target, line.sync, line.platform.channel.protection, { read: seen, now });
      this.#carryOut(line, target, plan, seen);
    });
  }

  #carryOut(line: Line, target: Target, plan: WirePlan, seen: Seen | null): void {
    const { now } = this.#allot;
    switch (plan.kind) {
      case 'wait':
        // After a look: nothing can be concluded from it yet.
        if (seen !== null) line.readDueAt = plan.until;
        this.ring(line, plan.until - now);
        return;
      case 'doubt':
        this.#allot.poll(line.channel);
        [line.doubtedAt, line.readDueAt, line.blockedUntil] = [plan.since, plan.until, plan.until];
        this.ring(line, plan.until - now);
        return;
      case 'read':
        this.#look(line, target);
        return;
      case 'acknowledged':
        this.#acknowledge(line, target, plan);
        if (plan.forgetSeen === true) this.#allot.keepSeen(line, null);
        this.ring(line);
        return;
      case 'unexplained':
        this.#allot.keepSeen(line, plan.seenSold, plan.seenSold < target.ownSold ? RISE_WAIT_MS : undefined);
        this.#allot.poll(line.channel);
        line.readDueAt = now + 1000;
        line.blockedUntil = now + 50;
        this.ring(line, 100);
        return;
      case 'write':
        if (seen !== null && this.#isSomebodyElses(line, target, seen)) return;
        if (!this.#isAllowed(line, target, seen)) return;
        this.#write(line, target, plan, seen);
        return;
      default:
        plan satisfies never;
    }
  }

  /** Somebody else's number is judged before ours is written over it. */
  #isSomebodyElses(line: Line, target: Target, seen: Seen): boolean {
    if (!isContested(target, line.sync, line.platform.channel.protection, seen)) return false;
    const drift = this.#allot.looks.judge(line, target, seen);
    if (drift === null) return false;
    this.#allot.looks.note(line, drift);
    // The plan has waited for orders as long as it may.
    if (drift.remedy === 'write' || drift.remedy === 'fetch') return false;
    if (drift.remedy !== 'stop') this.#putOff(line, MINUTE_MS);
    return true;
  }

  #isAllowed(line: Line, target: Target, seen: Seen | null): boolean {
    if (line.stopped === null) return true;
    if (mayWriteStopped(line.stopped, target.quantity, seen === null ? line.shows : seen.sellable)) return true;
    line.readDueAt = null;
    return false;
  }

  #write(line: Line, target: Target, plan: Write, seen: Seen | null): void {
    // An attempt holds only the newest version, with no undecided input before it.
    if (this.#allot.target(line)?.version !== target.version) {
      this.ring(line);
      return;
    }
    if (this.#allot.isUndecided(line.sku)) {
      this.ring(line, UNDECIDED_WAIT_MS);
      return;
    }
    this.#checkRaise(line, target, plan, seen);
    line.isWrittenKnowing = this.#allot.isReceivedUncounted(line.sku);
    line.isBusy = true;
    const how = plan.compareWith === null ? '' : `, if it shows ${plan.compareWith}`;
    this.#allot.world.tell(
      `${line.channel} ${line.sku} <- ${plan.wireQuantity} (version ${target.version}, ${plan.soldBaseline} sold${how})`,
    );
    const sent = { ackedQuantity: target.quantity, ackedWire: plan.wireQuantity, soldBaseline: plan.soldBaseline };
    const wire = { number: plan.wireQuantity, compareWith: plan.compareWith, soldBaseline: plan.soldBaseline };
    const onApplied = (shelf: Readonly<Shelf>): void => this.#checkBaseline(line, plan, shelf);
    line.platform.write(line.sku, wire, onApplied, (outcome) => {
      line.isBusy = false;
      // Not before: until the number is out there, what it kept low counts.
      if (plan.forgetSeen && outcome === 'applied') this.#allot.keepSeen(line, null);
      this.#settle(line, target, outcome, sent);
    });
  }

  #settle(line: Line, target: Target, outcome: string, sent: SyncState): void {
    const { now } = this.#allot;
    const { protection, settleMs } = line.platform.channel;
    if (outcome !== 'applied') this.#allot.world.tell(`${line.channel} ${line.sku}: the write is ${outcome}`);
    switch (outcome) {
      case 'applied':
        this.#acknowledge(line, target, { wireQuantity: sent.ackedWire ?? 0, soldBaseline: sent.soldBaseline ?? 0 });
        line.writtenAt = now;
        line.written = [sent.ackedWire ?? 0, ...line.written.slice(0, 1)];
        line.readDueAt = protection.compares ? null : now + settleMs;
        this.ring(line);
        return;
      case 'stale':
        line.readDueAt = now;
        this.#putOff(line, backOff(line, STALE_MS));
        return;
      case 'unknown':
        line.unknown = sent;
        line.doubtedAt = null;
        line.readDueAt = now + settleMs;
        this.#putOff(line, settleMs);
        return;
      case 'rejected':
        line.readDueAt = now;
        this.#putOff(line, REJECTED_WAIT_MS);
        return;
      default:
        this.#putOff(line, backOff(line, NOT_SENT_MS));
        return;
    }
  }

  #putOff(line: Line, ms: number): void {
    line.failures += 1;
    line.blockedUntil = this.#allot.now + ms;
    this.ring(line, Math.max(1, ms));
  }

  #acknowledge(
    line: Line,
    target: Target,
    plan: { readonly wireQuantity: number; readonly soldBaseline: number },
  ): void {
    if (target.version < line.ackedVersion)
      this.#allot.violate(`${line.channel} ${line.sku}: an older version after a newer`);
    line.sync = { ackedQuantity: target.quantity, ackedWire: plan.wireQuantity, soldBaseline: plan.soldBaseline };
    line.ackedVersion = target.version;
    line.ackedAt = this.#allot.now;
    [line.unknown, line.readDueAt, line.blockedUntil, line.failures] = [null, null, 0, 0];
    this.#allot.acknowledged(line);
    if (this.#allot.target(line)?.version === target.version) line.behindSince = null;
    else line.behindSince = this.#allot.now;
  }

  /** A number goes out to a partner that cannot be read: in sequence, again when no receipt comes. */
  #pushDocument(line: Line): void {
    const { now, core } = this.#allot;
    const target = this.#allot.target(line);
    if (target === null || this.#allot.isUndecided(line.sku)) return;
    if (target.version <= line.ackedVersion) return;
    if (line.sent !== null && line.sent.version === target.version && line.sent.resendAt > now) return;
    const known = line.sent === null ? line.sync : NEVER_WRITTEN;
    const plan = core.planBlind(line.platform.channel.protection.basis, target, known);
    if (plan.kind === 'acknowledged') {
      this.#acknowledge(line, target, plan);
      return;
    }
    if (plan.kind !== 'write') return;
    this.#documents += 1;
    this.#allot.world.tell(
      `${line.channel} ${line.sku} <- ${plan.wireQuantity} by document ${this.#documents} (version ${target.version})`,
    );
    line.isWrittenKnowing = this.#allot.isReceivedUncounted(line.sku);
    line.sent = { version: target.version, resendAt: now + RECEIPT_WAIT_MS };
    line.platform.sendDocument(line.sku, plan.wireQuantity, this.#documents, () => {
      if (target.version <= line.ackedVersion) return;
      if (line.sent?.version === target.version) line.sent = null;
      this.#acknowledge(line, target, plan);
    });
  }

  /** No number is raised on trust where the platform does not compare. */
  #checkRaise(line: Line, target: Target, plan: Write, seen: Seen | null): void {
    if (seen !== null || plan.compareWith !== null) return;
    const isSellable = line.platform.channel.protection.basis === 'sellable';
    const shown = isSellable ? expectedShown(target, line.sync) : line.sync.ackedWire;
    if (shown === null || plan.wireQuantity > shown)
      this.#allot.violate(`${line.channel} ${line.sku}: raised to ${plan.wireQuantity} without a look`);
  }

  /** Where the platform compares, no write stands on fewer sales than there were. */
  #checkBaseline(line: Line, plan: Write, shelf: Readonly<Shelf>): void {
    if (plan.compareWith === null || plan.forgetSeen || plan.soldBaseline >= shelf.sold) return;
    // Somebody else's change may hide a sale: no compare can tell.
    if (this.#allot.now - shelf.editedAt < EDIT_HIDES_MS || shelf.editedAt > line.ackedAt - MINUTE_MS) return;
    const unseen = shelf.sold - plan.soldBaseline;
    this.#allot.violate(`${line.channel} ${line.sku}: ${unseen} unit(s) sold there were put back on sale`);
  }
}
