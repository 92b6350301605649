/**
 * The configuration file (YAML): what stands where, which programs and channels there are, and the policy they make.
 *
 * Guarantees that every mistake of the file is told at once as `file:line:col path: what is wrong. How to mend it`, references
 * and doubles too, even while other parts do not fit. Knows no connector: a channel's settings are checked in config-channels.ts.
 */
import { type ChannelId, EMERGENCY, type Policy, type StockMaster } from '#core/model.ts';
import type { PolicyBody } from '#db/configuration.ts';
import type { Intervals } from '#db/unfinished.ts';
import { type AlertSettings, alertSettingsOf, findBrokenAlerts } from './alert-settings.ts';
import { type ConsoleSettings, consoleSettingsOf } from './config-console.ts';
import { findDeadRules, findImpossiblePolicy } from './config-policy-checks.ts';
import { checkAgainst, sayProblems } from './config-problems.ts';
import { policyOf } from './config-rules.ts';
import { type ConfigBody, configSchema } from './config-schema.ts';
import { suggest } from './did-you-mean.ts';
import { parseDuration } from './durations.ts';
import { secretPrefix } from './secret-names.ts';
import { readYaml, type YamlPath, type YamlProblem, type YamlSource } from './yaml-source.ts';

export type ConfiguredLocation = { readonly id: string; readonly master: StockMaster; readonly sells: boolean };

export type ConfiguredChannel = {
  readonly id: ChannelId;
  /** The word before the colon. */
  readonly connector: string;
  readonly program: string;
  /** As written; its connector's schema has the last word. */
  readonly settings: unknown;
};

export type ConfigFile = {
  /** As shown in messages. */
  readonly name: string;
  readonly source: YamlSource;
  readonly locations: readonly ConfiguredLocation[];
  /** In the order of the file: the index is part of their path. */
  readonly channels: readonly ConfiguredChannel[];
  readonly policy: PolicyBody;
  readonly alerts: AlertSettings;
  readonly http: { readonly host: string; readonly port: number };
  readonly console: ConsoleSettings;
  readonly intervals: Intervals & { readonly sweepMs: number };
};

export type ConfigFileResult =
  | { readonly file: ConfigFile; readonly problems: readonly [] }
  | { readonly file: null; readonly problems: readonly string[] };

export function readConfigFile(text: string, name: string): ConfigFileResult {
  const source = readYaml(text, name);
  if (source.data === undefined) return { file: null, problems: sayProblems(source, source.problems) };
  const { value, problems } = checkAgainst(source, configSchema, source.data);
  const all = [...source.problems, ...problems, ...findBrokenReferences(source)];
  if (value !== undefined) all.push(...findImpossiblePolicy(source, value), ...findDeadRules(source, value));
  if (value === undefined || all.length > 0) return { file: null, problems: sayProblems(source, all) };
  return { file: build(source, name, value), problems: [] };
}

function build(source: YamlSource, name: string, body: ConfigBody): ConfigFile {
  const { poll, reconcile, lightScan, lightScanPeriod, sweep, inFlight } = body.intervals;
  return {
    name,
    source,
    locations: body.locations,
    channels: body.channels.map(({ id, program, settings }) => ({ id, connector: connectorOf(id), program, settings })),
    policy: {
      ...policyOf(body, toMs(inFlight)),
      ...(body.approval.policy === 'required' ? { approval: { policy: 'required' as const } } : {}),
    },
    alerts: alertSettingsOf(body.alerts),
    http: body.http,
    console: consoleSettingsOf(body.console),
    intervals: {
      pollMs: toMs(poll),
      reconcileMs: toMs(reconcile),
      lightScanMs: toMs(lightScan),
      lightScanPeriodMs: toMs(lightScanPeriod),
      sweepMs: toMs(sweep),
      channels: body.channels.map(({ id, intervals: own }) => ({
        id,
        pollMs: toMs(own.poll ?? poll),
        reconcileMs: toMs(own.reconcile ?? reconcile),
      })),
    },
  };
}

