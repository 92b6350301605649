/**
 * From the `alerts` section to what the daemon sends by: references checked, secrets found, all that is missing told at once.
 *
 * | kind      | secrets, as ALERTS_ID_NAME                                             |
 * | slack     | URL: the incoming webhook                                              |
 * | email     | SMTP_URL: smtp://user:password@host:587, or smtps://...:465            |
 * | webhook   | URL, and SECRET: what signs it, 24 bytes or more (openssl rand -base64 32) |
 * | pagerduty | ROUTING_KEY                                                            |
 * | heartbeat | ALERTS_HEARTBEAT_URL                                                   |
 */
import type { OrderLimit, OrderLimits } from '#connectors/connector.ts';
import type { Severity } from '#core/alert-catalogue.ts';
import type { ChannelId } from '#core/model.ts';
import type { AlertsBody, DestinationKind } from './alert-schema.ts';
import { ConfigError } from './config-problems.ts';
import { suggest } from './did-you-mean.ts';
import { parseDuration } from './durations.ts';
import type { YamlPath, YamlProblem, YamlSource } from './yaml-source.ts';

export type AlertRoute = {
  readonly to: readonly string[];
  readonly atLeast: Severity;
  readonly codes: readonly string[] | null;
  readonly channels: readonly ChannelId[] | null;
};

export type Person = {
  readonly id: string;
  readonly timeZone: string;
  /** Minutes after midnight of their day. */
  readonly digestMinute: number;
  readonly to: readonly string[];
};

export type ConfiguredDestination = AlertsBody['destinations'][number];

/** As the file has it. */
export type AlertSettings = {
  readonly destinations: readonly ConfiguredDestination[];
  readonly routes: readonly AlertRoute[];
  readonly people: readonly Person[];
  readonly heartbeatMs: number | null;
  readonly rates: ReadonlyMap<ChannelId, OrderLimits>;
};

/** One limit, or several; none given: the platform's own. */
const limitsOf = (given: OrderLimit | readonly OrderLimit[] | undefined): readonly OrderLimit[] | undefined =>
  given === undefined || isList(given) ? given : [given];

const isList = (given: OrderLimit | readonly OrderLimit[]): given is readonly OrderLimit[] => Array.isArray(given);

export function alertSettingsOf(body: AlertsBody): AlertSettings {
  return {
    destinations: body.destinations,
    routes: body.routes.map(({ to, atLeast, codes, channels }) => ({
      to,
      atLeast,
      codes: codes ?? null,
      channels: channels ?? null,
    })),
    people: body.people.map(({ id, timeZone, digestAt, to }) => {
      const [hours = 0, minutes = 0] = digestAt.split(':').map(Number);
      return { id, timeZone, to, digestMinute: hours * 60 + minutes };
    }),
    heartbeatMs: body.heartbeat === undefined ? null : (parseDuration(body.heartbeat.every) ?? null),
    rates: new Map(
      body.rates.map(({ channel, cancelled, late }) => [
        channel,
        { cancelled: limitsOf(cancelled), late: limitsOf(late) },
      ]),
    ),
  };
}

// ---- what one entry says of another: read tolerantly, so that a wrong type elsewhere hides nothing ------------------------------------

type Block = Readonly<Record<string, unknown>>;
const isBlock = (value: unknown): value is Block =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

type Named = { readonly path: YamlPath; readonly name: string };

const namesIn = (entries: readonly unknown[], section: string, field: string): Named[] =>
  entries.flatMap((entry, index) => {
    const value = isBlock(entry) ? entry[field] : undefined;
    const path = ['alerts', section, index, field];
    if (typeof value === 'string') return [{ path, name: value }];
    return listOf(value).flatMap((each, at) => (typeof each === 'string' ? [{ path: [...path, at], name: each }] : []));
  });

const HEARTBEAT_ID = 'heartbeat';
const variablePrefix = (destination: string): string =>
  `ALERTS_${destination.replaceAll(/[^A-Za-z0-9]/g, '_').toUpperCase()}`;

function findUnfitDestinations(
  destinations: readonly unknown[],
  problem: (path: YamlPath, says: string) => YamlProblem,
): YamlProblem[] {
  const seen = new Map<string, string>();
  return namesIn(destinations, 'destinations', 'id').flatMap(({ path, name }) => {
    const prefix = variablePrefix(name);
    if (prefix === variablePrefix(HEARTBEAT_ID))
      return [problem(path, '"heartbeat" has its secret under this name already. Give it another id.')];
    const before = seen.get(prefix);
    seen.set(prefix, before ?? name);
    if (before === undefined) return [];
    return [
      problem(
        path,
        before === name
          ? `the destination "${name}" is defined twice. Keep one, or give it another id.`
          : `would read the same secrets (${prefix}_...) as "${before}". Give it an id that differs in letters or digits.`,
      ),
    ];
  });
}

