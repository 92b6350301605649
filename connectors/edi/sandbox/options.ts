/** What a sandbox retailer is started with. */
import { z } from 'zod';
import { faultsSchema } from '../../sandbox/faults.ts';
import { settingsSchema } from '../settings.ts';

export const ediSandboxOptions = z.strictObject({
  /** Of the control API; 0 takes a free one. */
  port: z.int().min(0).max(65_535).default(0),
  /** The dialect that the brand's channel has: a path, or the dialect itself. */
  partner: settingsSchema.shape.partner,
  /** The brand's mailbox, from the brand's side: the retailer writes inbound and empties outbound. Its folders are made here. */
  mailbox: z.string().min(1),
  /** CSH01 of its orders, one after the other; an empty one leaves CSH out. */
  fillRules: z.array(z.string().max(2)).default(['']),
  /** What a case holds, one listing after the other; 0 is sold in single units alone. Only where the dialect orders in packs. */
  casePacks: z.array(z.int().min(0).max(999)).min(1).default([6, 0, 12]),
  /** The first of its control numbers: a retailer that starts anew beside a brand that remembers goes on counting. */
  firstControl: z.int().min(1).default(1),
  /** An order that was lost on its way is sent again when no 997 came for so long. */
  resendMs: z.int().min(0).default(1000),
  /** How often it looks into outbound, besides being told of changes there. */
  lookMs: z.int().min(1).default(1000),
  faults: faultsSchema.default(faultsSchema.parse({})),
});
