/**
 * A webhook receiver on a real socket: keeps every request as the connector's `verify` wants it. Answers 200.
 *
 * Its path is its own: a port that it gets may be one that another sandbox still sends late webhooks to.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { InboundRequest } from '../connector.ts';
import { until } from './expect.ts';

export type Receiver = {
  readonly url: string;
  readonly requests: readonly InboundRequest[];
  /** Waits for so many requests in all. */
  waitFor(count: number): Promise<readonly InboundRequest[]>;
  close(): Promise<void>;
};

export async function openReceiver(): Promise<Receiver> {
  const requests: InboundRequest[] = [];
  const path = `/webhooks/${randomUUID()}`;
  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      if (message.url !== path) {
        response.writeHead(404).end();
        return;
      }
      requests.push({
        method: message.method ?? '',
        path: message.url ?? '',
        headers: message.headers as Record<string, string | undefined>,
        rawBody: new Uint8Array(Buffer.concat(chunks)),
        now: Date.now(),
      });
      response.end();
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    requests,
    waitFor: (count) =>
      until(() => (requests.length >= count ? requests : null), `${count} webhooks, ${requests.length} came`),
    async close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}
