/** What an Amazon sandbox is started with. */
import { z } from 'zod';
import { faultsSchema } from '../../sandbox/faults.ts';

export const amazonSandboxOptions = z.strictObject({
  /** 0 takes a free one. */
  port: z.int().min(0).max(65_535).default(0),
  sellerId: z.string().default('A1SANDBOX0SELL'),
  marketplaceId: z.string().default('A1F83G8C2ARO7P'),
  clientId: z.string().default('sandbox-client-id'),
  clientSecret: z.string().default('sandbox-client-secret'),
  refreshToken: z.string().default('sandbox-refresh-token'),
  tokenLivesS: z.int().min(1).default(3600),
  /**
   * How many times faster than at Amazon time passes here: rates (a search of orders every three minutes), the two minutes by which
   * a search lags, and the half hour that an order is PENDING. 1 is Amazon as it is.
   */
  speedUp: z.number().min(1).default(1),
  /** An accepted quantity shows after this, milliseconds; Amazon takes minutes. */
  applyDelayMs: z.int().min(0).default(0),
  /** Overrides what `speedUp` makes of the two minutes. */
  searchLagMs: z.int().min(0).optional(),
  /** Overrides what `speedUp` makes of the half hour. */
  pendingMs: z.int().min(0).optional(),
  faults: faultsSchema.default(faultsSchema.parse({})),
});

export type AmazonSandboxOptions = z.output<typeof amazonSandboxOptions>;
