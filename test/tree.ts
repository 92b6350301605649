/**
 * The project's own files, as git sees them: tracked, and new ones that are not ignored, so that a rule holds before the commit.
 * Needs a git checkout; there is no second list of what belongs to the project.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/** Paths from the root, with `/`, sorted; files deleted but not yet committed are left out. */
export function listFiles(): readonly string[] {
  const output = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const paths = output.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)));
  return [...new Set(paths)].sort();
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
