/**
 * A worker process to be killed in the middle of a job: takes one bell of `push`, prints `started`, and never finishes.
 * Its only argument is JSON: {redisUrl?, databaseUrl, prefix}.
 */
import { openQueues } from '#workers/queues.ts';

const toStderr = (fields: object, message: string) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const options = JSON.parse(process.argv[2] ?? '');
const queues = await openQueues({ ...options, log: { warn: toStderr, error: toStderr } });
queues.work('push', () => {
  process.stdout.write('started\n');
  return new Promise(() => setInterval(() => undefined, 1_000));
});
