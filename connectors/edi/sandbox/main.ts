/**
 * The EDI sandbox as its own process:
 * `node connectors/edi/sandbox/main.ts '{"partner":"scripts/examples/edi/dropship-mall.yaml","mailbox":"/tmp/mall"}'`.
 * Options in options.ts.
 */
import { runSandboxProcess } from '../../sandbox/process.ts';
import { ediSandboxOptions } from './options.ts';
import { startEdiSandbox } from './start.ts';

await runSandboxProcess(ediSandboxOptions, startEdiSandbox);
