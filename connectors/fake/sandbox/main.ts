/** The scripted partner as its own process; see connectors/sandbox/process.ts. */
import { runSandboxProcess } from '../../sandbox/process.ts';
import { startFakeSandbox } from './index.ts';
import { fakeSandboxOptionsSchema } from './options.ts';

await runSandboxProcess(fakeSandboxOptionsSchema, startFakeSandbox);
