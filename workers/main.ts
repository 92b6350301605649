/**
 * The composition root: reads the configuration, opens database, queue and channels, starts the workers, and ends the process.
 *
 * Exit codes: 0 stopped as asked; 1 a fault, or forced by a second signal; 2 configuration is missing or wrong; 4 the database or
 * the queue cannot be reached. The only place that ends the process.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { loadConnectors } from '#connectors/registry.ts';
import { type Database, DatabaseUnreachable, openDatabase } from '#db/client.ts';
import { startEmbedded } from '#db/embedded.ts';
import { installationId } from '#db/health.ts';
import { migrate, SchemaTooNew, schemaStatus } from '#db/migrate.ts';
import { ensurePartitions } from '#db/partitions.ts';
import { openSharedRates } from '#db/rates.ts';
import type { SealingKey } from '#db/seal.ts';
import { hasOtherSessions } from '#db/sessions.ts';
import type { Alerting } from './alert-settings.ts';
import { openChannels } from './channels.ts';
import { systemClock } from './clock.ts';
import { type Config, nothingConfigured, readConfig } from './config.ts';
import type { ValidChannel } from './config-channels.ts';
import type { ConfigFile } from './config-file.ts';
import { ConfigError } from './config-problems.ts';
import { validateAll } from './config-whole.ts';
import type { ConsoleParts } from './console/parts.ts';
import type { WorkerContext } from './context.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { startHttp } from './http.ts';
import { receive } from './intake.ts';
import { createLogger, type Logger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { applyAtStart } from './policy-start.ts';
import { EvictingRedis, openQueues, type Queues, RedisUnreachable } from './queues.ts';
import { loadSealingKeys } from './seal-key.ts';
import type { Tracing } from './tracing.ts';
import { keepFactsYoung } from './young-facts.ts';

const EXIT = { stopped: 0, failed: 1, configuration: 2, unreachable: 4 } as const;
/** Each worker runs few statements at a time; http stores in two writers. */
const CONNECTIONS_MAX = 16;

type Stack = { readonly stop: () => Promise<void> };

/** Migrations run at start in embedded mode only: where others share the database, a person says when. */
async function prepareSchema(db: Database, isEmbedded: boolean, log: Logger): Promise<void> {
  if (isEmbedded) await migrate(db, { log: (line) => log.info({}, line) });
  const status = await schemaStatus(db);
  if (status.newerThanCode) {
    throw new SchemaTooNew(
      `The database has schema ${status.current}, this allot knows ${status.available}. Run the newer allot, or restore a backup from before its upgrade.`,
    );
  }
  if (status.pending.length > 0) {
    throw new ConfigError([
      `The database lacks ${status.pending.length} migration(s), the first is ${status.pending[0]}. Run: npx allot migrate`,
    ]);
  }
  await ensurePartitions(db, systemClock());
}

type Store = { readonly db: Database; readonly url: string; readonly close: () => Promise<void> };

