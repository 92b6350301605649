/** Channels against connectors, their secrets, and the key that payloads are sealed with. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Connector } from '#connectors/connector.ts';
import { Credential } from '#core/errors.ts';
import { problemsOf } from '#test/support/config-problems.ts';
import { type ConfigSource, readConfig } from '#workers/config.ts';
import { type ValidChannel, validateChannels } from '#workers/config-channels.ts';
import { loadSealingKeys } from '#workers/seal-key.ts';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'allot-channels-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text);

/** Only what the configuration looks at. */
const connector = (name: string, settings: z.ZodType, secrets: readonly string[]): Connector =>
  ({ name, settings, secrets: () => secrets }) as unknown as Connector;

const CONNECTORS = new Map([
  [
    'shop',
    connector(
      'shop',
      z.strictObject({
        domain: z.string().regex(/[.]/, 'write a host name, such as shop.example'),
        pageSize: z.int().default(50),
      }),
      ['TOKEN', 'WEBHOOK_SECRET'],
    ),
  ],
  ['plain', connector('plain', z.strictObject({}), [])],
]);

const FILE = `locations: [{ id: main, master: allot }]
programs: [{ id: dtc, priority: 1, locations: [main] }]
channels:
`;

function validate(channels: string, env: NonNullable<ConfigSource['env']> = {}): readonly ValidChannel[] {
  write('allot.yaml', FILE + channels);
  return validateChannels(readConfig({ env, cwd }), CONNECTORS);
}

describe('validateChannels', () => {
  it('gives each channel its parsed settings and its own secrets, also from files', () => {
    write('token', 'from a file\n');
    const [shop, plain] = validate(
      '  - { id: "shop:eu-1", program: dtc, settings: { domain: a.example } }\n  - { id: "plain:x", program: dtc }\n',
      { SHOP_EU_1_TOKEN_FILE: 'token', SHOP_EU_1_WEBHOOK_SECRET: 'two' },
    );
    expect(shop).toMatchObject({ id: 'shop:eu-1', program: 'dtc', settings: { domain: 'a.example', pageSize: 50 } });
    expect([shop?.secret('TOKEN'), shop?.secret('WEBHOOK_SECRET')]).toEqual(['from a file', 'two']);
    expect(plain?.connector.name).toBe('plain');
    expect(() => plain?.secret('TOKEN')).toThrow(Credential);
    expect(() => plain?.secret('TOKEN')).toThrow('PLAIN_X_TOKEN: is missing, and the channel plain:x needs it.');
  });

  it('tells all that is wrong with the settings at once, without showing their text', () => {
    write('empty', '');
    const channels = `  - id: shop:eu-1
    program: dtc
    settings:
      domian: s3cret
      pageSize: s3cret
  - id: shopp:main
    program: dtc
  - id: shop:us
    program: dtc
    settings: { domain: b }
`;
    const env = { SHOP_EU_1_TOKEN: 'one', SHOP_EU_1_TOKEN_FILE: 'empty', SHOP_US_TOKEN_FILE: 'empty' };
    expect(problemsOf(() => validate(channels, env))).toEqual([
      'allot.yaml:7:7 channels[0].settings.domain: is missing. Write text.',
      'allot.yaml:7:7 channels[0].settings.domian: is not a known key. Did you mean "domain"?',
      'allot.yaml:8:17 channels[0].settings.pageSize: is text that does not fit. Write a whole number.',
      'allot.yaml:9:9 channels[1].id: no connector is called "shopp". Did you mean "shop"? A private one is loaded with ALLOT_CONNECTORS.',
      'allot.yaml:13:25 channels[2].settings.domain: is text that does not fit: write a host name, such as shop.example.',
    ]);
  });

  it('tells every secret that is missing or told twice, where the settings fit', () => {
    write('empty', '');
    const channels = `  - id: shop:eu-1
    program: dtc
    settings: { domain: a.example }
  - id: shop:us
    program: dtc
    settings: { domain: b.example }
`;
    const env = { SHOP_EU_1_TOKEN: 'one', SHOP_EU_1_TOKEN_FILE: 'empty', SHOP_US_TOKEN_FILE: 'empty' };
    expect(problemsOf(() => validate(channels, env))).toEqual([
      'SHOP_EU_1_TOKEN: is set, and SHOP_EU_1_TOKEN_FILE too. Keep one of them.',
      'SHOP_EU_1_WEBHOOK_SECRET: is missing, and the channel shop:eu-1 needs it. Set it, or SHOP_EU_1_WEBHOOK_SECRET_FILE to a file that holds it.',
      'SHOP_US_TOKEN_FILE: empty is empty. Write the value into it.',
      'SHOP_US_WEBHOOK_SECRET: is missing, and the channel shop:us needs it. Set it, or SHOP_US_WEBHOOK_SECRET_FILE to a file that holds it.',
    ]);
  });

  it('has nothing to say where no file is', () => {
    expect(validateChannels(readConfig({ env: {}, cwd }), CONNECTORS)).toEqual([]);
  });
});

describe('loadSealingKeys', () => {
  const key = (fill: number) => Buffer.alloc(32, fill).toString('base64');
  const load = (env: Record<string, string>) => loadSealingKeys(readConfig({ env, cwd }));

  it('makes one key for a home, for its owner alone, whoever asks at the same moment', async () => {
    const asked = await Promise.all(Array.from({ length: 8 }, () => load({})));
    expect(new Set(asked.flat().map(({ id }) => id)).size).toBe(1);
    const path = join(cwd, '.allot', 'seal.key');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8').trim()).toBe(asked[0]?.[0]?.key.toString('base64'));
    expect(readdirSync(join(cwd, '.allot'))).toEqual(['seal.key']);
  });

  it('puts ALLOT_SEAL_KEY first, and still opens with the kept one', async () => {
    const [kept] = await load({});
    const keys = await load({ ALLOT_SEAL_KEY: `${key(1)} ${key(2)}` });
    expect(keys.map((one) => one.key.toString('base64'))).toEqual([key(1), key(2), kept?.key.toString('base64')]);
    expect(await load({ ALLOT_SEAL_KEY: kept?.key.toString('base64') ?? '' })).toHaveLength(1);
  });

  it('keeps nothing beside a database of others', async () => {
    const keys = await load({ DATABASE_URL: 'postgres://db/allot', ALLOT_SEAL_KEY: key(1) });
    expect(keys).toHaveLength(1);
    expect(readdirSync(cwd)).toEqual([]);
    await expect(loadSealingKeys({ home: cwd, databaseUrl: 'postgres://db/allot', sealKeys: [] })).rejects.toThrow(
      'openssl rand -base64 32',
    );
  });

  it('refuses a damaged key rather than making a new one', async () => {
    write('seal.key', 'half a k');
    await expect(load({ ALLOT_HOME: '.' })).rejects.toThrow('is not a key of 32 bytes. Restore it from a backup');
    expect(readFileSync(join(cwd, 'seal.key'), 'utf8')).toBe('half a k');
  });
});
