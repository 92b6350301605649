import { Allot } from './allot.ts'; import { CORE } from './core.ts'; import { recordTraffic } from './traffic.ts'; import { World } from './world.ts'; import { SKUS } from './brand.ts';
for (let seed = 1; seed <= 40; seed++) { const w = new World(recordTraffic(seed)); const a = new Allot(w, CORE, 0); w.play(a);
 for (const sku of SKUS) { const f = (b: any) => [b.item(sku).balances.reduce((s: number, r: any) => s + r.quantity, 0), b.item(sku).promises.reduce((s: number, r: any) => s + r.allocated, 0)].join(); if (f(w.truth) !== f(a.books)) console.log(seed, sku, f(w.truth), f(a.books)); } }
