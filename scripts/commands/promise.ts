/** `allot promise`: what a salesperson may say to a customer. Reads, reserves nothing. */
import type { Command } from 'commander';
import { DAY_MS, HORIZON_DAYS } from '#core/atp.ts';
import { leftOf } from '#core/dated.ts';
import type { Instant, Policy, Program, Route } from '#core/model.ts';
import { type Promised, type PromisedPart, type PromisePart, promiseBy } from '#core/promise.ts';
import { routeFor } from '#core/rules.ts';
import { readPromisable } from '#db/outlook.ts';
import { takeDue, wholeFrom } from '../arguments.ts';
import { requirePolicy } from '../decide-now.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import type { Kit, Run } from '../session.ts';

type Options = { readonly program: string; readonly customer?: string; readonly by: Instant };

/** What no promise looks at, for it is due too late; `at` is the last moment that counts. */
type Horizon = {
  readonly days: number;
  readonly at: Instant;
  readonly isBefore: boolean;
  /** At places of the program. */
  readonly supplyBeyond: readonly {
    readonly sku: string;
    readonly ref: string;
    readonly location: string;
    readonly quantity: number;
    readonly dueAt: Instant;
  }[];
};

function horizonOf(parts: readonly PromisedPart[], { locations }: Program, by: Instant, now: Instant): Horizon {
  const at = now + HORIZON_DAYS * DAY_MS;
  const supplyBeyond = parts.flatMap(({ outlook }) =>
    outlook.supply
      .filter((row) => leftOf(row) > 0 && row.dueAt > at && locations.includes(row.location))
      .map((row) => {
        const { ref, location, dueAt } = row;
        return { sku: outlook.item.sku, ref, location, quantity: leftOf(row), dueAt };
      }),
  );
  return { days: HORIZON_DAYS, at, isBefore: at < by, supplyBeyond };
}

const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

async function promise(run: Run, sku: string, asked: number, options: Options): Promise<ExitCode> {
  const now = run.io.now();
  const { by } = options;
  if (by < now) {
    throw new Failure(`${new Date(by).toISOString()} has passed`, {
      mend: 'give a day from today on with --by',
      exitCode: EXIT.usage,
    });
  }
  return run.withDatabase(async (db) => {
    await requirePolicy(db);
    const found = await readPromisable(db, sku, now);
    if (found === null) {
      throw new Failure(`SKU ${sku} is not an item`, {
        why: 'SKUs are case-sensitive',
        mend: 'allot status --skus shows those there are',
      });
    }
    const { program, route } = programFor(found.policy, options);
    const told = promiseBy(found.parts, program, { asked, by }, now);
    const horizon = horizonOf(found.parts, program, by, now);
    run.out.show(
      {
        schema: 'allot.promise/1',
        sku,
        asked,
        program: program.id,
        route: route?.id ?? null,
        byAt: by,
        leadTimeDays: program.leadTimeDays ?? 0,
        policyVersion: found.policy.version,
        ...told,
        horizon,
      },
      () =>
        [
          ...sayRoute(options, route),
          say({ sku, asked, by, program }, told),
          ...sayHorizon(horizon, sku),
          'Nothing is reserved.',
        ].join('\n'),
    );
    return EXIT.done;
  });
}

/** The program that is named, unless a route sends the orders of this customer to another. */
function programFor(
  policy: Policy,
  { program: id, customer }: Options,
): { program: Program; route: Route | undefined } {
  const named = policy.programs.find((each) => each.id === id);
  if (named === undefined) {
    throw new Failure(`no program is called ${id}`, {
      mend: `name one of ${policy.programs.map((each) => each.id).join(', ')} with --program`,
      exitCode: EXIT.usage,
    });
  }
  const route = customer === undefined ? undefined : routeFor(policy, '', { customer });
  const routed = policy.programs.find((each) => each.id === route?.program);
  return routed === undefined ? { program: named, route: undefined } : { program: routed, route };
}

