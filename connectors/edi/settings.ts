/**
 * The settings of an EDI channel in the configuration file, strict: whose dialect, and which directories are the mailbox. No secrets
 * and no hosts: whatever carries the files (SFTP, VAN, AS2 gateway) has those.
 *
 * Guarantees: a dialect that cannot be read or is wrong is told with the channel's own mistakes, before anything is opened; what this
 * gives out is good settings again, with the dialect in place of its path. Paths are taken from the folder that allot is started in.
 */
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { Rejected } from '#core/errors.ts';
import type { Mailbox } from './mailbox.ts';
import { loadPartner, partnerSchema } from './partner.ts';

const HOUR_MS = 3_600_000;

/** The path of a dialect's YAML file, or the dialect itself. */
const partner = z.unknown().transform((given, context) => {
  if (typeof given === 'string') {
    try {
      return loadPartner(given);
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  }
  const read = partnerSchema.safeParse(given);
  if (read.success) return read.data;
  for (const { path, message } of read.error.issues) context.addIssue({ code: 'custom', path: [...path], message });
  return z.NEVER;
});

const folder = z.string().min(1, 'write the path of a directory');

const mailbox = z.union(
  [folder, z.strictObject({ inbound: folder, outbound: folder, archive: folder, rejects: folder })],
  'write a directory that has inbound, outbound, archive and rejects in it, or the four of them by name',
);

export const settingsSchema = z.strictObject({
  partner,
  mailbox,
  /** How long a file must lie unchanged before it is taken, seconds: longer than its carrier ever pauses in writing one. */
  restSeconds: z.number().min(0).max(3600).default(2),
  /** How long a 997 of theirs may take; the dialect's when absent. */
  receiptHours: z.number().positive().max(720).optional(),
  /** Time between two 846s at least; the dialect's when absent. */
  everySeconds: z.number().min(0).max(86_400).optional(),
});

export type EdiSettings = z.output<typeof settingsSchema>;

export function mailboxOf({ mailbox: given }: EdiSettings): Mailbox {
  const named =
    typeof given === 'string'
      ? {
          inbound: join(given, 'inbound'),
          outbound: join(given, 'outbound'),
          archive: join(given, 'archive'),
          rejects: join(given, 'rejects'),
        }
      : given;
  return {
    inbound: resolve(named.inbound),
    outbound: resolve(named.outbound),
    archive: resolve(named.archive),
    rejects: resolve(named.rejects),
  };
}

export const receiptMsOf = ({ receiptHours, partner: { receiptHours: usual } }: EdiSettings): number =>
  (receiptHours ?? usual) * HOUR_MS;

export const pushEveryMsOf = ({ everySeconds, partner: { inventory } }: EdiSettings): number =>
  (everySeconds ?? inventory?.everySeconds ?? 0) * 1000;
