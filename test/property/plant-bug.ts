/** Plants one bug of planted-bugs.ts: the source is altered as it is loaded, so the whole core runs with it, and nothing else is different. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Change, PlantedBug } from './planted-bugs.ts';

const ROOT = join(import.meta.dirname, '..', '..');

function alter(source: string, { file, find, put }: Change): string {
  const parts = source.split(find);
  const [before, after] = parts;
  if (parts.length !== 2 || before === undefined || after === undefined) {
    throw new Error(
      `${file} has ${parts.length - 1} times the text to break, not once: mend planted-bugs.ts. It is: ${find}`,
    );
  }
  return before + put + after;
}

/** Everything of the core that this process loads from here on has the bug. Throws where the core has not the text to break. */
export function plantBug({ changes }: PlantedBug): void {
  const altered = new Map<string, string>();
  for (const each of changes) {
    const path = join(ROOT, each.file);
    const url = pathToFileURL(path).href;
    altered.set(url, alter(altered.get(url) ?? readFileSync(path, 'utf8'), each));
  }
  registerHooks({
    load(url, context, nextLoad) {
      const source = altered.get(url);
      return source === undefined
        ? nextLoad(url, context)
        : { format: 'module-typescript', source, shortCircuit: true };
    },
  });
}