const sayRoute = ({ program, customer }: Options, route: Route | undefined): string[] =>
  route === undefined || route.program === program
    ? []
    : [`Orders of customer ${customer} go to program ${route.program}, by route ${route.id}.`];

const POOLS = { own: 'its own pool', shared: 'what all share' } as const;

const sayPart = (part: PromisePart, isNamed: boolean): string => {
  const units = isNamed ? `${part.quantity} ${part.sku}` : String(part.quantity);
  return 'ref' in part
    ? `${units} of ${part.ref} due ${dayOf(part.dueAt)} at ${part.location}`
    : `${units} from ${POOLS[part.kind]}`;
};

/** A kit's parts are named, an item's are its own. */
const sayParts = (parts: readonly PromisePart[], sku: string): string =>
  parts.map((part) => sayPart(part, part.sku !== sku)).join(', ');

function say(
  question: { readonly sku: string; readonly asked: number; readonly by: Instant; readonly program: Program },
  told: Promised,
): string {
  const { sku, asked, by, program } = question;
  const { answer, byDate, whole, late, cappedBy } = told;
  const words = { yes: 'Yes', partly: 'Partly', no: 'No' } as const;
  const some = byDate.quantity === 0 ? 'none' : `${byDate.quantity} of ${asked}`;
  const first = `${words[answer]}: ${some} ${sku} for ${program.id} by ${dayOf(by)}`;
  const when =
    whole === null
      ? `All of it: ${cappedBy.length === 0 ? 'nothing in sight brings that' : 'the backorder limit does not allow that'}.`
      : `All of it: ${dayOf(whole.at)}, ${sayParts(whole.from, sku)}.`;
  const staging = (program.leadTimeDays ?? 0) > 0 ? [`${program.leadTimeDays} days of lead time are counted.`] : [];
  return [
    `${first}${byDate.quantity === 0 ? '' : `: ${sayParts(byDate.from, sku)}`}.`,
    ...(answer === 'yes' ? [] : [when]),
    ...cappedBy.map(
      ({ sku: item, limit, short }) =>
        `Capped by the backorder limit: ${program.id} may sell ${limit} ${item} of what is to come${short === 0 ? '' : `, less ${short} that are short already`}.`,
    ),
    ...staging,
    ...late.map(
      (row) =>
        `Not counted: ${row.quantity - row.received} of ${row.ref} were due ${dayOf(row.dueAt)} and have not come.`,
    ),
  ].join('\n');
}

const BEYOND_TOLD = 3;

/** Nothing where it leaves nothing out. */
function sayHorizon({ days, at, isBefore, supplyBeyond }: Horizon, sku: string): string[] {
  if (!isBefore && supplyBeyond.length === 0) return [];
  const told = supplyBeyond
    .slice(0, BEYOND_TOLD)
    .map((row) => `${row.quantity}${row.sku === sku ? '' : ` ${row.sku}`} of ${row.ref} due ${dayOf(row.dueAt)}`);
  const more = supplyBeyond.length - told.length;
  const rows = told.length === 0 ? '' : `: ${told.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
  return [`Not looked at: supply and demand due after ${dayOf(at)}, ${days} days from now${rows}.`];
}

export function addPromiseCommand(program: Command, kit: Kit): void {
  const command = program
    .command('promise')
    .description('how many a program may promise a customer by a date, when the whole, and from what; reserves nothing')
    .argument('<sku>')
    .argument('<units>', 'how many the customer asks for', wholeFrom(1))
    .requiredOption('--program <id>', 'for this program')
    .option('--customer <id>', 'whose orders a route may send to another program: routes by this customer alone')
    .requiredOption('--by <date>', 'day (all of it, UTC), or moment with its zone', takeDue)
    .action(kit.act(promise));
  kit.examples(command, [
    'allot promise MUG-RED 2000 --program wholesale --by 2026-12-10',
    'allot promise MUG-RED 2000 --program wholesale --customer 7781 --by 2026-12-10 --json',
  ]);
}
