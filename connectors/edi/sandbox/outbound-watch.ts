/**
 * The retailer's carrier on the brand's side: takes what appears in the brand's outbound directory, once, and puts it away.
 *
 * Told by the file system at once, and looks by itself besides, since no watch is a promise. Files are taken by name, which is their
 * order; what is put away is called as it was, and a second one of that name beside it.
 */
import { existsSync, type FSWatcher, mkdirSync, readdirSync, readFileSync, renameSync, watch } from 'node:fs';
import { join } from 'node:path';

export type OutboundWatch = { close(): void };

export type WatchOptions = {
  readonly outbound: string;
  readonly taken: string;
  readonly lookMs: number;
  readonly take: (text: string, name: string) => void;
};

export function watchOutbound({ outbound, taken, lookMs, take }: WatchOptions): OutboundWatch {
  mkdirSync(outbound, { recursive: true });
  mkdirSync(taken, { recursive: true });
  let count = 0;

  const putAway = (name: string): void => {
    count += 1;
    const free = existsSync(join(taken, name)) ? `${name}.${count}` : name;
    renameSync(join(outbound, name), join(taken, free));
  };

  const look = (): void => {
    // A share that is not mounted for a while.
    if (!existsSync(outbound)) return;
    const names = readdirSync(outbound).filter((name) => !name.startsWith('.'));
    for (const name of names.sort((a, b) => a.slice(-13).localeCompare(b.slice(-13)))) {
      const text = readFileSync(join(outbound, name), 'utf8');
      putAway(name);
      take(text, name);
    }
  };

  const watcher: FSWatcher = watch(outbound, look);
  const timer = setInterval(look, lookMs);
  look();
  return {
    close() {
      watcher.close();
      clearInterval(timer);
    },
  };
}
