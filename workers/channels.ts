/** Opens a line to each configured channel's platform. */
import { createHash } from 'node:crypto';
import type { Connector, ConnectorContext, SharedRates } from '#connectors/connector.ts';
import { createFetch } from '#connectors/http.ts';
import type { Instant } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { guardConnection, openBreaker } from './breaker.ts';
import type { Log, OpenChannel } from './context.ts';
import { type Tracing, traceConnection } from './tracing.ts';
import { ALLOT_VERSION } from './version.ts';

/** Longer than any answer a platform means to give; a lease outlives it. */
const DEADLINE_MS = 20_000;
const RESPONSE_BYTES_MAX = 32 * 1024 * 1024;

export type ChannelToOpen = {
  readonly id: string;
  readonly connector: Connector;
  readonly settings: unknown;
  readonly secret: (name: string) => string;
};

export type OpeningAt = {
  readonly db: Database;
  readonly rates: SharedRates;
  readonly now: () => Instant;
  readonly random: () => number;
  readonly log: Log;
  /** Of the keys that payloads can be opened with. */
  readonly keyIds: readonly string[];
  readonly tracing?: Tracing;
};

/** What reads a channel's input: another version, other settings (a dialect among them) or another key may read what this one cannot. */
const readerOf = (settings: unknown, keyIds: readonly string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([ALLOT_VERSION, settings, keyIds]))
    .digest('hex')
    .slice(0, 16);

export function openChannels(channels: readonly ChannelToOpen[], at: OpeningAt): Map<string, OpenChannel> {
  const open = new Map<string, OpenChannel>();
  for (const { id, connector, settings, secret } of channels) {
    const context: ConnectorContext = {
      channelId: id,
      secret,
      now: at.now,
      fetch: createFetch({
        allowedHosts: connector.hosts(settings),
        deadlineMs: DEADLINE_MS,
        maxBytes: RESPONSE_BYTES_MAX,
      }),
      rates: at.rates,
      log: {
        info: (fields, message) => at.log.info({ channel: id, ...fields }, message),
        warn: (fields, message) => at.log.warn({ channel: id, ...fields }, message),
      },
    };
    const capabilities =
      typeof connector.capabilities === 'function' ? connector.capabilities(settings) : connector.capabilities;
    const breaker = openBreaker({ db: at.db, channelId: id, now: at.now, random: at.random });
    const line = connector.open(settings, context);
    // What rests is no call: it leaves no trace.
    const traced = at.tracing === undefined ? line : traceConnection(id, line, at.tracing);
    const connection = guardConnection(traced, breaker);
    open.set(id, { id, capabilities, connection, breaker, reader: readerOf(settings, at.keyIds) });
  }
  return open;
}
