/** The console of a small brand, over a server that is asked without a socket, or over a real one for a browser. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { sql } from 'drizzle-orm';
import Fastify, { type FastifyInstance, type InjectOptions, type LightMyRequestResponse } from 'fastify';
import { addUser, type UserRole } from '#db/users.ts';
import { decidePending } from '#workers/allocate.ts';
import type { AccessSettings } from '#workers/console/access.ts';
import { addConsole } from '#workers/console/console.ts';
import type { ConsoleParts } from '#workers/console/parts.ts';
import { hashPassword } from '#workers/console/passwords.ts';
import { type HttpServer, startHttp } from '#workers/http.ts';
import { BRAND_POLICY, type Brand, command, orderOf, seedBrand } from './brand.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

export const PASSWORD = 'correct horse battery';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export type ConsoleStage = {
  /** What was logged as an error. */
  readonly faults: string[];
  readonly store: TestDatabase;
  readonly app: FastifyInstance;
  readonly clock: { now: number };
  readonly parts: ConsoleParts;
  /** From this machine, under its own name, unless told otherwise. */
  ask(options: InjectOptions): Promise<LightMyRequestResponse>;
  /** The page as text, whatever its status. */
  page(url: string, cookie?: string): Promise<string>;
  addUser(name: string, role: UserRole): Promise<void>;
  /** Logs in; answers the Cookie header. */
  logIn(name: string): Promise<string>;
  /** Sends the form of a page, with the token that the page carries. */
  submit(action: string, fields: Readonly<Record<string, string>>, cookie?: string): Promise<LightMyRequestResponse>;
  /** The same console on a socket. */
  listen(): Promise<HttpServer>;
  close(): Promise<void>;
};

export type ConsoleOptions = Partial<Brand> & {
  readonly access?: Partial<AccessSettings>;
  readonly publicUrl?: string | null;
  readonly isReadOnly?: boolean;
  readonly channels?: ConsoleParts['channels'];
};

export const HERE = { host: 'localhost:8790', origin: 'http://localhost:8790' };

export const csrfOf = (page: string): string => /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? '';

type Around = { readonly clock: { now: number }; readonly faults: string[] };

function partsOf(store: TestDatabase, { clock, faults }: Around, options: ConsoleOptions): ConsoleParts {
  return {
    db: store.db,
    log: { ...silent, error: (fields) => void faults.push(inspect(fields)) },
    now: () => clock.now,
    channels: options.channels ?? new Map(),
    decideSoon: () => undefined,
    wakeRelay: () => undefined,
    access: { loopbackRole: 'admin', proxy: null, ...options.access },
    csrfKey: randomBytes(32),
    isReadOnly: options.isReadOnly ?? false,
    publicUrl: options.publicUrl ?? null,
    paceOf: () => ({ pollMs: 60_000, reconcileMs: 300_000 }),
  };
}

/** The console alone, over a server that is asked without a socket. */
export async function openApp(parts: ConsoleParts): Promise<FastifyInstance> {
  const app = Fastify({ logger: false });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => {
    done(null, body);
  });
  await app.register((inner) => addConsole(inner, parts), { prefix: '/console' });
  return app;
}

export const bodyOf = (fields: Readonly<Record<string, string>>): string => new URLSearchParams(fields).toString();

/** Items A and B with 40 units each, sold on fake:a (dtc) and fake:b (wholesale); one order of three of A is open. */
export async function fillConsoleBrand(db: TestDatabase['db'], now: number, skus: readonly string[]): Promise<void> {
  for (const sku of skus)
    await command(db, { kind: 'receive', sku, location: 'main', quantity: 40, disposition: 'sellable' }, now - 60_000);
  const [first] = skus;
  if (first !== undefined)
    await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('1001', { [first]: 3 }) }, now - 30_000);
  await decidePending(db, { now: () => now - 10_000 });
}

