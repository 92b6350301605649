/**
 * Doctor: recomputes every invariant (DESIGN section 8) from the tables, in one snapshot, and says what is broken, what it touches and
 * the command that goes on from there.
 *
 * Guarantees: changes nothing; every violation counts, five of each are shown; I8 is judged from the platforms' own answers, and is
 * said to be unknown where nobody read them.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { ChannelId } from '#core/model.ts';
import type { Database, Queries } from './client.ts';
import { BOOKS } from './doctor-books.ts';
import { FLOW } from './doctor-flow.ts';
import { WITHIN_SHARE } from './gates.ts';

export type InvariantId = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I9' | 'I10';

export type DoctorCheck = {
  readonly id: InvariantId;
  readonly name: string;
  readonly says: string;
  readonly violations: number | null;
  /** Up to five, one sentence each. */
  readonly examples: readonly string[];
  readonly fix: string;
};

export type DoctorReport = {
  readonly ok: boolean;
  readonly violations: Readonly<Record<InvariantId, number | null>>;
  readonly skipped: Readonly<Partial<Record<InvariantId, string>>>;
  readonly checks: readonly DoctorCheck[];
};

/** What a channel's platform shows now; `fault` where it could not be read. */
export type PlatformReading = {
  readonly channel: ChannelId;
  readonly fault: string | null;
  readonly shown: readonly {
    readonly listingRef: string;
    readonly locationRef: string;
    readonly sellable: number;
    readonly state: string;
  }[];
};

export type DoctorOptions = {
  /** Reads every live channel that can be read; the others are judged by what they acknowledged last. */
  readonly readPlatforms?: () => Promise<readonly PlatformReading[]>;
  /** Ids of the keys that open payloads here; unknown ones are then violations. */
  readonly sealingKeyIds?: readonly string[];
};

type Subject = { readonly id: InvariantId; readonly name: string; readonly touches: string; readonly fix: string };

const EXAMPLES_MAX = 5;
const DEFECT =
  'a defect of allot, or rows changed by hand: pause with allot pause all, keep a copy of the database, and report it';

const SUBJECTS: readonly (Subject & { readonly queries: (options: DoctorOptions) => readonly SQL[] })[] = [
  {
    id: 'I1',
    name: 'Nothing is promised twice',
    touches: 'items and places',
    fix: `see who holds the units with allot explain SKU, and count the place again with allot count; else ${DEFECT}`,
    queries: () => BOOKS.overbooked,
  },
  {
    id: 'I2',
    name: 'Every balance is the sum of its ledger',
    touches: 'balances',
    fix: DEFECT,
    queries: () => BOOKS.balances,
  },
  {
    id: 'I3',
    name: 'One event has one effect',
    touches: 'events and commands',
    fix: `count the items that these touch with allot count; else ${DEFECT}`,
    queries: () => FLOW.once,
  },
  {
    id: 'I4',
    name: 'No accepted order line vanishes',
    touches: 'order lines',
    fix: `look at the order with allot explain --order ID; else ${DEFECT}`,
    queries: () => BOOKS.lines,
  },
  {
    id: 'I5',
    name: "Protected units stay their program's",
    touches: 'pools',
    fix: `look at the item with allot explain SKU; else ${DEFECT}`,
    queries: () => BOOKS.pools,
  },
  {
    id: 'I6',
    name: 'No older number is sent after a newer one',
    touches: 'listings',
    fix: DEFECT,
    queries: () => FLOW.order,
  },
  {
    id: 'I7',
    name: 'What we answered for is in the inbox, and came to something',
    touches: 'inbox entries and commands',
    fix: `let the daemon fetch the orders again (it polls by itself), then look with allot parked list; else ${DEFECT}`,
    queries: () => FLOW.inbox,
  },
  {
    id: 'I9',
    name: 'Nothing grows without bound',
    touches: 'rows that wait',
    fix: 'see that the daemon runs with all its workers (allot status), then look again',
    queries: () => FLOW.growth,
  },
  {
    id: 'I10',
    name: 'No secret and no personal data lies open',
    touches: 'rows',
    fix: 'keep the old sealing key behind the new one in ALLOT_SEAL_KEY; report open personal data as a defect, and delete the rows',
    queries: (options) => FLOW.secrets(options.sealingKeyIds),
  },
];

const SHOWN: Subject = {
  id: 'I8',
  name: 'Every platform shows what it should',
  touches: 'listings',
  fix: 'see why with allot explain SKU --channel CHANNEL; the daemon heals drift by itself when it reconciles',
};

type Found = { readonly violations: number; readonly examples: readonly string[] };

