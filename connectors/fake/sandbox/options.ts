/** What kind of partner the sandbox plays. */
import { z } from 'zod';

export const fakeSandboxOptionsSchema = z.strictObject({
  port: z.int().min(0).max(65_535).default(0),
  basis: z.enum(['sellable', 'onHandLessOwnOpen']).default('sellable'),
  batch: z.enum(['perItem', 'allOrNothing']).default('perItem'),
  ticket: z.boolean().default(false),
  compareAndSet: z.boolean().default(true),
  accessToken: z.string().min(1),
  webhookSecret: z.string().min(1),
  /** From a ticket to its being applied. */
  ticketDelayMs: z.int().min(0).default(100),
  /** How far back the order list reaches; it keeps everything when absent. */
  historyKeptMs: z.int().min(0).optional(),
});

export type FakeSandboxOptions = z.output<typeof fakeSandboxOptionsSchema>;
export type FakeSandboxOptionsInput = z.input<typeof fakeSandboxOptionsSchema>;
