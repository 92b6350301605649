/** `allot explain --order`: why the lines of an order have what they have, and may be given no more; now or at a past moment. */
import type { Backordered } from '#core/backorder.ts';
import type { LineExplained } from '#core/line-explanation.ts';
import type { Instant } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { explainOrder, type LineExplanation, type OrderExplanation } from '#db/explain.ts';
import { explainOrderLines } from '#db/explain-line.ts';
import { explainOrderAt, type PastLine, type PastOrder } from '#db/explain-past.ts';
import { readBackorders } from '#db/outlook.ts';
import { sayPickTags, sayReconfirmCause, sayTolerance, sayWhyNoMore } from '#workers/line-words.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { sayLot } from '../lot-options.ts';
import type { Run } from '../session.ts';

const HISTORY_SHOWN = 200;

export async function showOrder(run: Run, db: Database, id: string): Promise<ExitCode> {
  const order = await explainOrder(db, id);
  if (order === null) throw unknownOrder(id);
  const [backorders, explained] = await Promise.all([
    readBackorders(db, id, run.io.now()),
    explainOrderLines(db, id, run.io.now()),
  ]);
  const lines = order.lines.map((line): ToldLine => {
    const backorder = backorders.get(line.lineRef) ?? null;
    const told = { ...line, backorder, explained: explained?.get(line.lineRef) ?? null };
    return { ...told, says: sayLine(run, told, order.program) };
  });
  run.out.show({ schema: 'allot.explain.order/1', ...order, lines }, () => sayOrder(run, order, lines));
  return EXIT.done;
}

const unknownOrder = (id: string): Failure =>
  new Failure(`order ${id} is not known`, {
    why: 'it may be parked, or not have come in yet',
    mend: 'write it as channel/order, and look with allot parked list',
  });

/** What was expected by a past moment, and who else waited then, is not kept in a form that it could be reckoned from. */
const NO_PAST_BACKORDERS =
  'What of a short line was back-ordered then, and from which supply, is not told: back-orders are told as they stand now alone';

/** A kit is sold from stock alone. */
const mayBeBackordered = ({ short, explained }: PastLine): boolean =>
  short > 0 && explained !== null && explained.tolerance !== 'none' && explained.inputs.kit === undefined;

export async function showOrderAt(run: Run, db: Database, id: string, at: Instant): Promise<ExitCode> {
  const order = await explainOrderAt(db, id, at);
  if (order === null) throw unknownOrder(id);
  const notTold = order.lines.some(mayBeBackordered) ? NO_PAST_BACKORDERS : null;
  run.out.show({ schema: 'allot.explain.order-at/1', ...order, notTold }, () =>
    [sayPast(run, order), ...(notTold === null ? [] : [`\n${notTold}: allot explain --order ${order.id}`])].join('\n'),
  );
  return EXIT.done;
}

/** A line, and as far as it waits: what of it is a back-order, what is expected for it, and why it is given no more. */
type WaitingLine = LineExplanation & {
  readonly backorder: Backordered | null;
  readonly explained: LineExplained | null;
};
type ToldLine = WaitingLine & { readonly says: string };

/** What the partner was told, before what is so now. */
function sayLine(run: Run, line: WaitingLine, program: string): string {
  const { accepted, backOrdered, refused } = line;
  if (accepted === null) return sayPromise(run, line, program);
  const told = [`accepted ${accepted}`, ...(backOrdered > 0 ? [`back-ordered ${backOrdered}`] : [])];
  return `answered: ${[...told, ...(refused > 0 ? [`refused ${refused}`] : [])].join(', ')}; ${sayPromise(run, line, program)}`;
}

function sayPromise(run: Run, line: WaitingLine, program: string): string {
  const wanted = line.ordered - Math.max(line.cancelled, line.refused) - line.shipped;
  if (line.sku === null) return 'names no item: nothing is promised for it';
  if (wanted <= 0) return line.shipped > 0 ? `${line.shipped} shipped, nothing open` : 'nothing open';
  const parts = sayParts(line.allocations, line.components.length > 0);
  const has = `${line.allocated} of ${wanted} allocated${parts === '' ? '' : ` (${parts})`}`;
  if (line.short === 0) return has;
  const since = line.shortSince === null ? '' : ` since ${run.out.age(line.shortSince)}`;
  const { units: backOrdered, expected } = line.backorder ?? { units: 0, expected: [] };
  const coming = sayExpected(expected, line.short);
  const within = `${has}; ${backOrdered} back-ordered, ${coming === '' ? 'no supply expected yet' : coming}`;
  if (backOrdered === line.short) return within;
  const short = `${line.short - backOrdered} short${since}${backOrdered > 0 || coming === '' ? '' : `, ${coming}`}`;
  const tolerance = line.explained === null ? '' : `; ${sayTolerance(line.explained.tolerance)}`;
  return `${backOrdered > 0 ? within : has}; ${short}: ${sayWhyNoMore(line.explained, program)}${tolerance}`;
}

