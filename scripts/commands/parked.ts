/**
 * `allot parked list|show|take|retry|drop`: what could not be taken or sent. Acts on exactly what is named, or on what a list showed:
 * its filter, its last id and its count, so that nothing that came later is touched.
 */
import type { Command } from 'commander';
import type { Database } from '#db/client.ts';
import { dropParked, listParked, type ParkedRow, retryParked, showParked, takeParked } from '#db/parked.ts';
import { wholeFrom } from '../arguments.ts';
import { decideAll, exitCodeOf, requirePolicy, sayTrouble, tallyOf } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural, sayPairs } from '../output.ts';
import type { Kit, Run } from '../session.ts';

type Filter = {
  readonly channel?: string;
  readonly code?: string;
  readonly owner?: string;
  readonly limit: number;
  readonly upTo?: number;
};

const PAGE = 500;

async function choose(db: Database, filter: Filter): Promise<ParkedRow[]> {
  const chosen: ParkedRow[] = [];
  for (let after = 0; chosen.length < filter.limit; ) {
    const page = await listParked(db, PAGE, after);
    const wanted = page.filter(
      (row) =>
        (filter.channel === undefined || row.channel_id === filter.channel) &&
        (filter.code === undefined || row.code === filter.code) &&
        (filter.owner === undefined || (row.owner ?? 'nobody') === filter.owner) &&
        (filter.upTo === undefined || row.id <= filter.upTo),
    );
    chosen.push(...wanted);
    after = page.at(-1)?.id ?? 0;
    if (page.length < PAGE) break;
  }
  return chosen.slice(0, filter.limit);
}

const documentOf = (row: ParkedRow) => ({
  id: row.id,
  source: row.source,
  sourceId: row.source_id,
  channel: row.channel_id,
  order: row.order_id,
  code: row.code,
  reason: row.reason,
  field: row.field,
  fix: row.fix,
  waitsFor: row.waits_for,
  parkedAt: row.parked_at,
  firstParkedAt: row.first_parked_at,
  attempts: row.attempts,
  owner: row.owner,
  takenAt: row.taken_at,
  retryAt: row.retry_at,
});

const flagsOf = (filter: Filter, last: number, count: number): string =>
  [
    '--all-shown',
    ...(filter.channel === undefined ? [] : ['--channel', filter.channel]),
    ...(filter.code === undefined ? [] : ['--code', filter.code]),
    ...(filter.owner === undefined ? [] : ['--owner', filter.owner]),
    '--up-to',
    last,
    '--count',
    count,
  ].join(' ');

async function list(run: Run, filter: Filter): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const rows = await choose(db, filter);
    const columns = [
      { title: 'ID', isNumber: true },
      { title: 'CAUSE' },
      { title: 'CHANNEL' },
      { title: 'SINCE' },
      { title: 'TRIES', isNumber: true },
      { title: 'OWNER' },
      { title: 'REASON' },
    ];
    run.out.show({ schema: 'allot.parked/1', parked: rows.map(documentOf) }, () =>
      rows.length === 0
        ? 'Nothing is parked.'
        : run.out.table(
            columns,
            rows.map((row) => [
              row.id,
              row.code,
              row.channel_id,
              run.out.age(row.first_parked_at),
              row.attempts,
              row.owner,
              row.reason,
            ]),
          ),
    );
    const last = rows.at(-1);
    if (last === undefined) return EXIT.done;
    run.next(
      `next: allot parked show ${rows[0]?.id}; once mended, these ${rows.length}: allot parked retry ${flagsOf(filter, last.id, rows.length)}`,
    );
    return EXIT.found;
  });
}

async function show(run: Run, id: number): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const row = await showParked(db, id);
    if (row === undefined)
      throw new Failure(`nothing was ever parked under ${id}`, { mend: 'allot parked list shows what is' });
    run.out.show({ schema: 'allot.parked.one/1', ...documentOf(row), state: row.state, body: row.body }, () => {
      const pairs = sayPairs([
        ['cause', row.code],
        ['reason', row.reason],
        ['field', row.field],
        ['mend', row.fix],
        ['waits for', row.waits_for],
        ['channel', row.channel_id],
        ['order', row.order_id],
        ['parked', run.out.age(row.first_parked_at)],
        ['tries', row.attempts],
        ['tried again', row.retry_at === null ? null : new Date(row.retry_at).toISOString()],
        ['owner', row.owner],
        ['state', row.state],
        ['source', `${row.source} ${row.source_id}`],
      ]);
      return row.body === null ? pairs : `${pairs}\n\n${JSON.stringify(row.body, null, 2)}`;
    });
    if (row.state === 'parked')
      run.next(`next: allot parked take ${id}; allot parked retry ${id}, or allot parked drop ${id} --reason TEXT`);
    return EXIT.done;
  });
}

