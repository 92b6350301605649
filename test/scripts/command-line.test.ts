/** The command line without a database: parsing, help, examples, exit codes, errors as text and as JSON. */
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { ALERT_CATALOGUE } from '#core/alert-catalogue.ts';
import { Credential, Defect, Rejected } from '#core/errors.ts';
import { DatabaseUnreachable } from '#db/client.ts';
import { buildProgram, tell } from '#scripts/command-line.ts';
import type { CsvColumns } from '#scripts/csv.ts';
import {
  ITEM_COLUMNS,
  LISTING_COLUMNS,
  ORDER_COLUMNS,
  RENEWAL_COLUMNS,
  STOCK_COLUMNS,
  SUPPLY_COLUMNS,
} from '#scripts/csv-files.ts';
import { Failure, Interrupted, type Io } from '#scripts/io.ts';
import { openSession } from '#scripts/session.ts';
import { runAllot } from '#test/support/command-line.ts';
import { ConfigError } from '#workers/config-problems.ts';

const silent: Io = {
  write: () => undefined,
  note: () => undefined,
  ask: null,
  readSecret: async () => '',
  login: null,
  env: {},
  cwd: '/',
  isTerminal: false,
  width: 80,
  now: () => 0,
  signal: new AbortController().signal,
};

/** As a shell would: quotes hold spaces together. */
const splitLine = (line: string): string[] => [...line.matchAll(/"([^"]*)"|\S+/g)].map((match) => match[1] ?? match[0]);

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

function parseOnly(): { program: Command; lines: readonly string[]; ran: string[] } {
  const ran: string[] = [];
  const session = openSession(silent, async (command) => void ran.push(command.name()));
  return { program: buildProgram(silent, session, '0.0.0'), lines: session.exampleLines, ran };
}

