#!/usr/bin/env node
/**
 * The `allot` command as npm finds it: makes sure that scripts/allot.ts runs on the project's own Node.
 *
 * Plain JavaScript, because an older Node cannot strip types: Node 24 loads allot.ts in this process; any older one starts the
 * npm package `node` (24.x) with the same arguments, standard streams, exit code and ending signal. Whatever allot.ts does at
 * import is the command; nothing is parsed here.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const NODE_MAJOR_MIN = 24;

async function findProjectNode() {
  const executable = join('bin', process.platform === 'win32' ? 'node.exe' : 'node');
  try {
    const path = join(createRequire(import.meta.url).resolve('node/package.json'), '..', executable);
    await access(path, constants.X_OK);
    return path;
  } catch (cause) {
    const message = `allot needs Node ${NODE_MAJOR_MIN}; this is ${process.version}, and the npm package "node" is not installed.`;
    throw new Error(`${message} Run: npm ci`, { cause });
  }
}

function runUnder(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  const forward = (signal) => child.kill(signal);
  // A terminal sends Ctrl-C to both processes itself, and a daemon takes a second SIGINT for "stop at once".
  process.on('SIGINT', process.stdin.isTTY ? () => undefined : forward);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, forward);
  child.on('error', (error) => {
    process.stderr.write(`allot: cannot start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR_MIN) {
  await import('./allot.ts');
} else {
  await findProjectNode().then(runUnder, (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
