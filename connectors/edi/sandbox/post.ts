/**
 * The retailer's outgoing post: files into the brand's inbound directory, whole under their names, with the faults of a carrier.
 *
 * | fault           | means                                                                                          |
 * | duplicateWebhook | delivered a second time: under the same name, under another, or stated again in a new interchange |
 * | dropWebhook      | lost on the way; sent again when no 997 came in time                                           |
 * | delayWebhookMs, reorderWebhook | it comes later, and others before it                                             |
 * | brokenInterchange | a broken one of the same number comes first, the whole one later                              |
 * | lateReceiptMs, loseReceipt | its 997 comes late, or never                                                         |
 *
 * Drawn once per file, from the seed. Does not survive the process.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DeliveryStats } from '../../sandbox/delivery.ts';
import type { FaultDice } from '../../sandbox/faults.ts';

export type Parcel = {
  /** Without extension. */
  readonly name: string;
  readonly text: string;
  /** Whether its 997 came. */
  isTaken(): boolean;
  /** The same order, stated in an interchange of another number. */
  restate(): Parcel;
};

export type Post = {
  sendOrder(parcel: Parcel): void;
  sendReceipt(name: string, text: string): void;
  readonly stats: DeliveryStats;
  close(): void;
};

export type PostOptions = { readonly inbound: string; readonly dice: FaultDice; readonly resendMs: number };

const REORDER_MS_MAX = 1000;
const LATER_MS_MIN = 50;
const LATER_MS_SPREAD = 250;

/** Cut in two, or with an end that does not fit its beginning: nobody can take it for whole. */
function breakText(text: string, dice: FaultDice): string {
  const end = text.lastIndexOf('IEA');
  const misfit = text.slice(end).replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10));
  const breaks = [
    text.slice(0, 120 + dice.upTo(Math.max(0, end - 121))),
    text.slice(0, end),
    `${text.slice(0, end)}${misfit}`,
  ];
  return breaks[dice.upTo(breaks.length - 1)] ?? '';
}

type Timers = {
  readonly after: (delayMs: number, work: () => void) => void;
  readonly pending: number;
  close(): void;
};

function openTimers(): Timers {
  const timers = new Set<NodeJS.Timeout>();
  return {
    after(delayMs, work) {
      if (delayMs === 0) {
        work();
        return;
      }
      const timer = setTimeout(() => {
        timers.delete(timer);
        work();
      }, delayMs);
      timers.add(timer);
    },
    get pending() {
      return timers.size;
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

export function openPost({ inbound, dice, resendMs }: PostOptions): Post {
  const counts = { sent: 0, dropped: 0 };
  const timers = openTimers();
  const { after } = timers;
  const later = (): number => LATER_MS_MIN + dice.upTo(LATER_MS_SPREAD);
  mkdirSync(inbound, { recursive: true });

  const put = (name: string, text: string): void => {
    const unfinished = join(inbound, `.${name}.tmp`);
    writeFileSync(unfinished, text);
    renameSync(unfinished, join(inbound, name));
    counts.sent += 1;
  };

  const repeat = (parcel: Parcel): void => {
    const { name, text } = parcel;
    const repeats = [
      () => put(`${name}.edi`, text),
      () => put(`${name}-again.edi`, text),
      () => {
        const restated = parcel.restate();
        put(`${restated.name}.edi`, restated.text);
      },
    ];
    after(later(), repeats[dice.upTo(repeats.length - 1)] ?? (() => undefined));
  };

  const deliver = (parcel: Parcel): void => {
    const { name, text } = parcel;
    const isBroken = dice.roll(dice.current.brokenInterchange);
    if (isBroken) put(`${name}-part.edi`, breakText(text, dice));
    after(isBroken ? later() : 0, () => put(`${name}.edi`, text));
    if (dice.roll(dice.current.duplicateWebhook)) repeat(parcel);
  };

  const resendUntilTaken = (parcel: Parcel): void => {
    after(resendMs, () => {
      if (!parcel.isTaken()) put(`${parcel.name}.edi`, parcel.text);
    });
  };

  return {
    sendOrder(parcel) {
      const { dropWebhook, reorderWebhook, delayWebhookMs } = dice.current;
      if (dice.roll(dropWebhook)) {
        counts.dropped += 1;
        return resendUntilTaken(parcel);
      }
      const heldMs = dice.roll(reorderWebhook) ? 1 + dice.upTo(REORDER_MS_MAX) : 0;
      after(dice.upTo(delayWebhookMs) + heldMs, () => deliver(parcel));
    },
    sendReceipt(name, text) {
      const { loseReceipt, lateReceiptMs } = dice.current;
      if (dice.roll(loseReceipt)) {
        counts.dropped += 1;
        return;
      }
      after(dice.upTo(lateReceiptMs), () => put(`${name}.edi`, text));
    },
    get stats() {
      const { sent: webhooksSent, dropped: webhooksDropped } = counts;
      return { webhooksSent, webhooksFailed: 0, webhooksDropped, webhooksPending: timers.pending };
    },
    close: () => timers.close(),
  };
}