/** The embedded server is stopped only by the last who uses it: a second daemon or a command line may work on the same home. */
async function openStore(config: Config, log: Logger): Promise<Store> {
  const embedded =
    config.databaseUrl === null ? await startEmbedded({ home: config.home, log: (line) => log.info({}, line) }) : null;
  const url = embedded?.url ?? config.databaseUrl ?? '';
  const applicationName = `allot daemon ${process.pid}`;
  const db = openDatabase(url, { max: CONNECTIONS_MAX, applicationName });
  const close = async () => {
    const isShared = embedded !== null && (await hasOtherSessions(db, applicationName).catch(() => false)); // gone already: nobody's
    await db.close();
    if (!isShared) await embedded?.stop();
  };
  try {
    await prepareSchema(db, embedded !== null, log);
    return { db, url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(config: Config, file: ConfigFile, log: Logger, onDeath: (error: Error) => void): Promise<Stack> {
  const connectors = await loadConnectors({ extraPaths: config.connectorPaths });
  const { valid, alerting } = validateAll(config, file, connectors);
  const sealingKeys = await loadSealingKeys(config);
  const [first, ...rest] = sealingKeys;
  if (first === undefined) throw new ConfigError(['ALLOT_SEAL_KEY: is missing']);
  const store = await openStore(config, log);
  try {
    return await startOn(store, { config, file, valid, alerting, sealingKeys: [first, ...rest], log, onDeath });
  } catch (error) {
    await store.close();
    throw error;
  }
}

type Plan = {
  readonly config: Config;
  readonly file: ConfigFile;
  readonly valid: readonly ValidChannel[];
  readonly alerting: Alerting;
  readonly sealingKeys: readonly [SealingKey, ...SealingKey[]];
  readonly log: Logger;
  readonly onDeath: (error: Error) => void;
};

async function startOn(
  store: Store,
  { config, file, valid, alerting, sealingKeys, log, onDeath }: Plan,
): Promise<Stack> {
  const { db } = store;
  const configured = valid.map(({ id, connector, program }) => ({ id, connector: connector.name, program }));
  const wanted = { locations: file.locations, channels: configured, policy: file.policy };
  const inForce = await applyAtStart(db, file, wanted, { log, now: systemClock() });
  const served = valid.filter(({ id }) => inForce.channels.includes(id));
  const queues = await openQueues({
    ...(config.redisUrl === null ? {} : { redisUrl: config.redisUrl }),
    databaseUrl: store.url,
    prefix: `allot-${(await installationId(db)).slice(0, 8)}`,
    log,
    onDeath,
  });
  const owner = `${hostname()} ${process.pid} ${randomUUID().slice(0, 8)}`;
  const traces = await openTraces(config, { db, log, owner });
  const channels = openChannels(served, {
    db,
    rates: openSharedRates(db),
    now: systemClock,
    random: Math.random,
    log,
    keyIds: sealingKeys.map(({ id }) => id),
    ...traces,
  });
  const metrics = createMetrics({ db, queues });
  let isDraining = false;
  const daemon: Daemon = await startDaemon({
    context: {
      db,
      channels,
      sealingKeys,
      owner,
      readOnly: config.isReadOnly,
      publicUrl: config.publicUrl,
      now: systemClock,
      random: Math.random,
      log,
      tally: metrics.tally,
      ...traces,
    },
    queues,
    roles: new Set(config.roles),
    timing: file.intervals,
    alerting,
    startHttp: config.roles.includes('http')
      ? async (context) =>
          startHttp({
            ...config.http,
            connections: new Map([...channels].map(([id, channel]) => [id, channel.connection])),
            store: (entries) => receive(context, entries),
            console: consoleOf(context, { config, file, sealingKeys }),
            ready: () => readiness(db, queues, isDraining),
            metrics,
            log,
            now: systemClock,
            ...traces,
          })
      : null,
  });
  return {
    stop: async () => {
      isDraining = true;
      await daemon.stop();
      await store.close();
    },
  };
}

/** Forms are bound to a key of their own, made of the newest sealing key: every process of this daemon knows it. */
function consoleOf(context: WorkerContext, given: Pick<Plan, 'config' | 'file' | 'sealingKeys'>): ConsoleParts | null {
  const { config, file, sealingKeys } = given;
  if (!file.console.enabled) return null;
  const { channels, ...everyone } = file.intervals;
  return {
    ...context,
    access: file.console,
    csrfKey: createHmac('sha256', sealingKeys[0].key).update('console csrf').digest(),
    isReadOnly: config.isReadOnly,
    publicUrl: config.publicUrl,
    paceOf: (channel) => channels?.find(({ id }) => id === channel) ?? everyone,
  };
}

/** The libraries are loaded only where a collector is named. */
async function openTraces(
  { tracesUrl }: Config,
  { db, log, owner }: { readonly db: Database; readonly log: Logger; readonly owner: string },
): Promise<{ readonly tracing?: Tracing }> {
  if (tracesUrl === null) return {};
  const { openTracing } = await import('./tracing-otlp.ts');
  return { tracing: openTracing({ endpoint: tracesUrl, instance: owner, db, log }) };
}

async function readiness(
  db: Database,
  queues: Queues,
  isDraining: boolean,
): Promise<{ ok: boolean; reasons: string[] }> {
  const reasons: string[] = isDraining ? ['the daemon is stopping'] : [];
  try {
    const { pending, newerThanCode } = await schemaStatus(db);
    if (pending.length > 0 || newerThanCode)
      reasons.push('the database schema does not fit this allot: run npx allot migrate');
  } catch (error) {
    reasons.push(`database: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    await queues.depths();
  } catch (error) {
    reasons.push(`queue: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { ok: reasons.length === 0, reasons };
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError || error instanceof SchemaTooNew || error instanceof EvictingRedis)
    return EXIT.configuration;
  if (error instanceof DatabaseUnreachable || error instanceof RedisUnreachable) return EXIT.unreachable;
  return EXIT.failed;
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Ends in order at the first signal, at once at the second. */
function endOnSignals(log: Logger, stack: Promise<Stack>): void {
  let isEnding = false;
  const end = async (signal: NodeJS.Signals) => {
    if (isEnding) process.exit(EXIT.failed);
    isEnding = true;
    log.info({ signal }, 'stopping: running work is finished first; a second signal ends at once');
    try {
      await (await stack).stop();
      process.exit(EXIT.stopped);
    } catch (error) {
      log.error({ error: error instanceof Error ? error.message : String(error) }, 'could not stop in order');
      process.exit(EXIT.failed);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal));
}

/** What a daemon is told comes from the environment and the file: an argument would be lost, `--home` among them. */
function refuseArguments([first]: readonly string[]): void {
  if (first === undefined) return;
  throw new ConfigError([
    `The daemon takes no arguments, and ${first} is one. Another home folder, and its allot.yaml: ALLOT_HOME=DIR npm start. Another file: ALLOT_CONFIG=FILE npm start.`,
  ]);
}

async function main(): Promise<void> {
  try {
    refuseArguments(process.argv.slice(2));
    const config = readConfig();
    if (config.file === null) {
      say(nothingConfigured);
      process.exit(EXIT.configuration);
    }
    keepFactsYoung();
    const log = createLogger(config.logLevel);
    const stack = start(config, config.file, log, (error) => {
      log.error({ error: error.message }, 'the queue is dead; ending, so that a supervisor starts anew');
      process.exit(EXIT.failed);
    });
    endOnSignals(log, stack);
    await stack;
    log.info({ roles: config.roles.join(','), channels: config.file.channels.length }, 'allot runs');
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(exitCodeOf(error));
  }
}

await main();
