/** Opens a line to each configured channel's platform. */
import type { Connector, ConnectorContext, SharedRates } from '#connectors/connector.ts';
import { createFetch } from '#connectors/http.ts';
import type { Instant } from '#core/model.ts';
import type { Log, OpenChannel } from './context.ts';
import { type Tracing, traceConnection } from './tracing.ts';

/** Longer than any answer a platform means to give; a lease outlives it. */
const DEADLINE_MS = 20_000;
const RESPONSE_BYTES_MAX = 32 * 1024 * 1024;

export type ChannelToOpen = {
  readonly id: string;
  readonly connector: Connector;
  readonly settings: unknown;
  readonly secret: (name: string) => string;
};

export function openChannels(
  channels: readonly ChannelToOpen[],
  at: { readonly now: () => Instant; readonly rates: SharedRates; readonly log: Log; readonly tracing?: Tracing },
): Map<string, OpenChannel> {
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
    const connection = connector.open(settings, context);
    const traced = at.tracing === undefined ? connection : traceConnection(id, connection, at.tracing);
    open.set(id, { id, capabilities, connection: traced });
  }
  return open;
}
