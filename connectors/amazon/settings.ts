/**
 * The settings of an Amazon channel in the configuration file, strict; what is not written there is as Amazon's own time takes it, or
 * `speedUp` times as fast.
 *
 * `endpoint` sends everything meant for Amazon (the API and Login with Amazon alike) elsewhere: to a sandbox on this machine (plain
 * http, loopback only) or through a proxy (https). `speedUp` is for a sandbox alone: Amazon's rates are what they are.
 */
import { z } from 'zod';

const LOOPBACK = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
const PROXY = /^https:\/\/[a-z0-9.-]+(:\d+)?$/i;

const marketplaceId = z
  .string()
  .regex(/^[A-Z0-9]{10,20}$/, 'write the marketplace by its id, such as A1F83G8C2ARO7P for amazon.co.uk');

export const settingsSchema = z
  .strictObject({
    sellerId: z
      .string()
      .regex(
        /^[A-Z0-9]{10,20}$/,
        'write the merchant token from Seller Central (Account Info), such as A1B2C3D4E5F6G7',
      ),
    region: z.enum(['na', 'eu', 'fe']),
    /** Listings are read and written here. Quantities belong to seller and SKU, so one marketplace is enough (facts/amazon.md 2.6). */
    marketplaceId,
    /** Every marketplace whose orders take from the same SKUs; `marketplaceId` alone when absent. */
    orderMarketplaceIds: z.array(marketplaceId).min(1).max(50).optional(),
    endpoint: z
      .string()
      .refine(
        (url) => LOOPBACK.test(url) || PROXY.test(url),
        'write http://127.0.0.1:PORT or https://HOST, without a path',
      )
      .optional(),
    /** How far the poll re-reads before its cursor, seconds: orders show up late (facts/amazon.md 3.2). 600 when absent. */
    pollOverlap: z.number().min(0).max(86_400).optional(),
    /** How far back the first poll reaches. A page of 100 orders costs three minutes once the burst of 20 pages is used up. */
    historyDays: z.number().int().min(0).max(730).default(7),
    /** How long an accepted quantity may take to show, seconds. 180 when absent. */
    settle: z.number().min(0).max(3_600).optional(),
    /** How many times faster than Amazon's the sandbox's rates are. */
    speedUp: z.number().min(1).default(1),
  })
  .refine(({ speedUp, endpoint }) => speedUp === 1 || (endpoint !== undefined && LOOPBACK.test(endpoint)), {
    path: ['speedUp'],
    message: "speedUp is for a sandbox on this machine (endpoint): take it out, Amazon's rates cannot be raised",
  })
  .transform(({ pollOverlap, settle, ...given }) => ({
    ...given,
    pollOverlap: pollOverlap ?? 600 / given.speedUp,
    settle: settle ?? 180 / given.speedUp,
  }));

export type AmazonSettings = z.infer<typeof settingsSchema>;
