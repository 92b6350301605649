/** `allot config check|show`: is the configuration sound, and what does it come to. Secrets are never shown, only whether they are set. */
import type { Command } from 'commander';
import { loadConnectors } from '#connectors/registry.ts';
import { type Config, nothingConfigured } from '#workers/config.ts';
import { validateAll } from '#workers/config-whole.ts';
import { sayOverPools } from '#workers/policy-fit.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural, sayPairs } from '../output.ts';
import type { Kit, Run } from '../session.ts';

function requireFile(config: Config): NonNullable<Config['file']> {
  if (config.file !== null) return config.file;
  const [what = '', ...mend] = nothingConfigured.split('\n');
  throw new Failure(what, { mend: mend.join(' '), exitCode: EXIT.usage });
}

async function check(run: Run): Promise<ExitCode> {
  const config = run.config();
  const file = requireFile(config);
  const names = file.channels.map(({ connector }) => connector);
  const connectors = await loadConnectors({ extraPaths: config.connectorPaths, names });
  const { valid: channels, alerting } = validateAll(config, file, connectors, sayOverPools(file, run.io.now()));
  run.out.show(
    { schema: 'allot.config.check/1', ok: true, file: file.name, channels: channels.map(({ id }) => id) },
    () =>
      `${file.name} is sound: ${plural(channels.length, 'channel')}, ${plural(file.policy.programs.length, 'program')}, ${plural(file.locations.length, 'location')}, ${plural(alerting.destinations.length, 'destination')} of alerts.`,
  );
  run.next('next: npm start applies it');
  return EXIT.done;
}

type Shown = { readonly name: string; readonly value: string; readonly from: string };

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '';

/** A URL without who and with which password. */
function hidePassword(url: string | null, otherwise: string): string {
  if (url === null) return otherwise;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function settingsOf(run: Run, config: Config): Shown[] {
  const { env } = run.io;
  const fromOf = (name: string): string => {
    if (isSet(env[name])) return 'environment';
    return isSet(env[`${name}_FILE`]) ? `file ${env[`${name}_FILE`]}` : 'default';
  };
  const inFile = (name: string, isInFile: boolean): string =>
    fromOf(name) === 'default' && isInFile ? (config.file?.name ?? '') : fromOf(name);
  const values: readonly (readonly [string, string, string?])[] = [
    ['ALLOT_CONFIG', config.file?.name ?? 'none'],
    ['ALLOT_HOME', config.home],
    ['DATABASE_URL', hidePassword(config.databaseUrl, 'the embedded one of ALLOT_HOME')],
    ['REDIS_URL', hidePassword(config.redisUrl, 'none: the queue lives in the database')],
    ['ALLOT_READ_ONLY', config.isReadOnly ? '1' : '0'],
    ['ALLOT_SEAL_KEY', config.sealKeys.map(({ id }) => `key ${id}`).join(', ') || 'not set'],
    ['ALLOT_CONNECTORS', config.connectorPaths.join(', ') || 'none'],
    ['WORKERS', config.roles.join(',')],
    ['LOG_LEVEL', config.logLevel],
    ['HOST', config.http.host, inFile('HOST', config.file !== null)],
    ['PORT', String(config.http.port), inFile('PORT', config.file !== null)],
    ['PUBLIC_URL', config.publicUrl ?? 'none'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', config.tracesUrl ?? 'none: nothing is traced'],
  ];
  return values.map(([name, value, from]) => ({ name, value, from: from ?? fromOf(name) }));
}

async function show(run: Run): Promise<ExitCode> {
  const config = run.config();
  const settings = settingsOf(run, config);
  const { file } = config;
  const document = {
    schema: 'allot.config/1',
    settings,
    file:
      file === null
        ? null
        : {
            name: file.name,
            locations: file.locations,
            channels: file.channels.map(({ id, program }) => ({ id, program })),
            policy: file.policy,
            intervals: file.intervals,
          },
  };
  run.out.show(document, () => {
    const table = run.out.table(
      [{ title: 'NAME' }, { title: 'VALUE' }, { title: 'FROM' }],
      settings.map(({ name, value, from }) => [name, value, from]),
    );
    if (file === null) return `${table}\n${nothingConfigured}`;
    const pairs = sayPairs([
      ['locations', file.locations.map(({ id, master }) => `${id} (${master})`).join(', ')],
      ['programs', file.policy.programs.map(({ id, priority }) => `${id} (priority ${priority})`).join(', ')],
      ['channels', file.channels.map(({ id, program }) => `${id} (${program})`).join(', ')],
      ['pools', plural(file.policy.pools.length, 'rule')],
    ]);
    return `${table}\n${pairs}`;
  });
  return EXIT.done;
}

export function addConfigCommands(program: Command, kit: Kit): void {
  const group = program.command('config').description('look at the configuration before a daemon runs on it');
  const checking = group
    .command('check')
    .description('is it sound: file, connectors, settings, secrets; everything wrong at once')
    .action(kit.act(check));
  kit.examples(checking, ['allot config check']);
  const showing = group
    .command('show')
    .description('what it comes to, and where each value came from; no secrets')
    .action(kit.act(show));
  kit.examples(showing, ['allot config show', 'allot config show --json']);
}
