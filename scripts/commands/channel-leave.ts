/**
 * `allot channels leave`: stops writing to a channel, lists the last numbers, ends its subscriptions. Without `--yes` it shows what it
 * would do, and asks where somebody can answer; where nobody can, it does nothing.
 */
import type { Database } from '#db/client.ts';
import { countUnderWay, type LastNumber, type LeavingChannel, readLastNumbers, readLeaving } from '#db/leave.ts';
import { lastNumbersCsv } from '#workers/last-numbers-csv.ts';
import { type Leaving, leaveChannel, type Subscriptions } from '#workers/leave.ts';
import { openLine } from '../channel-line.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural } from '../output.ts';
import type { Run } from '../session.ts';

type LeaveOptions = { readonly csv?: boolean; readonly dryRun?: boolean };

const tableOf = (run: Run, numbers: readonly LastNumber[]): string =>
  numbers.length === 0
    ? 'No listing of it was ever mapped or written to.'
    : run.out.table(
        [
          { title: 'SKU' },
          { title: 'LISTING' },
          { title: 'SENT LAST', isNumber: true },
          { title: 'SENT' },
          { title: 'SHOWED', isNumber: true },
          { title: 'READ' },
          { title: 'UNDER WAY' },
        ],
        numbers.map((one) => [
          one.sku,
          one.listingRef,
          one.sent,
          run.out.age(one.sentAt),
          one.shows,
          run.out.age(one.readAt),
          one.isUnderWay ? 'yes' : '',
        ]),
      );

function sayLine(line: Leaving['line']): string {
  if (line.channel === null) return `subscriptions  cannot be ended from here: ${line.why}`;
  if (!line.channel.capabilities.subscriptions) return 'subscriptions  its platform has none';
  return `subscriptions  of ${line.callbackUrl ?? 'an address that is not known here (PUBLIC_URL)'} would be ended`;
}

async function requireChannel(db: Database, id: string): Promise<LeavingChannel> {
  const channel = await readLeaving(db, id);
  if (channel !== undefined) return channel;
  throw new Failure(`no channel is called ${id}`, { mend: 'allot channels list shows what there is' });
}

/** `text` is for a table alone; with --csv the numbers are standard output, and the rest is told beside it. */
function show(
  run: Run,
  isCsv: boolean,
  said: { document: object; numbers: readonly LastNumber[]; lines: string[] },
): void {
  const { document, numbers, lines } = said;
  if (isCsv && !run.out.isJson) {
    run.io.write(lastNumbersCsv(numbers));
    run.io.note(`${lines.join('\n')}\n`);
    return;
  }
  run.out.show({ ...document, numbers }, () => [...lines, '', tableOf(run, numbers)].join('\n'));
}

export async function leave(run: Run, id: string, options: LeaveOptions): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const before = await requireChannel(db, id);
    const line = await openLine(run, db, id);
    try {
      const isShownAlone = options.dryRun === true || (!run.isYes && run.io.ask === null);
      if (isShownAlone || !run.isYes) {
        await preview(run, db, { before, line, isCsv: options.csv === true, isQuestion: !isShownAlone });
        if (isShownAlone) return EXIT.done;
        if (!(await run.confirm(`Leave ${id}: stop writing to it, and end its subscriptions?`)))
          return EXIT.interrupted;
      }
      return await carryOut(run, db, { before, line, isCsv: options.csv === true });
    } finally {
      await line.channel?.connection.close();
    }
  });
}

type Before = { readonly before: LeavingChannel; readonly line: Leaving['line']; readonly isCsv: boolean };

async function preview(
  run: Run,
  db: Database,
  { before, line, isCsv, isQuestion }: Before & { readonly isQuestion: boolean },
): Promise<void> {
  const numbers = await readLastNumbers(db, before.id);
  const underWay = await countUnderWay(db, before.id);
  const lines = [
    before.leftAt === null
      ? `${before.id} is ${before.mode}; it would be paused for good, and its ${plural(numbers.length, 'listing')} would keep what ${numbers.length === 1 ? 'it shows' : 'they show'}.`
      : `${before.id} was left ${run.out.age(before.leftAt)}; what is left of it would be ended.`,
    `under way      ${plural(underWay, 'write')}`,
    sayLine(line),
    'untouched      stock, orders and promises; orders of it still come in',
  ];
  // Before a question everything is told beside: the result is what was done.
  if (isQuestion) return run.io.note(`${[...lines, '', tableOf(run, numbers)].join('\n')}\n`);
  const document = { schema: 'allot.channels.leave/1', channel: before.id, done: false, was: before.mode, underWay };
  show(run, isCsv, { document, numbers, lines });
  run.next(`nothing was done; to do it: allot channels leave ${before.id} --yes`);
}

function saySubscriptions(subscriptions: Subscriptions): string {
  if (subscriptions.kind === 'failed') return `NOT ended: ${subscriptions.why}`;
  if (subscriptions.kind === 'none') return `none: ${subscriptions.why}`;
  const { removed, callbackUrl } = subscriptions;
  return removed.length === 0 ? `none left of ${callbackUrl}` : `${removed.length} ended, of ${callbackUrl}`;
}

async function carryOut(run: Run, db: Database, { before, line, isCsv }: Before): Promise<ExitCode> {
  const { id } = before;
  const { underWay, subscriptions } = await leaveChannel({
    db,
    channelId: id,
    actor: run.actor,
    signal: run.io.signal,
    line,
  });
  const numbers = await readLastNumbers(db, id);
  const isWhole = underWay === 0 && subscriptions.kind !== 'failed';
  const lines = [
    `${id} is left: allot writes nothing to it any more (it was ${before.mode}).`,
    `under way      ${underWay === 0 ? 'nothing' : `${plural(underWay, 'write')}: their numbers may come yet`}`,
    `subscriptions  ${saySubscriptions(subscriptions)}`,
    'untouched      stock, orders and promises; orders of it still come in',
  ];
  const document = {
    schema: 'allot.channels.leave/1',
    ok: isWhole,
    channel: id,
    done: true,
    was: before.mode,
    underWay,
    subscriptions,
  };
  show(run, isCsv, { document, numbers, lines });
  if (subscriptions.kind === 'failed') run.io.note(`${subscriptions.fix}\n`);
  else if (underWay > 0)
    run.io.note(`Run it again for the numbers that were under way: allot channels leave ${id} --yes\n`);
  run.next(`next: take ${id} out of allot.yaml once its last orders are shipped; back: allot channels live ${id}`);
  return isWhole ? EXIT.done : EXIT.failed;
}