export async function runDoctor(db: Database, options: DoctorOptions = {}): Promise<DoctorReport> {
  const readings = await options.readPlatforms?.();
  const checks = await db.transaction((tx) => runChecks(tx, options, readings), {
    isolation: 'repeatable read',
    readOnly: true,
  });
  const violations = Object.fromEntries(
    checks.map((check) => [check.id, check.violations]),
  ) as DoctorReport['violations'];
  const skipped = Object.fromEntries(
    checks.flatMap((check) => (check.violations === null ? [[check.id, check.says]] : [])),
  );
  return { ok: checks.every((check) => (check.violations ?? 0) === 0), violations, skipped, checks };
}

async function runChecks(
  tx: Queries,
  options: DoctorOptions,
  readings: readonly PlatformReading[] | undefined,
): Promise<DoctorCheck[]> {
  // Whole ledgers are summed: that may take longer than any statement of the daemon's may.
  await tx.execute(sql`select set_config('statement_timeout', '600000', true)`);
  const checks: DoctorCheck[] = [];
  for (const subject of SUBJECTS) {
    const found: Found[] = [];
    for (const query of subject.queries(options)) found.push(await find(tx, query));
    checks.push(checkOf(subject, found));
  }
  const shown = await checkShown(tx, readings);
  return [...checks, shown].sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
}

async function find(tx: Queries, query: SQL): Promise<Found> {
  const rows = await tx.rows<{ example: string; total: number }>(sql`
    with bad(example) as (${query}) select example, count(*) over () as total from bad order by example limit ${EXAMPLES_MAX}`);
  return { violations: rows[0]?.total ?? 0, examples: rows.map((row) => row.example) };
}

function checkOf({ id, name, touches, fix }: Subject, found: readonly Found[]): DoctorCheck {
  const violations = found.reduce((sum, one) => sum + one.violations, 0);
  const examples = found.flatMap((one) => one.examples).slice(0, EXAMPLES_MAX);
  const says = violations === 0 ? 'holds' : `${violations} ${touches} break it`;
  return { id, name, says, violations, examples, fix };
}

type Differing = { readonly example: string };

/** Live channels alone: in shadow and paused the platform shows what it likes. */
async function checkShown(tx: Queries, readings: readonly PlatformReading[] | undefined): Promise<DoctorCheck> {
  const skip = (says: string): DoctorCheck => ({ ...SHOWN, says, violations: null, examples: [] });
  if (readings === undefined) return skip('the platforms were not read');
  const faults = readings.flatMap(({ channel, fault }) => (fault === null ? [] : [`${channel}: ${fault}`]));
  const read = readings.filter(({ fault }) => fault === null);
  const rows = read.flatMap(({ channel, shown }) => shown.map((one) => ({ ...one, channel })));
  const differing = await tx.rows<Differing>(sql`
    with read as (select * from json_to_recordset(${JSON.stringify(rows)}::json)
        as r(channel text, "listingRef" text, "locationRef" text, sellable int, state text)),
      wanted as (
        select l.channel_id as channel, l.listing_ref, l.location_ref, l.sku, t.quantity, s.acked_quantity
        from listing l join channel c on c.id = l.channel_id join target t on t.listing_id = l.id
          left join listing_sync s on s.listing_id = l.id
        where c.mode = 'live' and ${WITHIN_SHARE} and c.configured and l.sku is not null and t.version > 0)
    select format('%s %s (%s) should show %s and %s', w.channel, w.sku, w.listing_ref, w.quantity,
      case when r.state is null then 'was not read' when r.state <> 'tracked' then 'is ' || r.state else 'shows ' || r.sellable end) as example
    from wanted w left join read r on r.channel = w.channel and r."listingRef" = w.listing_ref and r."locationRef" = w.location_ref
    where w.channel in (select json_array_elements_text(${JSON.stringify(read.map(({ channel }) => channel))}::json))
      and (r.state is distinct from 'tracked' or r.sellable <> w.quantity)
    union all
    select format('%s %s (%s) should show %s, and acknowledged %s last', w.channel, w.sku, w.listing_ref, w.quantity,
      coalesce(w.acked_quantity::text, 'nothing'))
    from wanted w where w.channel not in (select json_array_elements_text(${JSON.stringify(readings.map(({ channel }) => channel))}::json))
      and w.acked_quantity is distinct from w.quantity
    order by 1`);
  const found = { violations: differing.length, examples: differing.slice(0, EXAMPLES_MAX).map((row) => row.example) };
  if (faults.length > 0 && found.violations === 0) return skip(`could not be read: ${faults.join('; ')}`);
  return checkOf(SHOWN, [found]);
}