export const connectorOf = (channel: ChannelId): string => channel.slice(0, channel.indexOf(':'));

/** The schema has refused what is no duration. */
const toMs = (text: string): Policy['inFlightMs'] => parseDuration(text) ?? 0;

// ---- what one entry says of another -------------------------------------------------------------------------------------------
// Read from the raw data, tolerantly: a wrong type elsewhere must not hide a broken reference.

type Entry = { readonly path: YamlPath; readonly fields: Readonly<Record<string, unknown>> };

function entriesOf(data: unknown, section: string): Entry[] {
  const list = isBlock(data) ? data[section] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((fields: unknown, index) => (isBlock(fields) ? [{ path: [section, index], fields }] : []));
}

const isBlock = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textsOf = (entries: readonly Entry[], field: string): string[] =>
  entries.map(({ fields }) => fields[field]).filter((value) => typeof value === 'string');

function findBrokenReferences(source: YamlSource): YamlProblem[] {
  const [locations, programs, pools, channels, routes] = ['locations', 'programs', 'pools', 'channels', 'routes'].map(
    (section) => entriesOf(source.data, section),
  ) as [Entry[], Entry[], Entry[], Entry[], Entry[]];
  const classes = pools.flatMap(classesOf);
  const locationIds = textsOf(locations, 'id');
  const programIds = textsOf(programs, 'id');
  const problem = (path: YamlPath, says: string) => ({ offset: source.offsetOf(path, 'value'), path, says });
  const unknownPrograms = [...pools, ...classes, ...channels, ...routes].flatMap((entry) => {
    const { program } = entry.fields;
    const known = pools.includes(entry) ? [...programIds, EMERGENCY] : programIds;
    if (typeof program !== 'string' || known.includes(program)) return [];
    return [problem([...entry.path, 'program'], `no program is called "${program}". ${suggest(program, known)}`)];
  });
  const unknownLocations = programs.flatMap(({ path, fields }) => {
    const wanted: unknown[] = Array.isArray(fields.locations) ? fields.locations : [];
    return wanted.flatMap((id, index) => {
      if (typeof id !== 'string') return [];
      const at = [...path, 'locations', index];
      if (!locationIds.includes(id)) return [problem(at, `no location is called "${id}". ${suggest(id, locationIds)}`)];
      if (wanted.indexOf(id) === index) return [];
      return [problem(at, `"${id}" is named twice: its units are there once. Name each location once.`)];
    });
  });
  const doubles = [
    ...findDoubles(locations, ({ id }) => id).map(({ again, first }) =>
      problem([...again.path, 'id'], sayLocationTwice(first, again)),
    ),
    ...findDoubles(programs, ({ id }) => id).map(({ again }) =>
      problem([...again.path, 'id'], sayTwice('program', again)),
    ),
    ...findDoubles(channels, ({ id }) => id).map(({ again }) =>
      problem([...again.path, 'id'], sayTwice('channel', again)),
    ),
    ...findDoubles([...pools, ...classes], poolKeyOf).map(({ again }) =>
      problem(again.path, 'this program has a pool of these items for this time already. Keep one of them.'),
    ),
    ...findDoubles(routes, ({ id }) => id).map(({ again }) => problem([...again.path, 'id'], sayTwice('route', again))),
  ];
  const channelIds = textsOf(channels, 'id');
  const unknownChannels = routes.flatMap(({ path, fields: { channel } }) =>
    typeof channel !== 'string' || channelIds.includes(channel)
      ? []
      : [problem([...path, 'channel'], `no channel is called "${channel}". ${suggest(channel, channelIds)}`)],
  );
  const reserved = programs.flatMap(({ path, fields: { id } }) =>
    id === EMERGENCY || id === 'shared'
      ? [
          problem(
            [...path, 'id'],
            id === 'shared'
              ? '"shared" is what nobody protects: it is no program. Give it another id.'
              : `"${EMERGENCY}" is reserved for pools that no order may draw from. Give it another id.`,
          ),
        ]
      : [],
  );
  return [
    ...unknownPrograms,
    ...unknownLocations,
    ...findUnusablePlaces(source, { pools, programs, locations }),
    ...unknownChannels,
    ...reserved,
    ...doubles,
    ...findSharedSecrets(source, channels),
    ...findBrokenAlerts(source, channelIds),
  ];
}

