/**
 * What goes wrong on purpose, from the seed alone: the daemon killed, Redis flushed, platforms that lose, repeat and refuse.
 */
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SandboxControl } from '#connectors/sandbox/control.ts';
import { createRandom, type SandboxFaultsInput } from '#connectors/sandbox/faults.ts';
import { connectorOf } from '#workers/config-file.ts';

/** Different moments between the first and the last twentieth, so that there is work before and after each. */
export function chooseMoments(count: number, orders: number, seed: number): ReadonlySet<number> {
  const random = createRandom(seed);
  const [first, span] = [Math.ceil(orders * 0.05), Math.max(1, Math.floor(orders * 0.9))];
  const moments = new Set<number>();
  while (moments.size < Math.min(count, span)) moments.add(Math.max(1, first + Math.floor(random() * span)));
  return moments;
}

type Chaos = Omit<SandboxFaultsInput, 'seed'>;

const ON_CALLS: Chaos = { throttle: 0.02, error5xx: 0.03, timeoutAfterApply: 0.02 };
const ON_WEBHOOKS: Chaos = { duplicateWebhook: 0.1, reorderWebhook: 0.1, delayWebhookMs: 300, dropWebhook: 0.05 };

/** By connector: what goes wrong at its platform. */
const CHAOS: Readonly<Record<string, Chaos>> = {
  shopify: { ...ON_CALLS, ...ON_WEBHOOKS },
  amazon: { ...ON_CALLS, lateApply: 0.02, indexLagMs: 1500 },
  edi: { ...ON_WEBHOOKS, brokenInterchange: 0.05, lateReceiptMs: 1500, loseReceipt: 0.02 },
};

/** Sets the chosen channels on their faults; answers what ends them again. */
export async function startChaos(
  controls: ReadonlyMap<string, SandboxControl>,
  channel: string | null,
  seed: number,
): Promise<() => Promise<void>> {
  const chosen = [...controls].filter(([id]) => channel === 'all' || channel === id);
  for (const [index, [id, control]] of chosen.entries()) {
    const chaos = CHAOS[connectorOf(id)];
    if (chaos === undefined) throw new Error(`nobody said what goes wrong at ${id}`);
    await control.setFaults({ ...chaos, seed: seed + index });
  }
  return async () => {
    for (const [, control] of chosen) await control.setFaults({});
  };
}

const ANSWER_TIMEOUT_MS = 5000;

function open(url: URL): Socket {
  const [host, port] = [url.hostname, Number(url.port || 6379)];
  return url.protocol === 'rediss:' ? connectTls({ host, port, servername: host }) : connectPlain({ host, port });
}

/** One word of the protocol at a time, by hand: only the queue may import its client. */
async function ask(socket: Socket, words: readonly string[]): Promise<void> {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  socket.write(`*${words.length}\r\n${parts.join('')}`);
  const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })) as [Buffer];
  const text = answer.toString('utf8').trim();
  if (!text.startsWith('+')) throw new Error(`Redis refused ${words[0]}: ${text}`);
}

/** FLUSHALL: everything in that Redis is gone, whoever put it there. */
export async function flushRedis(redisUrl: string): Promise<void> {
  const url = new URL(redisUrl);
  const socket = open(url);
  try {
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    if (password !== '') await ask(socket, user === '' ? ['AUTH', password] : ['AUTH', user, password]);
    await ask(socket, ['FLUSHALL']);
  } finally {
    socket.destroy();
  }
}
