/** A list of values as one parameter: `where id = any(${list(ids)})`; text[] unless cast (`${list(ids)}::bigint[]`). */
import { type SQL, sql } from 'drizzle-orm';

export const list = (values: readonly (string | number)[]): SQL =>
  sql`array(select jsonb_array_elements_text(${JSON.stringify(values)}::jsonb))`;
