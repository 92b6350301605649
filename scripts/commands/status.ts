/** `allot status`: channels, what waits, what is parked, open alerts and shortages; with --skus the items too. */
import type { Command } from 'commander';
import { sayTime } from '#core/latency-buffer.ts';
import {
  type ChannelStatus,
  COUNT_MAX,
  type ListingFigures,
  type Queue,
  readSkuTable,
  readStatus,
  type SkuFigures,
  type Status,
} from '#db/status.ts';
import { wholeFrom } from '../arguments.ts';
import { EXIT, type ExitCode } from '../io.ts';
import type { Cell } from '../output.ts';
import type { Kit, Run } from '../session.ts';

const sayCount = (count: number): string =>
  count >= COUNT_MAX ? `${COUNT_MAX.toLocaleString('en-US')}+` : String(count);

const sayQueue = (run: Run, queue: Queue): string =>
  queue.count === 0 ? '0' : `${sayCount(queue.count)}, oldest ${run.out.age(queue.oldestAt)}`;

function sayState(channel: ChannelStatus): string {
  if (!channel.configured) return 'not configured';
  if (channel.breaker !== 'closed') return 'does not answer: breaker open';
  if (channel.throttled.length > 0)
    return `throttled: ${channel.throttled.map(({ operation }) => operation).join(', ')}`;
  return channel.lastError === null ? '' : 'last call failed';
}

function channelTable(run: Run, channels: readonly ChannelStatus[]): string {
  const words = ['CHANNEL', 'MODE', 'STATE', 'LAST OK', 'RECONCILED'].map((title) => ({ title }));
  const hasDocuments = channels.some(({ pendingDocuments, awaitingReceipt }) => pendingDocuments + awaitingReceipt > 0);
  const exchanged = hasDocuments ? ['TO SEND', 'NO RECEIPT'] : [];
  const numbers = ['LISTINGS', 'UNMAPPED', 'BEHIND', 'BLOCKED', 'IN FLIGHT', ...exchanged].map((title) => ({
    title,
    isNumber: true,
  }));
  const isMeasured = channels.some(({ saleToAckP99Ms }) => saleToAckP99Ms !== null);
  const measured = isMeasured ? [{ title: 'SALE TO ACK P99', isNumber: true }] : [];
  return run.out.table(
    [...words, ...numbers, { title: 'BEHIND SINCE' }, ...measured],
    channels.map((one) => [
      one.id,
      one.mode === 'live' && one.share < 100 ? `live ${one.share} %` : one.mode,
      sayState(one),
      run.out.age(one.lastOkAt),
      run.out.age(one.reconciledAt),
      one.listings,
      one.unmapped,
      one.behind,
      one.blocked,
      one.openAttempts,
      ...(hasDocuments ? [one.pendingDocuments, one.awaitingReceipt] : []),
      run.out.age(one.behindSince),
      ...(isMeasured ? [one.saleToAckP99Ms === null ? null : sayTime(one.saleToAckP99Ms)] : []),
    ]),
  );
}

const sayWho = ({ state, owner }: Status['alerts'][number]): string => {
  if (owner !== null) return `, ${owner} has it`;
  return state === 'open' ? '' : `, ${state}`;
};

function saySections(run: Run, status: Status, isReadOnly: boolean): string[] {
  const { out } = run;
  const sections: string[] = [];
  if (isReadOnly)
    sections.push(
      out.paint('yellow', 'Read-only: ALLOT_READ_ONLY is set here; a daemon with it writes to no platform.'),
    );
  if (status.policyVersion === null)
    sections.push('No policy yet: configure allot.yaml and start the daemon (npm start).');
  sections.push(status.channels.length === 0 ? 'No channel yet.' : channelTable(run, status.channels));
  const errors = status.channels.filter(({ lastError }) => lastError !== null);
  sections.push(...errors.map((one) => `${one.id}: ${one.lastError} (${out.age(one.lastErrorAt)})`));
  const workers =
    status.workers.length === 0
      ? out.paint('yellow', 'none seen in the last minute: npm start')
      : status.workers.map(({ roles }) => roles.join('+')).join('; ');
  sections.push(
    [
      `daemon      ${workers}`,
      `inbox       ${sayQueue(run, status.inbox)}`,
      `commands    ${sayQueue(run, status.commands)}`,
      `shortages   ${status.shortages.count === 0 ? '0' : `${sayCount(status.shortages.count)} open, ${status.shortages.units} units, oldest ${out.age(status.shortages.oldestAt)}`}`,
      `holds       ${status.holds.count === 0 ? '0' : `${sayCount(status.holds.count)}, ${status.holds.units} units, ${status.holds.endingSoon} end within a day`}`,
    ].join('\n'),
  );
  if (status.parked.length > 0) {
    const rows = status.parked.map(({ count, code, channel, oldestAt }): Cell[] => [
      count,
      code,
      channel,
      out.age(oldestAt),
    ]);
    sections.push(
      out.table(
        [{ title: 'PARKED', isNumber: true }, { title: 'CAUSE' }, { title: 'CHANNEL' }, { title: 'OLDEST' }],
        rows,
      ),
    );
  }
  if (status.alerts.length > 0) {
    sections.push(
      status.alerts
        .map(
          (one) =>
            `${out.paint(one.severity === 'warning' || one.severity === 'info' ? 'yellow' : 'red', one.severity)} #${one.id}: ${one.title}, since ${out.age(one.firstSeenAt)}${sayWho(one)}\n  next: ${one.nextStep}`,
        )
        .join('\n'),
    );
  }
  return sections;
}

const sayFigures = (figures: ListingFigures | undefined): string =>
  figures === undefined ? '-' : [figures.shouldShow, figures.sent, figures.shows].map((one) => one ?? '-').join('/');

/** Should show / sent / shows per channel. */
export function skuTable(run: Run, items: readonly SkuFigures[]): string {
  const channels = [...new Set(items.flatMap((item) => Object.keys(item.channels)))].sort();
  const numbers = ['ON HAND', 'ALLOCATED', 'ATP', 'SHORT', ...channels].map((title) => ({ title, isNumber: true }));
  return run.out.table(
    [{ title: 'SKU' }, ...numbers],
    items.map((item) => [
      item.sku,
      item.onHand,
      item.allocated,
      item.atp,
      item.short,
      ...channels.map((id) => sayFigures(item.channels[id])),
    ]),
  );
}

async function showStatus(run: Run, options: { skus?: number | true }): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const status = await readStatus(db, run.io.now());
    const limit = options.skus === true ? 50 : options.skus;
    const items = limit === undefined ? [] : await readSkuTable(db, { limit });
    const { isReadOnly } = run.environment();
    run.out.show(
      { schema: 'allot.status/1', readOnly: isReadOnly, ...status, ...(limit === undefined ? {} : { items }) },
      () => {
        const sections = saySections(run, status, isReadOnly);
        if (limit !== undefined) sections.push(skuTable(run, items), 'per channel: should show / sent / shows');
        return sections.join('\n\n');
      },
    );
    if (status.parked.length > 0) run.next('next: allot parked list');
    if (status.alerts.length > 0) run.next('next: allot alerts');
    return EXIT.done;
  });
}

export function addStatusCommand(program: Command, kit: Kit): void {
  const status = program
    .command('status')
    .description('how things stand: channels, what waits, what is parked, alerts, shortages')
    .option(
      '--skus [rows]',
      'the first items too: on hand, allocated, to promise, and what each channel shows',
      wholeFrom(1),
    )
    .action(kit.act(showStatus));
  kit.examples(status, ['allot status', 'allot status --skus 20', 'allot status --json']);
}