/** `channelIds`: those that the file names. */
export function findBrokenAlerts(source: YamlSource, channelIds: readonly string[]): YamlProblem[] {
  const section = isBlock(source.data) ? source.data.alerts : undefined;
  if (!isBlock(section)) return [];
  const problem = (path: YamlPath, says: string) => ({ offset: source.offsetOf(path, 'value'), path, says });
  const [destinations, routes, people, rates] = ['destinations', 'routes', 'people', 'rates'].map((name) =>
    listOf(section[name]),
  ) as [unknown[], unknown[], unknown[], unknown[]];
  const ids = namesIn(destinations, 'destinations', 'id').map(({ name }) => name);
  const unknown = (named: readonly Named[], known: readonly string[], what: string) =>
    named.flatMap(({ path, name }) =>
      known.includes(name) ? [] : [problem(path, `no ${what} is called "${name}". ${suggest(name, known)}`)],
    );
  const pagers = destinations.flatMap((entry) =>
    isBlock(entry) && entry.kind === 'pagerduty' && typeof entry.id === 'string' ? [entry.id] : [],
  );
  const digests = namesIn(people, 'people', 'to');
  const doubles = namesIn(people, 'people', 'id').filter(
    ({ name }, index, all) => all.findIndex((each) => each.name === name) < index,
  );
  const unreached = destinations.length > 0 && routes.length === 0 && people.length === 0;
  return [
    ...findUnfitDestinations(destinations, problem),
    ...unknown([...namesIn(routes, 'routes', 'to'), ...digests], ids, 'destination'),
    ...unknown(
      [...namesIn(routes, 'routes', 'channels'), ...namesIn(rates, 'rates', 'channel')],
      channelIds,
      'channel',
    ),
    ...digests
      .filter(({ name }) => pagers.includes(name))
      .map(({ path, name }) => problem(path, `"${name}" pages people: a digest is no page. Name another destination.`)),
    ...doubles.map(({ path, name }) => problem(path, `the person "${name}" is defined twice. Keep one.`)),
    ...(unreached
      ? [problem(['alerts', 'destinations'], 'no route leads to any of them. Write alerts.routes, such as - to: [ops]')]
      : []),
  ];
}

// ---- secrets --------------------------------------------------------------------------------------------------------------------------

const SECRETS: Readonly<Record<DestinationKind, readonly string[]>> = {
  slack: ['URL'],
  email: ['SMTP_URL'],
  webhook: ['URL', 'SECRET'],
  pagerduty: ['ROUTING_KEY'],
};

export type DestinationWithSecrets = ConfiguredDestination & { readonly secrets: Readonly<Record<string, string>> };

export type Alerting = Omit<AlertSettings, 'destinations'> & {
  readonly destinations: readonly DestinationWithSecrets[];
  readonly heartbeat: { readonly url: string; readonly everyMs: number } | null;
};

const URL_SCHEMES: Readonly<Record<string, readonly string[]>> = {
  URL: ['https:', 'http:'],
  SMTP_URL: ['smtp:', 'smtps:'],
};
const SECRET_BYTES_MIN = 24;

/** Never repeats the value. */
function faultOf(name: string, value: string): string | null {
  const schemes = URL_SCHEMES[name];
  if (schemes !== undefined)
    return schemes.includes(URL.parse(value)?.protocol ?? '')
      ? null
      : `is no ${schemes.map((scheme) => `${scheme}//`).join(' or ')} URL`;
  if (name === 'SECRET' && signingKey(value).length < SECRET_BYTES_MIN)
    return `is shorter than ${SECRET_BYTES_MIN} bytes as base64. Make one: openssl rand -base64 32`;
  return null;
}

/** As Standard Webhooks writes it: base64, with or without `whsec_` before it. */
export const signingKey = (secret: string): Buffer => Buffer.from(secret.replace(/^whsec_/, ''), 'base64');

/** `find` reads a variable, or the file that NAME_FILE names; throws ConfigError with all that is wrong. */
export function openAlerting(settings: AlertSettings, find: (variable: string) => string | undefined): Alerting {
  const problems: string[] = [];
  const read = (variable: string, name: string, who: string): string => {
    try {
      const value = find(variable);
      if (value === undefined) {
        problems.push(
          `${variable}: is missing, and ${who} needs it. Set it, or ${variable}_FILE to a file that holds it.`,
        );
        return '';
      }
      const fault = faultOf(name, value);
      if (fault !== null) problems.push(`${variable}: ${fault}`);
      return value;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return '';
    }
  };
  const destinations = settings.destinations.map((destination) => {
    const who = `the destination ${destination.id} of alerts`;
    const named = SECRETS[destination.kind].map((name) => [
      name,
      read(`${variablePrefix(destination.id)}_${name}`, name, who),
    ]);
    return { ...destination, secrets: Object.fromEntries(named) as Record<string, string> };
  });
  const everyMs = settings.heartbeatMs;
  const heartbeat =
    everyMs === null
      ? null
      : { everyMs, url: read(`${variablePrefix(HEARTBEAT_ID)}_URL`, 'URL', 'the heartbeat of alerts') };
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...settings, destinations, heartbeat };
}
