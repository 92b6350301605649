/**
 * Lets channels go live, the same way from the command line and the console: by the share that is named; else from shadow by the first
 * step of its gate, from a pause by what it had, and without a gate whole.
 */
import type { ChannelId } from '#core/model.ts';
import type { Database, Queries } from '#db/client.ts';
import { readGate } from '#db/gates.ts';
import { setLive, setMode } from '#db/modes.ts';

export const WHOLE_SHARE = 100;

/** Percent as people write it, `25` or `12.5%`; undefined where it is none above 0, up to 100. */
export function parseShare(text: string): number | undefined {
  const share = Number(/^(100|\d{1,2}(?:\.\d{1,2})?)\s*%?$/.exec(text.trim())?.[1] ?? 0);
  return share > 0 ? share : undefined;
}

/** The share that it would begin with where nobody names one; undefined: all of its items, or as it is. */
export async function firstShare(db: Queries, id: ChannelId): Promise<number | undefined> {
  const gate = await readGate(db, id);
  if (gate === undefined || gate.mode === 'live') return undefined;
  if (gate.mode === 'paused' && gate.leftAt === null) return gate.share;
  return gate.rule?.ramp[0];
}

export type WentLive = { readonly id: ChannelId; readonly share: number };

/** Answers those whose mode or share changed. */
export async function goLive(
  db: Database,
  ids: readonly ChannelId[],
  { share: given, actor }: { readonly share: number | undefined; readonly actor: string },
): Promise<WentLive[]> {
  const shares = await Promise.all(ids.map(async (id) => ({ id, share: given ?? (await firstShare(db, id)) })));
  const changed: WentLive[] = [];
  for (const [share, group] of Map.groupBy(shares, (one) => one.share)) {
    const of = group.map(({ id }) => id);
    const now = await (share === undefined ? setMode(db, of, 'live', actor) : setLive(db, of, share, actor));
    changed.push(...now.map((id) => ({ id, share: share ?? WHOLE_SHARE })));
  }
  return changed;
}
