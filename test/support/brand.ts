/** A small brand in a test database: one location, three programs, channels, items with a listing on each channel. */
import { sql } from 'drizzle-orm';
import type { CommandBody, HoldCommand } from '#core/command.ts';
import type { Policy } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import type { Database } from '#db/client.ts';
import { addCommands } from '#db/commands.ts';

export const NOW = Date.parse('2026-03-02T10:00:00Z');

export const BRAND_POLICY: Omit<Policy, 'version'> = {
  programs: [
    { id: 'dtc', priority: 2, drawOrder: 'ownThenShared', locations: ['main'] },
    { id: 'wholesale', priority: 1, drawOrder: 'ownThenShared', locations: ['main'] },
  ],
  pools: [],
  channels: [
    {
      channel: 'fake:a',
      program: 'dtc',
      sku: '*',
      sharePercent: 100,
      safetyStock: 0,
      buffer: 0,
      hideAtOrBelow: null,
      cap: null,
    },
    {
      channel: 'fake:b',
      program: 'wholesale',
      sku: '*',
      sharePercent: 100,
      safetyStock: 0,
      buffer: 0,
      hideAtOrBelow: null,
      cap: null,
    },
  ],
  inFlightMs: 60_000,
};

export type Brand = {
  readonly skus: readonly string[];
  readonly policy?: Omit<Policy, 'version'>;
  readonly mode?: 'shadow' | 'live' | 'paused';
};

/** Listing references are `ref-SKU`, mapped on every channel of the policy. */
export async function seedBrand(db: Database, { skus, policy = BRAND_POLICY, mode = 'live' }: Brand): Promise<void> {
  const channels = policy.channels.map(({ channel, program }) => ({ id: channel, program }));
  await db.rows(sql`insert into location (id, master) values ('main', 'allot')`);
  await db.rows(sql`
    insert into channel (id, connector, program, mode) select id, 'fake', program, ${mode}
    from json_to_recordset(${JSON.stringify(channels)}::json) as r(id text, program text)`);
  await db.rows(
    sql`insert into policy (version, body, author, reason) values (1, ${JSON.stringify(policy)}::jsonb, 'test', 'test')`,
  );
  await db.rows(sql`insert into policy_current (version) values (1)`);
  await db.rows(sql`insert into item (sku) select value from json_array_elements_text(${JSON.stringify(skus)}::json)`);
  await db.rows(sql`
    insert into listing (channel_id, listing_ref, sku, mapped_at) select c.id, 'ref-' || i.sku, i.sku, now()
    from channel c cross join item i order by i.sku, c.id`);
}

export const command = (db: Database, body: CommandBody, occurredAt = NOW): Promise<number[]> =>
  db.transaction((tx) =>
    addCommands(tx, [
      { body, actor: 'test', occurredAt, channelId: body.kind === 'order-state' ? body.channel : null, inboxId: null },
    ]),
  );

/** Two units of A for `dtc` until a day from `NOW`, unless told otherwise. */
export const holdOf = (over: Partial<HoldCommand> = {}): HoldCommand => ({
  kind: 'hold',
  holdKind: 'launch',
  sku: 'A',
  program: 'dtc',
  quantity: 2,
  location: null,
  owner: 'ann',
  reason: 'launch',
  expiresAt: NOW + 86_400_000,
  ref: null,
  ...over,
});

/** One order of one line per entry of `units`. */
export function orderOf(
  orderRef: string,
  units: Readonly<Record<string, number>>,
  over: Partial<OrderState> = {},
): OrderState {
  return {
    orderRef,
    displayRef: `#${orderRef}`,
    version: 1,
    placedAt: NOW,
    modifiedAt: NOW,
    fulfilledBy: 'seller',
    locationRef: null,
    obligations: [],
    lines: Object.entries(units).map(([sku, ordered]) => ({
      lineRef: `line-${sku}`,
      listingRef: `ref-${sku}`,
      skuHint: sku,
      ordered,
      cancelled: 0,
      shipped: 0,
      returned: 0,
    })),
    ...over,
  };
}
