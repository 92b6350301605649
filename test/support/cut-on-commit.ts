/** A TCP proxy before PostgreSQL that passes a COMMIT on and then loses its reply, as a broken network does. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  /** The database's URL, through the proxy. */
  readonly url: string;
  close(): Promise<void>;
}

export async function cutOnCommit(database: URL): Promise<CuttingProxy> {
  const server = createServer((near) => {
    const far = connect(Number(database.port), database.hostname);
    const end = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.on('data', (chunk) => {
      far.write(chunk);
      if (chunk.includes('\0commit\0')) loseReply(near, far, end);
    });
    far.on('data', (chunk) => near.write(chunk));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = new URL(database);
  if (address !== null && typeof address === 'object') url.port = String(address.port);
  url.hostname = '127.0.0.1';
  return {
    url: url.href,
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

/** Cut only when the server has answered: then the commit certainly took effect. */
function loseReply(near: Socket, far: Socket, end: () => void): void {
  far.removeAllListeners('data').once('data', end);
  near.pause();
}
