/** `allot hold` and its like on twenty of MUG, of which wholesale has five for itself, in a folder of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runDoctor } from '#db/doctor.ts';
import { BRAND_POLICY, seedBrand } from './brand.ts';
import { runAllot, type Said } from './command-line.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

export type HoldBench = {
  readonly store: TestDatabase;
  /** A command line; words in double quotes hold spaces together. */
  readonly allot: (line: string) => Promise<Said>;
  readonly json: (line: string) => Promise<ReturnType<Said['document']>>;
  readonly write: (name: string, text: string) => void;
  /** Whatever was held, converted or let go: the books agree. */
  readonly close: () => Promise<void>;
};

const words = (line: string): string[] => [...line.matchAll(/"([^"]*)"|\S+/g)].map((match) => match[1] ?? match[0]);

export async function openHoldBench(): Promise<HoldBench> {
  const store = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'allot-cli-'));
  const allot: HoldBench['allot'] = (line) =>
    runAllot(words(line), { env: { DATABASE_URL: store.url, USER: 'kim' }, cwd: folder });
  const pools = [{ program: 'wholesale', sku: 'MUG', units: 5, refill: 'never' as const }];
  await seedBrand(store.db, { skus: ['MUG', 'CUP'], policy: { ...BRAND_POLICY, pools }, mode: 'shadow' });
  await allot('receive MUG 20 --location main');
  return {
    store,
    allot,
    json: async (line) => (await allot(`${line} --json`)).document(),
    write: (name, text) => writeFileSync(join(folder, name), text),
    close: async () => {
      const broken = (await runDoctor(store.db)).checks.flatMap(({ examples }) => examples);
      if (broken.length > 0) throw new Error(broken.join('; '));
      rmSync(folder, { recursive: true });
      await store.drop();
    },
  };
}
