/** `allot hold place|list|show|release|extend`: units kept for a program until a moment. `allot order place --hold` uses one. */
import { type Command, Option } from 'commander';
import type { CommandBody } from '#core/command.ts';
import { faultOfText } from '#core/holds.ts';
import { HOLD_KINDS, type HoldId, type HoldKind, type Instant } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { type HoldFilter, type HoldRow, type HoldStep, listHolds, readHold, readHoldHistory } from '#db/holds.ts';
import { takeInstant, takeSpan, wholeFrom } from '../arguments.ts';
import { commandBy, decideNow, exitCodeOf, sayTrouble, tallyOf } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { sayLot } from '../lot-options.ts';
import { plural, sayDuration, sayPairs } from '../output.ts';
import type { Kit, Run } from '../session.ts';

type End = { readonly until?: Instant | 'now'; readonly for?: number };

/** One of --until and --for. */
function endOf(run: Run, end: End): Instant {
  const isUntil = end.until !== undefined && end.until !== 'now';
  if (isUntil === (end.for !== undefined)) {
    throw new Failure('say once when the hold ends', {
      why: 'a hold always has an end: nobody forgets units then',
      mend: '--until 2026-12-01T09:00:00Z, or --for 2h',
      exitCode: EXIT.usage,
    });
  }
  return end.until !== undefined && end.until !== 'now' ? end.until : run.io.now() + (end.for ?? 0);
}

/** Before anything is written: a parked command would keep the address too. */
function checkTexts(texts: Readonly<Record<string, string | undefined>>): void {
  for (const [name, text] of Object.entries(texts)) {
    const fault = text === undefined ? null : faultOfText(text);
    if (fault !== null) throw new Failure(`--${name} ${fault.says}`, { mend: fault.fix, exitCode: EXIT.usage });
  }
}

const sayEnd = (run: Run, { expiresAt, state }: HoldRow): string => {
  const left = expiresAt - run.io.now();
  if (state !== 'held') return state;
  return left > 0 ? `in ${sayDuration(left)}` : 'now';
};

const sayParts = ({ parts }: HoldRow): string =>
  parts.map(({ quantity, pool, location, lot }) => `${quantity} ${pool} at ${location}${sayLot(lot)}`).join(', ');

const sayHold = (hold: HoldRow): string =>
  `hold ${hold.id}: ${hold.units} ${hold.sku} for ${hold.program}${hold.units === 0 ? '' : ` (${sayParts(hold)})`}, until ${new Date(hold.expiresAt).toISOString()}`;

/** Decides one command about a hold and shows what the hold is then. */
async function perform(
  run: Run,
  db: Database,
  asked: { readonly body: CommandBody; readonly done: string; readonly find: (id: number) => Promise<HoldRow | null> },
): Promise<ExitCode> {
  const outcomes = await decideNow(run, db, [commandBy(run, asked.body)]);
  const exitCode = exitCodeOf(tallyOf(outcomes));
  const hold = exitCode === EXIT.done ? await asked.find(outcomes[0]?.id ?? 0) : null;
  const done = tallyOf(outcomes).unchanged > 0 ? 'Nothing to change' : asked.done;
  run.out.show({ schema: 'allot.hold/1', ok: exitCode === EXIT.done, hold, commands: outcomes }, () =>
    hold === null ? '' : `${done}: ${sayHold(hold)}`,
  );
  for (const line of sayTrouble(outcomes)) run.io.note(`${line}\n`);
  if (hold?.state === 'held') run.next(`next: allot order place --channel CHANNEL --hold ${hold.id}`);
  return exitCode;
}

type PlaceOptions = End & {
  readonly program: string;
  readonly owner: string;
  readonly reason: string;
  readonly kind: HoldKind;
  readonly location?: string;
  readonly ref?: string;
};

async function place(run: Run, sku: string, quantity: number, options: PlaceOptions): Promise<ExitCode> {
  const expiresAt = endOf(run, options);
  const { program, owner, reason, kind: holdKind, location = null, ref = null } = options;
  checkTexts({ owner, reason, ref: options.ref });
  return run.withDatabase(async (db) => {
    const byRef = async () => (ref === null ? [] : listHolds(db, { sku, ref, isAll: true }, 1));
    return perform(run, db, {
      body: { kind: 'hold', holdKind, sku, program, quantity, location, owner, reason, expiresAt, ref },
      done: 'Held',
      find: async (id) => (await byRef())[0] ?? readHold(db, id),
    });
  });
}

async function requireHold(db: Database, id: HoldId): Promise<HoldRow> {
  const hold = await readHold(db, id);
  if (hold !== null) return hold;
  throw new Failure(`there is no hold ${id}`, { mend: 'allot hold list, or allot hold list --all for ended ones' });
}

async function release(run: Run, id: HoldId, { reason }: { reason: string }): Promise<ExitCode> {
  checkTexts({ reason });
  return run.withDatabase(async (db) => {
    const { sku } = await requireHold(db, id);
    const body = { kind: 'release-hold' as const, sku, hold: id, reason, isDue: false };
    return perform(run, db, { body, done: 'Released', find: () => readHold(db, id) });
  });
}

const extend = (run: Run, id: HoldId, end: End): Promise<ExitCode> => {
  const expiresAt = endOf(run, end);
  return run.withDatabase(async (db) => {
    const { sku } = await requireHold(db, id);
    const body = { kind: 'extend-hold' as const, sku, hold: id, expiresAt };
    return perform(run, db, { body, done: 'Extended', find: () => readHold(db, id) });
  });
};

type ListOptions = Omit<HoldFilter, 'endsBy' | 'isAll'> & {
  readonly ending?: number;
  readonly all?: boolean;
  readonly limit: number;
};

