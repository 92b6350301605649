/** What the planner knows of the tables: made anew after a great change, which autovacuum would do some minutes later. */
import type { Queries } from './client.ts';

export const analyse = (db: Queries): Promise<void> => db.script('analyze');
