/** `allot policy` on a brand of three items, with 100 of each free, in a folder of its own; two people may give commands. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seedBrand } from './brand.ts';
import { type Around, runAllot, type Said } from './command-line.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

/** A command line; words in single quotes hold spaces together. */
type Allot = (line: string, around?: Around) => Promise<Said>;

type Written = { readonly a?: string; readonly pools?: string; readonly more?: string };

export type PolicyBench = {
  readonly store: TestDatabase;
  readonly folder: string;
  /** As kim, and as somebody else. */
  readonly allot: Allot;
  readonly lee: Allot;
  readonly json: (line: string) => Promise<ReturnType<Said['document']>>;
  /** The policy that the brand was seeded with, and what a test changes of it: the rules of fake:a, pools, whole sections. */
  readonly write: (written?: Written, name?: string) => void;
  readonly versionInForce: () => Promise<unknown>;
  readonly close: () => Promise<void>;
};

const words = (line: string): string[] => [...line.matchAll(/'([^']*)'|\S+/g)].map((match) => match[1] ?? match[0]);

const fileOf = ({ a = '', pools = '', more = '' }: Written): string => `locations:
  - { id: main, master: allot }
programs:
  - { id: dtc, priority: 2, locations: [main] }
  - { id: wholesale, priority: 1, locations: [main] }
${pools}channels:
  - id: fake:a
    program: dtc
${a}  - id: fake:b
    program: wholesale
intervals: { inFlight: 1m }
${more}`;

export async function openPolicyBench(): Promise<PolicyBench> {
  const store = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'allot-policy-'));
  const as =
    (user: string): Allot =>
    (line, around = {}) =>
      runAllot(words(line), { env: { DATABASE_URL: store.url, USER: user }, cwd: folder, ...around });
  const allot = as('kim');
  const json = async (line: string) => (await allot(`${line} --json`)).document();
  await seedBrand(store.db, { skus: ['CUP', 'MUG', 'POT'], mode: 'shadow' });
  for (const sku of ['CUP', 'MUG', 'POT']) await allot(`receive ${sku} 100 --location main`);
  return {
    store,
    folder,
    allot,
    lee: as('lee'),
    json,
    write: (written = {}, name = 'allot.yaml') => writeFileSync(join(folder, name), fileOf(written)),
    versionInForce: async () => (await json('policy show')).version,
    close: async () => {
      rmSync(folder, { recursive: true });
      await store.drop();
    },
  };
}
