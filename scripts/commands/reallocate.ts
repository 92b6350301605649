/**
 * `allot reallocate`: moves protected units of an item from one program's pool to another's for a time, with a reason, a preview of
 * who is harmed, and a second person above the limits. They come back by themselves.
 */
import type { Command } from 'commander';
import { Option } from 'commander';
import { GUARD_DEFAULTS } from '#core/reallocation-guards.ts';
import type { Database } from '#db/client.ts';
import { listLowPools } from '#db/low-pools.ts';
import {
  listReallocations,
  REALLOCATION_STATES,
  type Reallocation,
  type ReallocationFilter,
} from '#db/reallocations.ts';
import { mendsOf } from '#workers/low-pools.ts';
import { apply, approve, type By, close, giveBack, propose, type ReallocationView, view } from '#workers/reallocate.ts';
import { type End, takeEnd, wholeFrom } from '../arguments.ts';
import { requirePolicy } from '../decide-now.ts';
import { EXIT, type ExitCode } from '../io.ts';
import { sayDuration, sayPairs } from '../output.ts';
import { iso, nextOf, sayMove, sayNeeds, sayPreview } from '../reallocation-words.ts';
import type { Kit, Run } from '../session.ts';

/** Who acts is who is logged in: who could name another could be two people. */
const byOf = (run: Run): By => ({ actor: run.actor, now: run.io.now() });

const documentOf = ({ row, judgement, stranded }: ReallocationView) => ({
  ...row,
  warning: stranded,
  needsApproval: row.state === 'proposed' && (judgement?.approval.length ?? 0) > 0,
  guards: judgement,
});

function showOne(run: Run, one: ReallocationView, says: string, exitCode: ExitCode = EXIT.done): ExitCode {
  run.out.show({ schema: 'allot.reallocation/1', ok: exitCode === EXIT.done, ...documentOf(one) }, () =>
    [says, ...sayNeeds(one)].join('\n'),
  );
  run.next(`next: ${nextOf(one)}`);
  return exitCode;
}

type ProposeOptions = {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly until: End;
  readonly apply?: boolean;
};

async function proposeOne(run: Run, sku: string, units: number, options: ProposeOptions): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    await requirePolicy(db);
    const by = byOf(run);
    const { from, to, reason } = options;
    const until = 'at' in options.until ? options.until.at : by.now + options.until.inMs;
    const proposed = await propose(db, { sku, units, from, to, reason, until }, by);
    const { id } = proposed.row;
    const told = `Proposed reallocation ${id}: ${sayMove(proposed.row)}.\n${sayPreview(run, proposed.row.preview)}`;
    const isFree = proposed.judgement?.approval.length === 0 && proposed.judgement.waits === null;
    if (options.apply !== true) return showOne(run, proposed, told);
    if (!isFree) return showOne(run, proposed, `${told}\nNot applied: it stays as proposed.`, EXIT.failed);
    const applied = await apply(db, id, by);
    return showOne(run, applied, `${told}\nApplied: it is in force.`);
  });
}

/** A command that takes one step of one request. */
const step =
  (
    says: (row: Reallocation) => string,
    take: (db: Database, id: number, by: By, why: string | null) => Promise<ReallocationView>,
  ) =>
  async (run: Run, id: number, options: { readonly reason?: string }): Promise<ExitCode> =>
    run.withDatabase(async (db) => {
      await requirePolicy(db);
      const one = await take(db, id, byOf(run), options.reason ?? null);
      return showOne(run, one, says(one.row));
    });

async function show(run: Run, id: number): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    await requirePolicy(db);
    const one = await view(db, id, run.io.now());
    const { row } = one;
    const pairs = sayPairs([
      ['state', row.state],
      ['moves', sayMove(row)],
      ['reason', row.reason],
      ['proposed', `by ${row.proposer} at ${iso(row.proposedAt)}`],
      ['approved', row.approvedAt === null ? null : `by ${row.approver} at ${iso(row.approvedAt)}`],
      ['applied', row.appliedAt === null ? null : `by ${row.appliedBy} at ${iso(row.appliedAt)}`],
      ['ended', row.closedAt === null ? null : `by ${row.closedBy} at ${iso(row.closedAt)}`],
      ['why', row.closeReason],
      ['came back', row.returned + row.spent === 0 ? null : `${row.returned} units; ${row.spent} were drawn meanwhile`],
    ]);
    return showOne(run, one, `${pairs}\n\nAs it was when proposed:\n${sayPreview(run, row.preview)}`);
  });
}

