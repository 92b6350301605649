/** What a unit of each item is worth: its own value; of a kit without one, the sum of its parts. Several amounts where parts have several currencies. */
import { sql } from 'drizzle-orm';
import type { Sku } from '#core/model.ts';
import { type Money, plainMoney } from '#core/money.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

/** Items of which no value is known are not in it. */
export async function readUnitValues(db: Queries, skus: readonly Sku[]): Promise<Map<Sku, Money[]>> {
  const rows = await db.rows<Money & { readonly sku: Sku }>(
    sql`select sku, currency, amount from unit_worth(${list(skus)}) order by sku, currency`,
  );
  return new Map(
    [...Map.groupBy(rows, ({ sku }) => sku)].map(([sku, values]) => [
      sku,
      values.map(({ currency, amount }) => plainMoney({ currency, amount })),
    ]),
  );
}