export async function openConsole(options: ConsoleOptions = {}): Promise<ConsoleStage> {
  const store = await createTestDatabase();
  const skus = options.skus ?? ['A', 'B'];
  const clock = { now: Date.now() };
  await seedBrand(store.db, { policy: BRAND_POLICY, ...options, skus });
  await fillConsoleBrand(store.db, clock.now, skus);
  // Not before the policy that was just put in force.
  clock.now = Date.now() + 1000;
  const faults: string[] = [];
  const parts = partsOf(store, { clock, faults }, options);
  const app = await openApp(parts);
  const ask = (request: InjectOptions) =>
    app.inject({
      remoteAddress: '127.0.0.1',
      ...request,
      headers: { ...HERE, 'sec-fetch-site': 'same-origin', ...request.headers },
    });
  const page = async (url: string, cookie = '') => (await ask({ url, headers: { cookie } })).body;
  return {
    store,
    faults,
    app,
    clock,
    parts,
    ask,
    page,
    async addUser(name, role) {
      await addUser(store.db, { name, role, passwordHash: await hashPassword(PASSWORD) }, 'test');
    },
    async logIn(name) {
      const response = await ask({
        method: 'POST',
        url: '/console/login',
        payload: bodyOf({ name, password: PASSWORD }),
      });
      if (response.statusCode !== 303)
        throw new Error(`${name} could not log in: ${response.statusCode} ${faults.join()}`);
      return response.cookies
        .filter(({ value }) => value !== '')
        .map(({ name: cookie, value }) => `${cookie}=${value}`)
        .join('; ');
    },
    async submit(action, fields, cookie = '') {
      // Any page with a form carries the token; the trail of a viewer has none, so it is reckoned from the log-out form or a channel's.
      const csrf = csrfOf(await page('/console', cookie));
      return ask({ method: 'POST', url: action, headers: { cookie }, payload: bodyOf({ csrf, ...fields }) });
    },
    listen: () =>
      startHttp({
        host: '127.0.0.1',
        port: 0,
        connections: new Map(),
        store: async () => 0,
        ready: async () => ({ ok: true, reasons: [] }),
        metrics: {
          countWebhook: () => undefined,
          countDuplicates: () => undefined,
          expose: async () => ({ contentType: 'text/plain', body: '' }),
        },
        log: silent,
        now: () => clock.now,
        console: parts,
      }),
    async close() {
      await app.close();
      await store.drop();
    },
  };
}

/** Two listings of fake:a that show another number, and their alert, as reconcile writes them. */
export async function raiseDrift({ db }: TestDatabase): Promise<void> {
  await db.rows(sql`
    insert into drift (listing_id, cause, because, shows, wants, found_at, seen_at)
    select id, 'manual', '[]', 1, 2, now(), now() from listing where channel_id = 'fake:a' order by id limit 2`);
  await db.rows(sql`
    insert into alert (fingerprint, code, severity, title, channel_id, touches, cause, next_step)
    values ('drift fake:a', 'drift', 'warning', 'fake:a: 2 listing(s) show another number than they should', 'fake:a',
      '{"listings": 2}', 'manual 2', 'nothing yet: allot is mending it; see allot status')`);
}

/** What looks at platforms and refusals leave behind: a run with what it found, a stopped listing, parked input, a gate with a day. */
export async function leaveTraces({ db }: TestDatabase): Promise<void> {
  await db.rows(sql`
    with r as (insert into reconcile_run (channel_id, mode, state, actor, asked_at, started_at, moved_at, finished_at, compared, differing, causes)
      values ('fake:a', 'full', 'done', 'timer', now(), now(), now(), now(), 2, 1, '{"manualEdit": 1}') returning id)
    insert into reconcile_difference (run_id, listing_id, cause, remedy, shows, wants, because)
    select r.id, l.id, 'manualEdit', 'write', 4, 37, '["it shows 4, and 37 was left there"]' from r, listing l where l.listing_ref = 'ref-A' and l.channel_id = 'fake:a'`);
  await db.rows(sql`
    insert into listing_sync (listing_id, stopped_because, stopped_at, observed_sellable, shown, observed_state, observed_at)
    select id, 'secondWriter', now(), 4, 4, 'tracked', now() from listing where listing_ref = 'ref-B' and channel_id = 'fake:b'`);
  await db.rows(sql`
    insert into parked (source, source_id, channel_id, code, reason, fix, owner) values ('inbox', 1, 'fake:a', 'unknown-sku', 'no such item', 'allot import items FILE', 'ann')`);
  const gate = { channel: 'fake:a', cleanDays: 3, agreement: 99, ramp: [5, 100], stepDays: 2, fallBack: 90 };
  await db.rows(sql`update policy set body = body || ${JSON.stringify({ gates: [gate] })}::jsonb`);
  await db.rows(sql`
    insert into agreement (channel_id, day, mode, scans, compared, agreed, causes)
    select 'fake:a', current_date - n, 'shadow', 1, 100, 99, '{"showsMore": 1}' from generate_series(0, 3) n`);
}

/** A page as a person reads it. */
export const textOf = (body: string): string =>
  body
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll(/\s+/g, ' ');