/** As a terminal of 80 columns shows it. */
function helpOf(command: Command): string {
  let help = '';
  command.configureOutput({
    getOutHelpWidth: () => 80,
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  return help;
}

describe('every command', () => {
  const { lines } = parseOnly();

  test.each(lines.filter((line) => !line.includes(' help ')))('has an example that parses: %s', async (line) => {
    const { program, ran } = parseOnly();
    const [name, ...args] = splitLine(line);
    expect(name).toBe('allot');
    await program.parseAsync(args, { from: 'user' });
    expect(ran).toHaveLength(1);
  });

  test('that a runbook names is one', async () => {
    const texts = Object.values(ALERT_CATALOGUE).flatMap((entry) => Object.values(entry).map(String));
    const named = texts.flatMap((text) => [...text.matchAll(/`(allot [^`]+)`/g)].map(([, line = '']) => line));
    expect(named.length).toBeGreaterThan(20);
    for (const line of named) {
      const { program, ran } = parseOnly();
      const [, ...args] = splitLine(line.replaceAll(/\b(ID|UNITS)\b/g, '12'));
      await program.parseAsync(args, { from: 'user' });
      expect([line, ran.length]).toEqual([line, 1]);
    }
  });

  test('has a description, and help that leads with an example', () => {
    const { program } = parseOnly();
    const leaves = leavesOf(program);
    expect(leaves.length).toBeGreaterThan(30);
    for (const command of leaves) {
      expect([command.name(), command.description()]).not.toContain('');
      expect(helpOf(command)).toMatch(/^Examples:\n {2}allot /);
    }
  });
});

describe('help', () => {
  const leaves = leavesOf(parseOnly().program);

  test('tells times as they are written, never as milliseconds', () => {
    const told = leaves.flatMap((command) => [...helpOf(command).matchAll(/default: (.*)\)/g)].map(([, text]) => text));
    expect(told).toContain('35d');
    expect(told).toContain('3d');
    expect(told.filter((text) => /\d{5}/.test(text ?? ''))).toEqual([]);
  });

  test('of an import names every column that it reads, and how it is written', () => {
    const imports = leaves.filter(({ parent }) => parent?.name() === 'import');
    const columns = new Map<string, CsvColumns>([
      ['items', ITEM_COLUMNS],
      ['stock', STOCK_COLUMNS],
      ['supply', SUPPLY_COLUMNS],
      ['listings', LISTING_COLUMNS],
      ['orders', ORDER_COLUMNS],
      ['renewals', RENEWAL_COLUMNS],
    ]);
    expect(imports.map((command) => command.name())).toEqual([...columns.keys()]);
    for (const command of imports) {
      const help = helpOf(command);
      const { required = [], optional = [], says = {} } = columns.get(command.name()) ?? {};
      for (const name of [...required, ...optional]) {
        const mark = required.includes(name) ? '\\*' : ' ';
        expect(help).toMatch(new RegExp(`^  ${name} +${mark} \\S`, 'm'));
        expect(help).toContain(says[name]);
      }
      expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    }
    expect(helpOf(imports[0] as Command)).toContain('gifts|seasonal');
    expect(helpOf(imports[0] as Command)).toContain('CUP:2;LID:1');
  });
});

describe('usage', () => {
  test.each([
    [['recieve', 'A', '1'], 'Did you mean receive?'],
    [['receive', 'A', '1'], '--location'],
    [['receive', 'A', '1,5', '--location', 'main'], 'decimal comma'],
    [['receive', 'A', '1E+05', '--location', 'main'], 'bent by a spreadsheet'],
    [['receive', 'A', '0', '--location', 'main'], 'out of range'],
    [['adjust', 'A', '0', '--location', 'main', '--reason', 'r'], 'changes nothing'],
    [['count', 'A', '1', '--location', 'main', '--as-of', '2026-11-23T08:30'], 'no time zone'],
    [['count', 'A', '1', '--location', 'main', '--as-of', 'yesterday'], 'write it like 2026-11-23T08:30:00Z'],
    [['count', 'A', '1', '--location', 'main', '--as-of', '2026-02-30T08:30:00Z'], 'not in the calendar'],
    [['inspect', 'A', '1', '--location', 'main', '--from', 'lost', '--to', 'sellable'], 'Allowed choices'],
    [['order', 'place', '--channel', 'fake:a', '--line', 'MUG'], 'SKU=N'],
    [['order', 'place', '--channel', 'fake:a', '--line', 'A=1', '--line', 'A=2'], 'given twice'],
    [['parked', 'drop', '3'], '--reason'],
    [['explain'], 'name one SKU, or one order'],
    [['explain', 'A', '--order', 'fake:a/1'], 'name one SKU, or one order'],
    [['ship', 'fake:a/1', '--line', '1'], 'belong together'],
  ])('%j exits 2 and says why', async (args, says) => {
    const said = await runAllot(args);
    expect(said).toMatchObject({ exitCode: 2, out: '' });
    expect(said.err).toContain(says);
  });

  test('with --json an error is one document, too', async () => {
    const said = await runAllot(['explain', '--json']);
    expect(said.document()).toMatchObject({
      schema: 'allot.error/1',
      ok: false,
      error: { exitCode: 2, mend: expect.any(String) },
    });
    expect((await runAllot(['nothing', '--json'])).document()).toMatchObject({
      ok: false,
      error: { exitCode: 2, what: "unknown command 'nothing'" },
    });
    expect((await runAllot(['--json'])).document()).toMatchObject({
      ok: false,
      error: { what: 'no command is given' },
    });
  });

  test('help and version exit 0 on standard output', async () => {
    for (const args of [['--help'], ['help', 'exit-codes'], ['--version'], ['channels', 'live', '--help']]) {
      const said = await runAllot(args);
      expect(said).toMatchObject({ exitCode: 0, err: '' });
      expect(said.out).not.toBe('');
    }
    expect((await runAllot(['exit-codes'])).out).toContain('130  interrupted');
  });

  test('a configuration that does not fit exits 2 with all of its problems', async () => {
    const env = { DATABASE_URL: 'mysql://nowhere', ALLOT_READONLY: '1' };
    const said = await runAllot(['status'], { env });
    expect(said.exitCode).toBe(2);
    expect(said.err).toContain('DATABASE_URL: is not a postgres URL');
    expect(said.err).toContain('Did you mean ALLOT_READ_ONLY?');
  });
});

test.each([
  [new Failure('w', { mend: 'm', exitCode: 3 }), 3],
  [new Failure('w', { mend: 'm' }), 1],
  [new Interrupted('i'), 130],
  [new ConfigError(['p']), 2],
  [new Rejected('r', { fix: 'f' }), 1],
  [new DatabaseUnreachable('d'), 4],
  [new Credential('c'), 4],
  [new Defect('d'), 1],
  [new TypeError('t'), 1],
])('%s exits %i', (error, exitCode) => {
  expect(tell(error)).toMatchObject({ exitCode, what: error.message });
});
