/** `allot channels show`: one channel whole: its mode and share, its gate, its breaker, and how far its numbers agree, day by day. */
import { restMs } from '#core/breaker.ts';
import { agreementOf, compareShown, isClean } from '#core/gate.ts';
import { readBreaker, type StoredBreaker } from '#db/breakers.ts';
import type { Queries } from '#db/client.ts';
import { type AgreementDay, readAgreement, readDiffering, readGate, type StoredGate } from '#db/gates.ts';
import { type LookState, oldestLook, readLookState } from '#db/looks.ts';
import { cleanDaysNow, GATE_DAYS_READ, sayCauses, sayGate, sayPercent, WHY_DIFFERS } from '#workers/gate-words.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { sayPairs } from '../output.ts';
import type { Run } from '../session.ts';

type ShowOptions = { readonly days: number; readonly limit: number };

async function readChannel(db: Queries, id: string, options: ShowOptions) {
  const gate = await readGate(db, id);
  if (gate === undefined)
    throw new Failure(`no channel is called ${id}`, { mend: 'allot channels list shows what there is' });
  const days = await readAgreement(db, id, GATE_DAYS_READ);
  const differing = (await readDiffering(db, id, options.limit)).map((one) => ({
    ...one,
    ...compareShown(one.should, { sellable: one.shows, state: one.state }),
  }));
  const looks = await readLookState(db, id);
  const oldestLookAt = looks === null ? null : await oldestLook(db, id);
  return { gate, days, differing, breaker: await readBreaker(db, id), looks, oldestLookAt };
}

const documentOf = (day: AgreementDay, gate: StoredGate) => ({
  ...day,
  agreement: agreementOf(day),
  clean: gate.rule === null ? null : isClean(gate.rule, day),
});

function sayBreaker(run: Run, breaker: StoredBreaker): string {
  if (breaker.state === 'closed')
    return breaker.failures === 0 ? 'closed' : `closed, ${breaker.failures} failures in a row: ${breaker.lastError}`;
  const next = Math.ceil(restMs(breaker, run.io.now()) / 1000);
  return `${breaker.state} since ${run.out.age(breaker.openedAt)}, the next probe in ${next} s: ${breaker.lastError}`;
}

export async function showChannel(run: Run, id: string, options: ShowOptions): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const { gate, days, differing, breaker, looks, oldestLookAt } = await readChannel(db, id, options);
    const now = run.io.now();
    const next = sayGate(gate, days, now);
    const shown = days.slice(0, options.days);
    const cleanDays = cleanDaysNow(gate, days, now);
    const document = {
      schema: 'allot.channel/1',
      id,
      mode: gate.mode,
      share: gate.share,
      since: gate.since,
      leftAt: gate.leftAt,
      gate: gate.rule === null ? null : { ...gate.rule, cleanDaysNow: cleanDays, fellBack: gate.fellBackWhy, next },
      breaker,
      lightScan: looks === null ? null : { ...looks, oldestLookAt },
      days: shown.map((day) => documentOf(day, gate)),
      differing,
    };
    run.out.show(document, () =>
      sayChannel(run, { id, gate, next, breaker, days: shown, differing, looks, oldestLookAt }),
    );
    if (gate.fellBack) run.next(`it fell back; once mended: allot channels live ${id}`);
    else if (gate.mode === 'shadow')
      run.next(`next: allot explain SKU --channel ${id} for one that differs; allot channels live ${id}, by hand`);
    return EXIT.done;
  });
}

type Said = Awaited<ReturnType<typeof readChannel>> & { readonly id: string; readonly next: string | null };

const minutes = (ms: number): string => `${Math.max(1, Math.round(ms / 60_000))} min`;

/** How the light scan gets round; null before the first. */
function sayLooks(run: Run, looks: LookState | null, oldestAt: number | null): string | null {
  if (looks === null) return null;
  const { listings, byAge, byValue, everyMs, periodMs, roundMs, isCut } = looks;
  const fits =
    roundMs <= Math.max(periodMs, everyMs)
      ? `each within ${minutes(periodMs)}`
      : `a round takes ${minutes(roundMs)}, not ${minutes(periodMs)}: its platform lets allot read no faster`;
  const parts = byValue === 0 ? `${byAge}` : `${byAge} by age and ${byValue} by what is at stake`;
  const oldest = oldestAt === null ? 'some never looked at yet' : `the oldest look ${run.out.age(oldestAt)}`;
  return `${listings} listings, ${parts} every ${Math.round(everyMs / 1000)} s; ${fits}; ${oldest}${isCut ? '; the last scan was cut short by the platform' : ''}`;
}

function sayChannel(run: Run, said: Said): string {
  const { id, gate, next, breaker, days, differing, looks, oldestLookAt } = said;
  const isPart = gate.mode === 'live' && gate.share < 100;
  const pairs = sayPairs([
    ['channel', id],
    ['mode', isPart ? `live for ${gate.share} % of its items, the rest as in shadow` : gate.mode],
    ['since', run.out.age(gate.since)],
    ['gate', gate.rule === null ? 'none: by hand alone (gate in allot.yaml)' : next],
    ...(gate.fellBackWhy === null ? [] : ([['fell back', gate.fellBackWhy]] as const)),
    ...(gate.leftAt === null ? [] : ([['left', run.out.age(gate.leftAt)]] as const)),
    ['breaker', sayBreaker(run, breaker)],
    ['light scan', sayLooks(run, looks, oldestLookAt)],
  ]);
  const number = (title: string) => ({ title, isNumber: true });
  const byDay = run.out.table(
    [
      { title: 'DAY (UTC)' },
      { title: 'MODE' },
      ...['AGREE', 'COMPARED', 'DIFFERING', 'UNITS', 'MOVING', 'SCANS'].map(number),
      { title: 'BY CAUSE' },
    ],
    days.map((day) => [
      day.day,
      day.mode,
      sayPercent(agreementOf(day)),
      day.compared,
      day.compared - day.agreed,
      day.units,
      day.moving,
      day.scans,
      sayCauses(day.causes),
    ]),
  );
  const apart = run.out.table(
    [
      { title: 'SKU' },
      { title: 'LISTING' },
      number('SHOULD SHOW'),
      number('SHOWS'),
      number('APART'),
      { title: 'WHY' },
      { title: 'READ' },
    ],
    differing.map((one) => [
      one.sku,
      one.listingRef,
      one.should,
      one.state === 'tracked' ? one.shows : null,
      one.units,
      one.cause === null ? null : (WHY_DIFFERS[one.cause] ?? one.cause),
      run.out.age(one.readAt),
    ]),
  );
  return [
    pairs,
    days.length === 0 ? 'Not scanned yet: the daemon compares when it reconciles the channel.' : byDay,
    differing.length === 0 ? 'No listing differed when it was read last.' : `Differing most, as read last:\n${apart}`,
  ].join('\n\n');
}
