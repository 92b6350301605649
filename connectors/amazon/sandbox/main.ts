/** The Amazon sandbox as its own process: `node connectors/amazon/sandbox/main.ts '{"speedUp":60}'`. Options in options.ts. */
import { runSandboxProcess } from '../../sandbox/process.ts';
import { amazonSandboxOptions } from './options.ts';
import { startAmazonSandbox } from './start.ts';

await runSandboxProcess(amazonSandboxOptions, startAmazonSandbox);
