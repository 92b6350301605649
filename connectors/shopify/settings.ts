/**
 * The settings of a Shopify channel in the configuration file, strict.
 *
 * `endpoint` sends everything meant for https://{shop} elsewhere: to a sandbox on this machine (plain http, loopback only) or
 * through a proxy (https).
 */
import { z } from 'zod';

const LOOPBACK = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
const PROXY = /^https:\/\/[a-z0-9.-]+(:\d+)?$/i;

export const settingsSchema = z.strictObject({
  shop: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*\.myshopify\.com$/, 'write the shop as NAME.myshopify.com, in small letters'),
  apiVersion: z.enum(['2026-07', '2026-10']).default('2026-10'),
  auth: z.enum(['token', 'clientCredentials']).default('token'),
  endpoint: z
    .string()
    .refine(
      (url) => LOOPBACK.test(url) || PROXY.test(url),
      'write http://127.0.0.1:PORT or https://HOST, without a path',
    )
    .optional(),
  /** How far the poll re-reads before its cursor, seconds; Shopify indexes late (facts/shopify.md section 5). */
  pollOverlap: z.number().int().min(0).max(86_400).default(900),
  /** How far back the first poll reaches; Shopify lists 60 days of orders to an app without read_all_orders. */
  historyDays: z.number().int().min(0).max(60).default(60),
});

export type ShopifySettings = z.infer<typeof settingsSchema>;
