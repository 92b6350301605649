/** The console's block of the configuration file, and what the daemon makes of it. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { USER_ROLES, type UserRole } from '#db/users.ts';

const role = z.enum(USER_ROLES);

const isNetwork = (text: string): boolean => {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
};

const network = z.string().refine(isNetwork).describe('an address or a network, such as 10.0.0.5 or 10.0.0.0/8');

const proxy = z.strictObject({
  addresses: z
    .array(network)
    .min(1)
    .describe('a list of the addresses of the reverse proxy: its header counts from these alone'),
  userHeader: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/)
    .default('X-Forwarded-User')
    .describe(
      'the header in which the proxy says who is logged in; it must drop what comes under that name from outside',
    ),
  defaultRole: role
    .optional()
    .describe(
      'the role of whoever allot users does not know: one of viewer, operator, approver, admin; refused when missing',
    ),
});

const block = z.strictObject({
  enabled: z.boolean().default(true).describe('true when the daemon serves the console, else false'),
  loopbackRole: role
    .default('admin')
    .describe(
      'what whoever sits at this machine may do until a user has a password: one of viewer, operator, approver, admin',
    ),
  proxy: proxy
    .optional()
    .describe('a block with addresses, userHeader and defaultRole, where a reverse proxy logs people in'),
});

export const consoleSchema = block
  .prefault({})
  .describe('a block with enabled, loopbackRole and proxy: who may use the console');

export type ConsoleSettings = {
  readonly enabled: boolean;
  readonly loopbackRole: UserRole;
  readonly proxy: {
    readonly addresses: readonly string[];
    /** In lower case, as Node names headers. */
    readonly userHeader: string;
    readonly defaultRole: UserRole | null;
  } | null;
};

export const consoleSettingsOf = ({
  enabled,
  loopbackRole,
  proxy: given,
}: z.output<typeof block>): ConsoleSettings => ({
  enabled,
  loopbackRole,
  proxy:
    given === undefined
      ? null
      : {
          addresses: given.addresses,
          userHeader: given.userHeader.toLowerCase(),
          defaultRole: given.defaultRole ?? null,
        },
});
