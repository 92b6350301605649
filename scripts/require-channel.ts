/** A channel that a command names must be one that there is. */
import type { ChannelId } from '#core/model.ts';
import type { Queries } from '#db/client.ts';
import { getModes } from '#db/modes.ts';
import { suggest } from '#workers/did-you-mean.ts';
import { Failure } from './io.ts';

export async function requireChannel(db: Queries, id: ChannelId): Promise<void> {
  const ids = (await getModes(db)).map((channel) => channel.id);
  if (!ids.includes(id)) throw new Failure(`no channel is called ${id}`, { mend: suggest(id, ids) });
}