type ShownOptions = Omit<Filter, 'limit'> & { readonly allShown?: boolean; readonly count?: number };

const RETRY_MAX = 100_000;

/** What was named, or shown: never more than that. */
async function chooseShown(db: Database, ids: readonly number[], options: ShownOptions): Promise<ParkedRow[]> {
  const isAll = options.allShown === true;
  if (isAll === ids.length > 0) {
    throw new Failure('name the ids, or say --all-shown', {
      mend: 'allot parked retry 12 13 (or take, or drop), or the line that allot parked list ends with',
      exitCode: EXIT.usage,
    });
  }
  if (isAll && options.upTo === undefined) {
    throw new Failure('--all-shown needs --up-to ID', {
      why: 'what was parked after the list was shown is not meant',
      mend: 'take the line that allot parked list ends with',
      exitCode: EXIT.usage,
    });
  }
  const rows = await choose(db, { ...options, limit: RETRY_MAX });
  if (!isAll) return rows.filter(({ id }) => ids.includes(id));
  if (options.count === undefined || rows.length <= options.count) return rows;
  throw new Failure(`${options.count} were shown, and ${rows.length} match now`, {
    why: 'some were stored a moment before the list was read, and came to light after it',
    mend: 'list them again, and take the line that the list ends with',
  });
}

async function retry(run: Run, ids: number[], options: ShownOptions): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    await requirePolicy(db);
    const rows = await chooseShown(db, ids, options);
    const gone = ids.filter((id) => !rows.some((row) => row.id === id));
    const retried = await db.transaction((tx) =>
      retryParked(
        tx,
        rows.map(({ id }) => id),
        run.actor,
      ),
    );
    const outcomes = await decideAll(
      run,
      db,
      rows.flatMap((row) => (row.source === 'command' ? [row.source_id] : [])),
    );
    const tally = tallyOf(outcomes);
    const toDaemon = rows.filter(({ source }) => source !== 'command').length;
    const exitCode = gone.length > 0 ? EXIT.failed : exitCodeOf(tally);
    run.out.show(
      {
        schema: 'allot.retry/1',
        ok: exitCode === EXIT.done,
        retried,
        ...tally,
        toDaemon,
        notParked: gone,
        commands: outcomes,
      },
      () =>
        [
          `${plural(retried, 'parked input')} retried: ${tally.applied} applied, ${tally.unchanged} unchanged, ${tally.parked} parked again`,
          ...(retried > rows.length
            ? [`(later commands of the same orders went with them: ${retried - rows.length})`]
            : []),
          ...(toDaemon > 0
            ? [`${toDaemon} of the inbox, or on the way out: the daemon tries ${toDaemon === 1 ? 'it' : 'them'} again`]
            : []),
        ].join('\n'),
    );
    if (gone.length > 0) run.io.note(`Not parked any more: ${gone.join(', ')}\n`);
    for (const line of sayTrouble(outcomes)) run.io.note(`${line}\n`);
    return exitCode;
  });
}

async function drop(
  run: Run,
  ids: number[],
  { reason, ...options }: ShownOptions & { reason: string },
): Promise<ExitCode> {
  if (reason.trim() === '')
    throw new Failure('the reason is empty', {
      mend: 'say why it may be forgotten: --reason "test order"',
      exitCode: EXIT.usage,
    });
  return run.withDatabase(async (db) => {
    const chosen = ids.length > 0 ? ids : (await chooseShown(db, ids, options)).map(({ id }) => id);
    if (!(await run.confirm(`Forget ${plural(chosen.length, 'parked input')} (${chosen.join(', ')}) for good?`)))
      return EXIT.interrupted;
    const dropped = await db.transaction((tx) => dropParked(tx, chosen, run.actor, reason.trim()));
    const exitCode = dropped === chosen.length ? EXIT.done : EXIT.failed;
    run.out.show(
      { schema: 'allot.drop/1', ok: exitCode === EXIT.done, dropped },
      () => `${plural(dropped, 'parked input')} dropped.`,
    );
    if (dropped < chosen.length)
      run.io.note(`${chosen.length - dropped} of them were not parked any more: allot parked show ID\n`);
    return exitCode;
  });
}

