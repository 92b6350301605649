/** The `alerts` section: read, checked as one, secrets found; each mistake with its place and its fix. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SMALL_CONFIG } from '#test/support/config-problems.ts';
import { openAlerting } from '#workers/alert-settings.ts';
import { readConfigFile } from '#workers/config-file.ts';
import { ConfigError } from '#workers/config-problems.ts';
import { ROOT } from '../tree.ts';

const read = (alerts: string) => readConfigFile(`${SMALL_CONFIG}${alerts}`, 'allot.yaml');
const problemsOf = (alerts: string) => read(alerts).problems.map((line) => line.replace(/^allot\.yaml:\d+:\d+ /, ''));

const WHOLE = `alerts:
  destinations:
    - { id: ops, kind: slack }
    - { id: mail, kind: email, from: allot@example.com, to: [ops@example.com] }
    - { id: hook, kind: webhook }
    - { id: pager, kind: pagerduty }
  routes:
    - { to: [pager], atLeast: critical, codes: [oversold] }
    - { to: [ops, hook] }
  people:
    - { id: kim, timeZone: Europe/Berlin, digestAt: "07:30", to: [mail] }
  heartbeat: { every: 2m }
`;

const SECRETS: Readonly<Record<string, string>> = {
  ALERTS_OPS_URL: 'https://hooks.slack.example/services/x',
  ALERTS_MAIL_SMTP_URL: 'smtp://mail.example.com:587',
  ALERTS_HOOK_URL: 'https://brand.example/hook',
  ALERTS_HOOK_SECRET: Buffer.alloc(32, 1).toString('base64'),
  ALERTS_PAGER_ROUTING_KEY: 'R0',
  ALERTS_HEARTBEAT_URL: 'https://ping.example/uuid',
};
const open = (secrets: Readonly<Record<string, string | undefined>>) => {
  const { file } = read(WHOLE);
  return openAlerting(file?.alerts ?? expect.fail('the file does not fit'), (name) => secrets[name]);
};

describe('the section', () => {
  it('may be missing: then nothing is sent', () => {
    const { file } = read('');
    expect(file?.alerts).toEqual({ destinations: [], routes: [], people: [], heartbeatMs: null, rates: new Map() });
  });

  it('is read whole, with what is left out', () => {
    const { file, problems } = read(WHOLE);
    expect(problems).toEqual([]);
    expect(file?.alerts.routes).toEqual([
      { to: ['pager'], atLeast: 'critical', codes: ['oversold'], channels: null },
      { to: ['ops', 'hook'], atLeast: 'warning', codes: null, channels: null },
    ]);
    expect(file?.alerts.people).toEqual([{ id: 'kim', timeZone: 'Europe/Berlin', digestMinute: 450, to: ['mail'] }]);
    expect(file?.alerts.heartbeatMs).toBe(120_000);
  });

  it('of the example fits, once it is taken out of its comment', () => {
    const text = readFileSync(join(ROOT, 'scripts/examples/allot.yaml'), 'utf8');
    const [before = '', rest = ''] = text.split('# alerts:\n');
    const lines = rest.split('\n');
    const end = lines.findIndex((line) => !line.startsWith('#   '));
    const section = lines.slice(0, end).map((line) => line.slice(2));
    const { file, problems } = readConfigFile(
      [before, 'alerts:', ...section, ...lines.slice(end)].join('\n'),
      'allot.yaml',
    );
    expect(problems).toEqual([]);
    expect(file?.alerts.destinations).toHaveLength(4);
    expect(file?.alerts.rates.get('shopify:main')).toEqual({
      cancelled: [{ percent: 3, days: 7 }],
      late: [{ percent: 5, days: 30 }],
    });
  });
});

describe('a mistake', () => {
  it.each([
    [
      'a destination that is not there',
      'alerts: { destinations: [{ id: ops, kind: slack }], routes: [{ to: [opps] }] }\n',
      'alerts.routes[0].to[0]: no destination is called "opps". Did you mean "ops"?',
    ],
    [
      'a channel that is not there',
      'alerts: { destinations: [{ id: ops, kind: slack }], routes: [{ to: [ops], channels: ["shop:mian"] }] }\n',
      'alerts.routes[0].channels[0]: no channel is called "shop:mian".',
    ],
    [
      'a code that is none',
      'alerts: { destinations: [{ id: ops, kind: slack }], routes: [{ to: [ops], codes: [oversolt] }] }\n',
      'alerts.routes[0].codes[0]: is "oversolt". Did you mean "oversold"?',
    ],
    [
      'a kind that is none',
      'alerts: { destinations: [{ id: ops, kind: slak }], routes: [{ to: [ops] }] }\n',
      'alerts.destinations[0].kind: is "slak". Did you mean "slack"?',
    ],
    [
      'mail from nobody',
      'alerts: { destinations: [{ id: ops, kind: email, to: [a@example.com] }], routes: [{ to: [ops] }] }\n',
      'alerts.destinations[0].from: is missing. Write an e-mail address.',
    ],
    [
      'a secret in the file',
      'alerts: { destinations: [{ id: ops, kind: webhook, endpoint: "https://x.example/" }], routes: [{ to: [ops] }] }\n',
      'alerts.destinations[0].endpoint: is "https://x.example/": is for pagerduty alone: the URL of others is a secret. Take it out.',
    ],
    [
      'two that would read one secret',
      'alerts: { destinations: [{ id: ops-a, kind: slack }, { id: ops_a, kind: slack }], routes: [{ to: [ops-a, ops_a] }] }\n',
      'alerts.destinations[1].id: would read the same secrets (ALERTS_OPS_A_...) as "ops-a". Give it an id that differs in letters or digits.',
    ],
    [
      'a name that is taken',
      'alerts: { destinations: [{ id: heartbeat, kind: slack }], routes: [{ to: [heartbeat] }] }\n',
      'alerts.destinations[0].id: "heartbeat" has its secret under this name already. Give it another id.',
    ],
    [
      'destinations that nothing leads to',
      'alerts: { destinations: [{ id: ops, kind: slack }] }\n',
      'alerts.destinations: no route leads to any of them. Write alerts.routes, such as - to: [ops]',
    ],
    [
      'a time zone that is none',
      'alerts: { destinations: [{ id: ops, kind: slack }], people: [{ id: kim, timeZone: Europe/Berlim, to: [ops] }] }\n',
      'alerts.people[0].timeZone: is "Europe/Berlim". Write a time zone such as "Europe/Berlin" or "America/New_York".',
    ],
    [
      'a digest to a pager',
      'alerts: { destinations: [{ id: pager, kind: pagerduty }], people: [{ id: kim, timeZone: UTC, to: [pager] }] }\n',
      'alerts.people[0].to[0]: "pager" pages people: a digest is no page. Name another destination.',
    ],
    [
      'a person twice',
      'alerts: { destinations: [{ id: ops, kind: slack }], people: [{ id: kim, timeZone: UTC, to: [ops] }, { id: kim, timeZone: UTC, to: [ops] }] }\n',
      'alerts.people[1].id: the person "kim" is defined twice. Keep one.',
    ],
  ])('%s', (_what, text, says) => {
    expect(problemsOf(text)).toEqual([expect.stringContaining(says)]);
  });
});

describe('its secrets', () => {
  it('are found by the name of their destination', () => {
    const { destinations, heartbeat } = open(SECRETS);
    expect(destinations.map(({ id, secrets }) => [id, Object.keys(secrets)])).toEqual([
      ['ops', ['URL']],
      ['mail', ['SMTP_URL']],
      ['hook', ['URL', 'SECRET']],
      ['pager', ['ROUTING_KEY']],
    ]);
    expect(heartbeat).toEqual({ url: 'https://ping.example/uuid', everyMs: 120_000 });
  });

  it('that are missing or unfit are told at once, and not shown', () => {
    const faulty = {
      ...SECRETS,
      ALERTS_OPS_URL: undefined,
      ALERTS_HOOK_URL: 'ftp://hidden',
      ALERTS_HOOK_SECRET: 'hidden',
      ALERTS_MAIL_SMTP_URL: 'hidden',
    };
    expect(() => open(faulty)).toThrow(
      new ConfigError([
        'ALERTS_OPS_URL: is missing, and the destination ops of alerts needs it. Set it, or ALERTS_OPS_URL_FILE to a file that holds it.',
        'ALERTS_MAIL_SMTP_URL: is no smtp:// or smtps:// URL',
        'ALERTS_HOOK_URL: is no https:// or http:// URL',
        'ALERTS_HOOK_SECRET: is shorter than 24 bytes as base64. Make one: openssl rand -base64 32',
      ]),
    );
  });
});