/** `isKit`: each part names its item. */
const sayParts = (
  parts: readonly { quantity: number; sku?: string; pool: string; location: string; lot?: string | null }[],
  isKit: boolean,
): string =>
  parts
    .map(
      ({ quantity, sku, pool, location, lot }) =>
        `${quantity}${isKit && sku !== undefined ? ` ${sku}` : ''} ${pool} at ${location}${sayLot(lot)}`,
    )
    .join(', ');

function sayExpected(expected: Backordered['expected'], short: number): string {
  const [first] = expected;
  if (first === undefined) return '';
  const day = (at: Instant): string => new Date(at).toISOString().slice(0, 10);
  if (first.quantity === short) return `expected ${day(first.dueAt)} from ${first.ref}`;
  return `expected ${expected.map((part) => `${part.quantity} on ${day(part.dueAt)} from ${part.ref}`).join(', ')}`;
}

function sayOrder(run: Run, order: OrderExplanation, lines: readonly ToldLine[]): string {
  const { out } = run;
  const route = order.route === null ? '' : ` by route ${order.route}`;
  const tags = order.pickTags === null ? '' : `\npick tags: ${sayPickTags(order.pickTags)}`;
  const head = `${out.paint('bold', order.id)} (${order.displayRef}), program ${order.program}${route}, placed ${out.age(order.placedAt)}${tags}`;
  const table = out.table(
    [{ title: 'LINE' }, { title: 'SKU' }, { title: 'ORDERED', isNumber: true }, { title: 'WHY' }],
    lines.map((line) => [line.lineRef, line.sku, line.ordered, line.says]),
  );
  const parts = [head, table.trimEnd(), ...stepTables(run, lines), ...historyOf(run, order, lines)];
  return parts.join('\n');
}

/** Of the lines that are short. */
const stepTables = (
  run: Run,
  lines: readonly { lineRef: string; sku: string | null; short: number; explained: LineExplained | null }[],
): string[] =>
  lines.flatMap(({ lineRef, sku, short, explained }) => {
    if (short === 0 || explained === null) return [];
    const table = run.out.table(
      [{ title: 'STEP' }, { title: 'CHANGE', isNumber: true }, { title: 'RESULT', isNumber: true }, { title: 'WHY' }],
      explained.steps.map(({ id, change, result, says }) => [
        id,
        change > 0 ? `+${change}` : String(change),
        result,
        says,
      ]),
    );
    const unit = explained.inputs.kit === undefined ? 'units' : 'sets';
    return [
      `\nline ${lineRef} (${sku}): ${short} short, ${explained.mayTake} ${unit} could be given, by policy ${explained.policyVersion}`,
      table.trimEnd(),
    ];
  });

function historyOf(run: Run, { history }: OrderExplanation, lines: readonly LineExplanation[]): string[] {
  if (history.length === 0) return [];
  const isKit = lines.some((line) => line.components.length > 0);
  const shown = history.slice(-HISTORY_SHOWN);
  const table = run.out.table(
    [
      { title: 'WHEN' },
      { title: 'LINE' },
      { title: 'WHAT' },
      { title: 'UNITS', isNumber: true },
      { title: 'FROM' },
      { title: 'CAUSE' },
    ],
    shown.map((step) => [
      new Date(step.at).toISOString(),
      step.lineRef,
      step.kind,
      step.delta,
      `${isKit ? `${step.sku} ` : ''}${step.program} ${step.pool} at ${step.location}${sayLot(step.lot)}`,
      `${step.cause}${sayReconfirmCause(step.reconfirm)} by ${step.actor}, policy ${step.policyVersion}, command ${step.commandId}`,
    ]),
  );
  const earlier = history.length - shown.length;
  return [...(earlier === 0 ? [] : [`\n${earlier} earlier: --json`]), `\n${table.trimEnd()}`];
}

function sayPast(run: Run, order: PastOrder): string {
  const head = `${run.out.paint('bold', order.id)} (${order.displayRef}) at ${new Date(order.at).toISOString()}, program ${order.program}`;
  if (order.lines.length === 0) return `${head}\nIt had not been decided by then.`;
  const columns = [
    { title: 'LINE' },
    { title: 'SKU' },
    { title: 'ORDERED', isNumber: true },
    { title: 'CANCELLED', isNumber: true },
    { title: 'SHIPPED', isNumber: true },
    { title: 'SHORT', isNumber: true },
    { title: 'ALLOCATED' },
  ];
  const rows = order.lines.map((line) => [
    line.lineRef,
    line.sku,
    line.ordered,
    line.cancelled,
    line.shipped,
    line.short,
    sayPastLine(line, order.program),
  ]);
  return [head, run.out.table(columns, rows).trimEnd(), ...stepTables(run, order.lines)].join('\n');
}

function sayPastLine(line: PastLine, program: string): string {
  const isKit = line.explained?.inputs.kit !== undefined;
  const parts = sayParts(line.allocations, isKit);
  const has = parts === '' ? 'nothing allocated' : parts;
  return line.short === 0 || line.sku === null ? has : `${has}; ${sayWhyNoMore(line.explained, program)}`;
}