/** A pool of one place keeps units where its program may draw them, and orders may be filled from. */
function findUnusablePlaces(
  source: YamlSource,
  { pools, programs, locations }: Readonly<Record<'pools' | 'programs' | 'locations', readonly Entry[]>>,
): YamlProblem[] {
  const ids = textsOf(locations, 'id');
  return pools.flatMap(({ path, fields: { program, location } }): YamlProblem[] => {
    if (typeof location !== 'string') return [];
    const here = [...path, 'location'];
    const problem = (says: string) => [{ offset: source.offsetOf(here, 'value'), path: here, says }];
    const known = locations.find(({ fields }) => fields.id === location);
    if (known === undefined) return problem(`no location is called "${location}". ${suggest(location, ids)}`);
    if (known.fields.sells === false) return problem(`"${location}" is not sold from, so nothing can be drawn there.`);
    const reach = programs.find(({ fields }) => fields.id === program)?.fields.locations;
    if (!Array.isArray(reach) || reach.includes(location)) return [];
    return problem(
      `the program "${String(program)}" does not draw at "${location}". Add it to the locations of the program, or name one of them: ${reach.join(', ')}.`,
    );
  });
}

/** Each class of an EMSR-b protection becomes a pool of its program, for the same items and time. */
function classesOf({ path, fields }: Entry): Entry[] {
  const { emsrb, ...scope } = fields;
  return entriesOf({ emsrb }, 'emsrb').map((each) => ({
    path: [...path, ...each.path],
    fields: { ...scope, program: each.fields.program },
  }));
}

const poolKeyOf = ({ program, sku, group, location, from, until }: Entry['fields']): unknown =>
  typeof program === 'string' ? JSON.stringify([program, sku ?? '*', group, location, from, until]) : undefined;

function findDoubles(entries: readonly Entry[], keyOf: (fields: Entry['fields']) => unknown) {
  const firsts = new Map<string, Entry>();
  return entries.flatMap((again) => {
    const key = keyOf(again.fields);
    if (typeof key !== 'string') return [];
    const first = firsts.get(key);
    if (first !== undefined) return [{ first, again }];
    firsts.set(key, again);
    return [];
  });
}

const sayTwice = (what: string, { fields }: Entry): string =>
  `the ${what} "${String(fields.id)}" is defined twice. Keep one, or give it another id.`;

function sayLocationTwice(first: Entry, again: Entry): string {
  const masters = [first.fields.master, again.fields.master].map(String);
  if (masters[0] === masters[1]) return sayTwice('location', again);
  return `the location "${String(again.fields.id)}" has two stock masters, ${masters.join(' and ')}. Exactly one may say how much there is: keep one.`;
}

/** `shopify:us-a` and `shopify:us_a` would read the same variables. */
function findSharedSecrets(source: YamlSource, channels: readonly Entry[]): YamlProblem[] {
  const prefixOf = ({ id }: Entry['fields']) => (typeof id === 'string' ? secretPrefix(id) : undefined);
  return findDoubles(channels, prefixOf).flatMap(({ first, again }) => {
    if (first.fields.id === again.fields.id) return [];
    const path = [...again.path, 'id'];
    const says = `would read the same secrets (${prefixOf(again.fields)}_...) as "${String(first.fields.id)}". Give it an id that differs in letters or digits.`;
    return [{ offset: source.offsetOf(path, 'value'), path, says }];
  });
}
