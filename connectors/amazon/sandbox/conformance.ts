/** The Amazon connector before the conformance kit: at a speed at which no bucket runs dry, since the kit asks without a pause. */
import type { ConformanceSubject } from '../../conformance/subject.ts';
import { createSandboxControl } from '../../sandbox/control.ts';
import { connector } from '../index.ts';
import { startAmazonSandbox } from './start.ts';

const SELLER = { sellerId: 'A1CONFORMANCE0', marketplaceId: 'A1F83G8C2ARO7P' };

const SECRETS = {
  CLIENT_ID: 'conformance-client-id',
  CLIENT_SECRET: 'conformance-client-secret',
  REFRESH_TOKEN: 'conformance-refresh-token',
};

const SPEED_UP = 1_000_000;

/** `applyDelayMs`: how late an accepted quantity shows; the channel waits `settle` seconds for it. */
const subjectOf = (variant: string, applyDelayMs: number, settle: number): ConformanceSubject => ({
  variant,
  connector,
  webhook: null,
  pageSizes: { orders: 105, listings: 45 },
  callsPerItem: true,
  async start() {
    const sandbox = await startAmazonSandbox({
      ...SELLER,
      clientId: SECRETS.CLIENT_ID,
      clientSecret: SECRETS.CLIENT_SECRET,
      refreshToken: SECRETS.REFRESH_TOKEN,
      speedUp: SPEED_UP,
      searchLagMs: 0,
      applyDelayMs,
      // An order that is still PENDING already counts: so all of them are, until they ship.
      pendingMs: 3_600_000,
    });
    return {
      control: createSandboxControl(sandbox.url),
      settings: { ...SELLER, region: 'eu', endpoint: sandbox.url, settle, pollOverlap: 600, speedUp: SPEED_UP },
      secrets: SECRETS,
      close: () => sandbox.close(),
    };
  },
  missingKey: (key) => ({ ...key, listingRef: 'NO-SUCH-SKU' }),
});

export const subjects: readonly ConformanceSubject[] = [subjectOf('', 0, 0), subjectOf('late', 60, 0.5)];
