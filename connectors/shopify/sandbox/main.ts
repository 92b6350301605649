/** The Shopify sandbox as its own process: `node connectors/shopify/sandbox/main.ts '{"port":0}'`. Options in start.ts. */
import { runSandboxProcess } from '../../sandbox/process.ts';
import { shopifySandboxOptions, startShopifySandbox } from './start.ts';

await runSandboxProcess(shopifySandboxOptions, startShopifySandbox);
