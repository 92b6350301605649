import { playDay } from './day.ts';
const n = Number(process.argv[2] ?? 5);
const t0 = performance.now();
let [d, o, on, u, un, ak, ws] = [0,0,0,0,0,0,0];
const kinds: Record<string, any> = {};
for (let seed = 1; seed <= n; seed++) {
  const { result: r } = playDay(seed);
  d += r.demandUnits; o += r.allot.oversold; on += r.naive.oversold; u += r.allot.undersold; un += r.naive.undersold; ak += r.allot.oversoldAfterKnown; ws += r.allot.oversoldWhileStopped;
  for (const [k, t] of Object.entries(r.driftByKind)) { kinds[k] ??= {healed:0,alerted:0,open:0}; for (const x of ['healed','alerted','open'] as const) kinds[k][x] += t[x]; }
  if (n <= 10 || r.broken.length > 0) console.log(seed, r.demandUnits, 'over', r.allot.oversold, r.naive.oversold, 'under', r.allot.undersold, r.naive.undersold, r.broken.slice(0, 4));
}
console.log({ d, o, on, u, un, ak, ws, kinds, ms: (performance.now() - t0) / n });
