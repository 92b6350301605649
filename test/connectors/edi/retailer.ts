/** A sandbox retailer with a channel to it, for tests. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Clerk, openClerk } from '#connectors/conformance/clerk.ts';
import { ratesInMemory } from '#connectors/conformance/rates.ts';
import type { ChannelConnection, PushItem } from '#connectors/connector.ts';
import { connector } from '#connectors/edi/index.ts';
import type { Partner } from '#connectors/edi/partner.ts';
import { startEdiSandbox } from '#connectors/edi/sandbox/start.ts';
import { createSandboxControl, type DocumentStats, type SandboxControl } from '#connectors/sandbox/control.ts';
import { waitUntil } from '#test/support/wait-until.ts';

export type Retailer = {
  readonly mailbox: string;
  readonly control: SandboxControl;
  readonly connection: ChannelConnection;
  readonly clerk: Clerk;
  /** A push item of a listing that was seeded. */
  item(sku: string, wireQuantity: number): PushItem;
  /** The desk's figures, once they are so. */
  readonly untilStats: (what: string, isThere: (stats: DocumentStats) => boolean) => Promise<DocumentStats>;
  levelOf(sku: string): Promise<number>;
  filesIn(folder: string): Promise<string[]>;
};

export type RetailerOptions = Omit<Parameters<typeof startEdiSandbox>[0], 'partner' | 'mailbox'>;

export async function openRetailer(
  partner: Partner,
  shown: Readonly<Record<string, number>>,
  options: RetailerOptions = {},
): Promise<Retailer> {
  const mailbox = await mkdtemp(join(tmpdir(), 'allot-retailer-'));
  const sandbox = await startEdiSandbox({ partner, mailbox, lookMs: 20, ...options });
  const connection = connector.open(connector.settings.parse({ partner, mailbox, restSeconds: 0 }), {
    channelId: 'edi:test',
    secret: () => '',
    now: () => Date.now(),
    fetch: () => Promise.reject(new Error('an EDI channel goes nowhere')),
    rates: ratesInMemory(),
    log: { info: () => undefined, warn: () => undefined },
  });
  onTestFinished(async () => {
    await connection.close();
    await sandbox.close();
    await rm(mailbox, { recursive: true });
  });
  const control = createSandboxControl(sandbox.url);
  const { listings } = await control.seed({
    listings: Object.entries(shown).map(([sku, level]) => ({ sku, shown: level })),
  });
  const statsNow = async (): Promise<DocumentStats> => {
    const { documents } = await control.stats();
    if (documents === undefined) throw new Error('a retailer counts documents');
    return documents;
  };
  return {
    mailbox,
    control,
    connection,
    clerk: openClerk(connection, AbortSignal.timeout(30_000)),
    item(sku, wireQuantity) {
      const { listingRef = '', data = {} } = listings.find((one) => one.sku === sku) ?? {};
      return { listing: { listingRef, locationRef: 'warehouse', data }, version: 1, wireQuantity, compareWith: null };
    },
    untilStats: (what, isThere) =>
      waitUntil(what, async () => {
        const stats = await statsNow();
        return isThere(stats) ? stats : null;
      }),
    levelOf: async (sku) => (await control.levels()).find((level) => level.sku === sku)?.shown ?? Number.NaN,
    filesIn: async (folder) => (await readdir(join(mailbox, folder))).filter((name) => name.endsWith('.edi')).sort(),
  };
}
