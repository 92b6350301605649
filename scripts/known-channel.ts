/** A channel as it was typed is one that there is; else the message names the nearest. */
import type { Database } from '#db/client.ts';
import { getModes } from '#db/modes.ts';
import { suggest } from '#workers/did-you-mean.ts';
import { Failure } from './io.ts';

export async function requireChannel(db: Database, id: string): Promise<void> {
  const known = (await getModes(db)).map((channel) => channel.id);
  if (known.includes(id)) return;
  throw new Failure(`no channel is called ${id}`, { mend: suggest(id, known) });
}
