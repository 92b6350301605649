/**
 * A sandbox as its own process: options as one JSON argument, `{"url":...}` as one line on stdout when it listens, SIGTERM or SIGINT
 * ends it. Exits 1 with the reason on stderr when the options are wrong or the port is taken.
 */
import { z } from 'zod';
import type { RunningSandbox } from './platform.ts';

export async function runSandboxProcess<T>(
  schema: z.ZodType<T>,
  start: (options: T) => Promise<RunningSandbox>,
): Promise<void> {
  const options = schema.safeParse(JSON.parse(process.argv[2] ?? '{}'));
  if (!options.success) {
    process.stderr.write(`sandbox: wrong options\n${z.prettifyError(options.error)}\n`);
    process.exitCode = 1;
    return;
  }
  const sandbox = await start(options.data);
  const stop = (): void => void sandbox.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ url: sandbox.url })}\n`);
}