async function list(run: Run, filter: ReallocationFilter): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const rows = await listReallocations(db, filter);
    const columns = [
      { title: 'ID', isNumber: true },
      { title: 'STATE' },
      { title: 'SKU' },
      { title: 'UNITS', isNumber: true },
      { title: 'FROM' },
      { title: 'TO' },
      { title: 'UNTIL' },
      { title: 'BY' },
      { title: 'REASON' },
    ];
    run.out.show(
      { schema: 'allot.reallocations/1', reallocations: rows.map(({ preview: _preview, ...row }) => row) },
      () =>
        rows.length === 0
          ? 'No reallocation.'
          : run.out.table(
              columns,
              rows.map((row) => [
                row.id,
                row.state,
                row.sku,
                row.units,
                row.from,
                row.to,
                iso(row.until),
                row.proposer,
                row.reason,
              ]),
            ),
    );
    return EXIT.done;
  });
}

async function low(run: Run): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const pools = (await listLowPools(db)).map((one) => ({ ...one, mend: mendsOf(one) }));
    const numbers = ['LEFT', 'PROTECTED', 'MISSING'].map((title) => ({ title, isNumber: true }));
    run.out.show({ schema: 'allot.low-pools/1', pools }, () =>
      pools.length === 0
        ? 'No pool is low.'
        : run.out.table(
            [{ title: 'SKU' }, { title: 'POOL' }, ...numbers, { title: 'MEND' }],
            pools.map((one) => [
              one.sku,
              one.location === undefined ? one.program : `${one.program} at ${one.location}`,
              one.remaining,
              one.units,
              one.missing,
              one.mend.join('; '),
            ]),
          ),
    );
    return EXIT.done;
  });
}

const LIMITS = `
How it goes:
  propose   stores the request and shows who would lose what: promises by program, numbers by channel, lines that wait
  approve   a second person, under their own login (the system user: the variable USER counts for nothing);
            never the proposer; needed above a limit
  apply     moves the units at once; every channel's number follows
  return    by itself at --until, or by hand before it (return, or expire): what the receiver has not drawn goes back

Pools are programs, "shared" for what nobody protects, and "emergency" for the pool that no order may draw from.
A pool of one place is not moved: its units are the configuration file's to say.

Limits, unless the reallocation block of the configuration file says otherwise:
  ${GUARD_DEFAULTS.approveAbove} units, ${GUARD_DEFAULTS.perMovePercent} % of the donor's pool in one move and ${GUARD_DEFAULTS.perDayPercent} % within 24 hours, without a second person
  ${sayDuration(GUARD_DEFAULTS.cooldownMs)} between two moves of one donor and item; ${GUARD_DEFAULTS.maxDays} days in force at most
  never more than the donor has: what its program has drawn stays, and nobody else's units are touched
`;

function addPropose(group: Command, kit: Kit): void {
  const command = group
    .command('propose')
    .description('ask for units of one pool for another, with the preview of who is harmed')
    .argument('<sku>')
    .argument('<units>', 'whole units', wholeFrom(1))
    .requiredOption('--from <pool>', 'who gives: a program, shared, or emergency')
    .requiredOption('--to <pool>', 'who gets them: a program, or shared')
    .requiredOption('--reason <text>', 'why, for whoever approves it and for the trail')
    .requiredOption(
      '--until <end>',
      'when they go back: a moment with its zone, or a time from now such as 7d',
      takeEnd,
    )
    .option('--apply', 'apply it at once, where the limits need no second person')
    .addHelpText('after', LIMITS)
    .action(kit.act(proposeOne));
  kit.examples(command, [
    'allot reallocate propose MUG-RED 12 --from wholesale --to dtc --reason "flash sale" --until 2026-12-01T08:00:00+01:00',
    'allot reallocate propose MUG-RED 12 --from shared --to wholesale --reason "PO came early" --until 7d --apply',
    'allot reallocate propose MUG-RED 40 --from emergency --to dtc --reason "recall replacements" --until 3d --json',
  ]);
}