type TakeOptions = ShownOptions & { readonly for?: string; readonly giveBack?: boolean };

/** Says who sees to it; a later failure of the same input keeps its owner. */
async function take(run: Run, ids: number[], { for: name, giveBack, ...options }: TakeOptions): Promise<ExitCode> {
  const owner = giveBack === true ? null : (name?.trim() ?? run.actor);
  if (owner === '' || owner?.includes('@') === true)
    throw new Failure(`"${owner}" cannot be an owner`, {
      why: 'an owner is a name or a team, never empty and never an e-mail address',
      mend: 'allot parked take 12 --for warehouse',
      exitCode: EXIT.usage,
    });
  return run.withDatabase(async (db) => {
    const chosen = (await chooseShown(db, ids, options)).map(({ id }) => id);
    const taken = await db.transaction((tx) => takeParked(tx, chosen, owner));
    const gone = ids.filter((id) => !chosen.includes(id));
    const exitCode = gone.length === 0 && taken === chosen.length ? EXIT.done : EXIT.failed;
    run.out.show({ schema: 'allot.take/1', ok: exitCode === EXIT.done, taken, owner, notParked: gone }, () =>
      owner === null
        ? `${plural(taken, 'parked input')} given back.`
        : `${plural(taken, 'parked input')} taken by ${owner}.`,
    );
    if (gone.length > 0) run.io.note(`Not parked any more: ${gone.join(', ')}\n`);
    if (owner !== null) run.next(`next: allot parked list --owner ${owner}`);
    return exitCode;
  });
}

const collectIds = (text: string, before: readonly number[] = []): number[] => [...before, wholeFrom(1)(text)];

const withFilter = (command: Command): Command =>
  command
    .option('--channel <id>', 'only of this channel')
    .option('--code <cause>', 'only of this cause')
    .option('--owner <name>', 'only what this one has taken; nobody for what no one has');

/** Of commands that act: on ids, or on what a list showed. */
const withShown = (command: Command): Command =>
  withFilter(command)
    .argument('[id...]', 'as the list shows them', collectIds, [])
    .option('--all-shown', 'all that a list with the same filter showed')
    .option('--up-to <id>', 'the last id that the list showed', wholeFrom(1))
    .option('--count <rows>', 'how many the list showed: refused when it would be more', wholeFrom(1));

export function addParkedCommands(program: Command, kit: Kit): void {
  const group = program
    .command('parked')
    .description('what could not be taken or sent: look, take, retry once mended, or drop');
  const listing = withFilter(
    group.command('list').description('what is parked, oldest first; exit 3 when there is something'),
  )
    .option('--limit <rows>', 'at most', wholeFrom(1), 100)
    .action(kit.act(list));
  kit.examples(listing, ['allot parked list', 'allot parked list --code unmapped-listing --channel shopify:main']);
  const showing = group
    .command('show')
    .description('one of them whole')
    .argument('<id>', 'as the list shows it', wholeFrom(1))
    .action(kit.act(show));
  kit.examples(showing, ['allot parked show 12']);
  const retrying = withShown(group.command('retry').description('try these again, and say what became of them')).action(
    kit.act(retry),
  );
  kit.examples(retrying, [
    'allot parked retry 12 13',
    'allot parked retry --all-shown --code unmapped-listing --up-to 40 --count 7',
  ]);
  const taking = withShown(group.command('take').description('say who sees to these: you, or another'))
    .option('--for <name>', 'a name or a team')
    .option('--give-back', 'nobody sees to them any more')
    .action(kit.act(take));
  kit.examples(taking, ['allot parked take 12 13', 'allot parked take 12 --for warehouse']);
  const dropping = withShown(group.command('drop').description('forget these for good, with the reason'))
    .requiredOption('--reason <text>', 'why; kept in the row')
    .action(kit.act(drop));
  kit.examples(dropping, ['allot parked drop 12 --reason "test order"']);
}