async function list(run: Run, { ending, all, limit, ...filter }: ListOptions): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const endsBy = ending === undefined ? {} : { endsBy: run.io.now() + ending };
    const holds = await listHolds(db, { ...filter, ...endsBy, isAll: all === true }, limit);
    const words = (titles: readonly string[]) => titles.map((title) => ({ title }));
    const columns = [
      { title: 'ID', isNumber: true },
      ...words(['SKU', 'PROGRAM', 'KIND']),
      { title: 'UNITS', isNumber: true },
      ...words(['ENDS', 'OWNER', 'REASON', 'REF']),
    ];
    run.out.show({ schema: 'allot.holds/1', holds }, () =>
      holds.length === 0
        ? 'No hold matches.'
        : run.out.table(
            columns,
            holds.map((hold) => [
              hold.id,
              hold.sku,
              hold.program,
              hold.kind,
              hold.units,
              sayEnd(run, hold),
              hold.owner,
              hold.reason,
              hold.ref,
            ]),
          ),
    );
    if (holds.length === limit) run.next(`only the first ${limit}: the same with --limit`);
    return EXIT.done;
  });
}

const historyTable = (run: Run, steps: readonly HoldStep[]): string =>
  run.out.table(
    [{ title: 'WHEN' }, { title: 'WHAT' }, { title: 'UNITS', isNumber: true }, { title: 'WHERE' }, { title: 'CAUSE' }],
    steps.map((step) => [
      new Date(step.at).toISOString(),
      step.orderId === null ? step.kind : `to ${step.orderId}`,
      step.units,
      `${step.pool} at ${step.location}`,
      `${step.cause} by ${step.actor}${step.reason === null ? '' : `: ${step.reason}`}`,
    ]),
  );

const show = (run: Run, id: HoldId): Promise<ExitCode> =>
  run.withDatabase(async (db) => {
    const hold = await requireHold(db, id);
    const history = await readHoldHistory(db, hold);
    run.out.show({ schema: 'allot.hold/1', ok: true, hold, history }, () =>
      [
        sayPairs([
          ['hold', hold.id],
          ['item', hold.sku],
          ['program', hold.program],
          ['kind', hold.kind],
          ['state', hold.state],
          [
            'units',
            `${plural(hold.units, 'unit')} of ${hold.quantity}${hold.units === 0 ? '' : `: ${sayParts(hold)}`}`,
          ],
          ['ends', `${new Date(hold.expiresAt).toISOString()} (${sayEnd(run, hold)})`],
          ['owner', hold.owner],
          ['reason', hold.reason],
          ['ref', hold.ref],
        ]),
        historyTable(run, history),
      ].join('\n\n'),
    );
    return EXIT.done;
  });

const withEnd = (command: Command): Command =>
  command
    .option('--until <time>', 'when it ends, with its zone', takeInstant)
    .option('--for <time>', 'how long from now: 90m, 2h, 35d', takeSpan);

const kindOption = (): Option => new Option('--kind <kind>', 'what it is for').choices(HOLD_KINDS);

function addReads(group: Command, kit: Kit): void {
  const listing = group
    .command('list')
    .description('live holds, the next to end first')
    .option('--sku <sku>', 'of this item')
    .option('--program <id>', 'for this program')
    .addOption(kindOption())
    .option('--owner <name>', 'of this owner')
    .option('--ref <text>', 'by the name its asker gave it')
    .option('--ending <time>', 'that end within this time: 1d', takeSpan)
    .option('--all', 'ended ones too')
    .option('--limit <rows>', 'at most so many', wholeFrom(1), 200)
    .action(kit.act(list));
  kit.examples(listing, ['allot hold list', 'allot hold list --sku MUG-RED --ending 1d']);
  const showing = group
    .command('show')
    .description('one hold, and all that became of its units')
    .argument('<id>', 'as list shows it', wholeFrom(1))
    .action(kit.act(show));
  kit.examples(showing, ['allot hold show 12']);
}

export function addHoldCommands(program: Command, kit: Kit): void {
  const group = program.command('hold').description('keep units for a program until a moment');
  const placing = withEnd(
    group
      .command('place')
      .description(
        'hold units: all of them or none; a launch, pre-sale or subscription goes to its program first when it ends',
      )
      .argument('<sku>')
      .argument('<units>', 'whole units', wholeFrom(1))
      .requiredOption('--program <id>', 'for whom')
      .requiredOption('--owner <name>', 'who answers for it: a person, a team')
      .requiredOption('--reason <text>', 'why'),
  )
    .addOption(kindOption().default('draft'))
    .option('--location <id>', 'at this place alone; else wherever the program draws')
    .option('--ref <text>', 'your own name for it: given again, the same hold is changed')
    .action(kit.act(place));
  kit.examples(placing, [
    'allot hold place MUG-RED 12 --program wholesale --owner kim --reason "fair in Lyon" --for 2d',
    'allot hold place MUG-RED 500 --program drops --kind launch --owner kim --reason "spring drop" --until 2027-03-01T09:00:00Z',
  ]);
  addReads(group, kit);
  const releasing = group
    .command('release')
    .description('let a hold go before its end')
    .argument('<id>', 'as list shows it', wholeFrom(1))
    .requiredOption('--reason <text>', 'why')
    .action(kit.act(release));
  kit.examples(releasing, ['allot hold release 12 --reason "they did not want them"']);
  const extending = withEnd(
    group.command('extend').description('move the end of a hold').argument('<id>', 'as list shows it', wholeFrom(1)),
  ).action(kit.act(extend));
  kit.examples(extending, ['allot hold extend 12 --for 2d', 'allot hold extend 12 --until 2026-12-01T09:00:00Z']);
}