function addSteps(group: Command, kit: Kit): void {
  const id = wholeFrom(1);
  const approving = group
    .command('approve')
    .description('the word of a second person, under their own login; the proposer cannot give it')
    .argument('<id>', 'of the reallocation', id)
    .action(kit.act(step((row) => `Approved reallocation ${row.id}: ${sayMove(row)}.`, approve)));
  kit.examples(approving, ['allot reallocate approve 7', 'allot reallocate approve 7 --json']);
  const applying = group
    .command('apply')
    .description('move the units now')
    .argument('<id>', 'of the reallocation', id)
    .action(kit.act(step((row) => `Applied reallocation ${row.id}: ${sayMove(row)}. It is in force.`, apply)));
  kit.examples(applying, ['allot reallocate apply 7']);
  const returning = group
    .command('return')
    .alias('expire')
    .description('give the units back before their end; what was drawn meanwhile stays drawn')
    .argument('<id>', 'of the reallocation', id)
    .option('--reason <text>', 'why')
    .action(
      kit.act(
        step(
          (row) =>
            `Reallocation ${row.id} is over: ${row.returned} of ${row.units} units went back, ${row.spent} were drawn.`,
          (db, which, by, why) => giveBack(db, which, { ...by, why }),
        ),
      ),
    );
  kit.examples(returning, ['allot reallocate return 7 --reason "the sale is over"', 'allot reallocate expire 7']);
}

function addEnds(group: Command, kit: Kit): void {
  const id = wholeFrom(1);
  const rejecting = group
    .command('reject')
    .description('refuse what another person proposed')
    .argument('<id>', 'of the reallocation', id)
    .requiredOption('--reason <text>', 'why, for its proposer')
    .action(
      kit.act(
        step(
          (row) => `Rejected reallocation ${row.id}; nothing moved.`,
          (db, which, by, why) => close(db, which, { ...by, as: 'rejected', why }),
        ),
      ),
    );
  kit.examples(rejecting, ['allot reallocate reject 7 --reason "the PO needs them"']);
  const withdrawing = group
    .command('withdraw')
    .description('take back what you proposed')
    .argument('<id>', 'of the reallocation', id)
    .option('--reason <text>', 'why')
    .action(
      kit.act(
        step(
          (row) => `Withdrew reallocation ${row.id}; nothing moved.`,
          (db, which, by, why) => close(db, which, { ...by, as: 'withdrawn', why }),
        ),
      ),
    );
  kit.examples(withdrawing, ['allot reallocate withdraw 7']);
}

export function addReallocateCommands(program: Command, kit: Kit): void {
  const group = program
    .command('reallocate')
    .description(
      'move protected units between pools for a time: proposed, approved above a limit, and returned by itself',
    );
  addPropose(group, kit);
  addSteps(group, kit);
  addEnds(group, kit);
  const listing = group
    .command('list')
    .description('the newest reallocations')
    .addOption(new Option('--state <state>', 'only those').choices(REALLOCATION_STATES))
    .option('--sku <sku>', 'only those of an item')
    .action(kit.act(list));
  kit.examples(listing, ['allot reallocate list', 'allot reallocate list --state applied --sku MUG-RED --json']);
  const lows = group
    .command('low')
    .description('pools below their threshold, with the moves that would mend them')
    .action(kit.act(low));
  kit.examples(lows, ['allot reallocate low', 'allot reallocate low --json']);
  const showing = group
    .command('show')
    .description('one reallocation: who, why, what it does, and what it waits for')
    .argument('<id>', 'of the reallocation', wholeFrom(1))
    .action(kit.act(show));
  kit.examples(showing, ['allot reallocate show 7']);
}
