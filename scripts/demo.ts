/**
 * `npm run demo`: plays real or made-up orders through sandboxed platforms and allot, and proves what came of it.
 *
 * Data (the report, with --json) goes to stdout, all else to stderr. Exit codes: 0 every number is right; 1 something is not, or the
 * demo failed; 2 wrong usage; 130 interrupted before the report. Whatever ends it, every process it started is ended too.
 */
import { CommanderError } from 'commander';
import { endChildrenAtExit } from './demo/child.ts';
import { buildCommand, type Flags, readFlags } from './demo/flags.ts';
import { HomeFault } from './demo/home.ts';
import { runDemo } from './demo/run.ts';
import type { Stage } from './demo/stage.ts';
import { StreamFault } from './demo/stream.ts';
import { sayReport } from './demo/summary.ts';

const EXIT = { right: 0, wrong: 1, usage: 2, interrupted: 130 } as const;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function parseFlags(): Flags | null {
  const command = buildCommand().exitOverride();
  try {
    return readFlags(command.parse());
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? EXIT.right : EXIT.usage;
    return null;
  }
}

/** Aborts at the first signal; the second ends at once (the children die with us). */
function listenToSignals(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(EXIT.interrupted);
      say('stopping: the daemon finishes what it does, then PostgreSQL ends; once more ends at once');
      stopping.abort(new Error('interrupted'));
    });
  }
  return stopping.signal;
}

const sayNext = (flags: Flags, sku: string): void =>
  say(
    [
      'Look at it:',
      `  npx allot --home ${flags.home} status`,
      `  npx allot --home ${flags.home} explain ${sku} --channel shopify:main`,
      `  npx allot --home ${flags.home} doctor`,
    ].join('\n'),
  );

async function stayUp(stage: Stage, signal: AbortSignal): Promise<void> {
  say('\nIt all stays up until Ctrl-C:');
  say(`  console     ${stage.url}/console`);
  for (const [channel, { url }] of stage.controls) say(`  ${channel}  ${url}/sandbox/levels`);
  say(`  daemon log  ${stage.home.daemonLog}`);
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  // A pending promise does not keep a process alive.
  const heartbeat = setInterval(() => stage.checkProcesses(), 60_000);
  if (!signal.aborted) await promise;
  clearInterval(heartbeat);
}

async function main(flags: Flags): Promise<number> {
  const redisUrl = process.env.REDIS_URL || null;
  if (flags.flushRedis > 0 && redisUrl === null) {
    say(
      'demo: --flush-redis needs a Redis to flush, and REDIS_URL is not set.\nSet it to one that holds nothing else: REDIS_URL=redis://127.0.0.1:6379',
    );
    return EXIT.usage;
  }
  endChildrenAtExit();
  const signal = listenToSignals();
  const { report, stage, busiest } = await runDemo({ flags, redisUrl, screen: process.stderr, signal });
  try {
    say(sayReport(report));
    sayNext(flags, busiest);
    if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    if (!flags.once) await stayUp(stage, signal);
  } finally {
    await stage.close();
  }
  return report.ok ? EXIT.right : EXIT.wrong;
}

const flags = parseFlags();
if (flags !== null) {
  process.exitCode = await main(flags).catch((error: unknown) => {
    const isUsage = error instanceof StreamFault || error instanceof HomeFault;
    say(`demo: ${error instanceof Error ? error.message : String(error)}`);
    if (isUsage) return EXIT.usage;
    return error instanceof Error && error.message === 'interrupted' ? EXIT.interrupted : EXIT.wrong;
  });
}
