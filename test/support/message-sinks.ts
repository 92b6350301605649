/** Where messages arrive in tests: an HTTP server and an SMTP server on free ports, which note all, and fail as they are told. */
import { createServer as createHttp } from 'node:http';
import { createServer as createTcp, type Server, type Socket } from 'node:net';

export type Arrival = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
};

/** `hang`: takes the request and never answers. */
export type Answer =
  | { readonly status: number; readonly body?: string; readonly headers?: Record<string, string> }
  | 'hang';

export type HttpSink = {
  readonly url: string;
  readonly arrivals: readonly Arrival[];
  /** What the next requests get; then the usual one. */
  readonly next: Answer[];
  usual: Answer;
  close(): Promise<void>;
};

const listen = async (server: Server | ReturnType<typeof createHttp>): Promise<number> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

const closing = (server: Server | ReturnType<typeof createHttp>): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  return promise;
};

export async function openHttpSink(usual: Answer = { status: 200, body: 'ok' }): Promise<HttpSink> {
  const arrivals: Arrival[] = [];
  const sink = { usual, next: [] as Answer[] };
  const server = createHttp((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      arrivals.push({ method, path: url, headers, body: Buffer.concat(chunks).toString('utf8') });
      const answer = sink.next.shift() ?? sink.usual;
      if (answer === 'hang') return;
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body ?? '');
    });
  });
  const port = await listen(server);
  return Object.assign(sink, {
    url: `http://127.0.0.1:${port}`,
    arrivals,
    close: async () => {
      server.closeAllConnections();
      await closing(server);
    },
  });
}

export type Mail = { readonly from: string; readonly to: readonly string[]; readonly text: string };

export type SmtpSink = {
  readonly url: string;
  readonly mails: readonly Mail[];
  /** Recipients that are refused with 550. */
  readonly refused: Set<string>;
  /** Answers the next messages with this instead of 250. */
  readonly next: string[];
  close(): Promise<void>;
};

/** As much of RFC 5321 as a client needs: EHLO, MAIL, RCPT, DATA, RSET, QUIT; no TLS, no AUTH. */
export async function openSmtpSink(): Promise<SmtpSink> {
  const mails: Mail[] = [];
  const refused = new Set<string>();
  const next: string[] = [];
  const sockets = new Set<Socket>();
  const server = createTcp((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    converse(socket, { mails, refused, next });
  });
  const port = await listen(server);
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    refused,
    next,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await closing(server);
    },
  };
}

function converse(socket: Socket, sink: { mails: Mail[]; refused: ReadonlySet<string>; next: string[] }): void {
  let from = '';
  let to: string[] = [];
  let data: string[] | null = null;
  let left = '';
  const say = (line: string) => socket.write(`${line}\r\n`);
  const addressOf = (line: string): string => /<([^>]*)>/.exec(line)?.[1] ?? '';
  const take = (line: string) => {
    if (data !== null) {
      if (line !== '.') return void data.push(line.startsWith('..') ? line.slice(1) : line);
      const answer = sink.next.shift() ?? '250 taken';
      if (answer.startsWith('2')) sink.mails.push({ from, to, text: data.join('\n') });
      data = null;
      return say(answer);
    }
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO' || verb === 'HELO') return say('250 sink');
    if (verb === 'QUIT') return void socket.end('221 bye\r\n');
    if (verb === 'MAIL') {
      from = addressOf(line);
      to = [];
      return say('250 ok');
    }
    if (verb === 'RCPT') {
      const address = addressOf(line);
      if (sink.refused.has(address)) return say('550 no such user');
      to.push(address);
      return say('250 ok');
    }
    if (verb === 'DATA') {
      data = [];
      return say('354 go on');
    }
    return say('250 ok');
  };
  say('220 sink');
  socket.on('data', (chunk: Buffer) => {
    left += chunk.toString('utf8');
    for (let at = left.indexOf('\r\n'); at >= 0; at = left.indexOf('\r\n')) {
      const line = left.slice(0, at);
      left = left.slice(at + 2);
      take(line);
    }
  });
}
