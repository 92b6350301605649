/** A process that starts the embedded server, says so in one line of JSON, and stays until it is killed. */
import { startEmbedded } from '#db/embedded.ts';

const [home, binaries] = process.argv.slice(2);
if (home === undefined) throw new Error('usage: embedded-starter.ts HOME [BINARIES]');
const { pid, port, adopted } = await startEmbedded({ home, ...(binaries === undefined ? {} : { binaries }) });
process.stdout.write(`${JSON.stringify({ pid, port, adopted })}\n`);
process.stdin.resume();
