/** Policies that cannot hold are refused with line, field and what to write; those that a person must mean are asked about. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPolicyBench, type PolicyBench } from '#test/support/policy-bench.ts';

let bench: PolicyBench;
let store: PolicyBench['store'];
let folder: string;
let allot: PolicyBench['allot'];
let write: PolicyBench['write'];
let versionInForce: PolicyBench['versionInForce'];

beforeEach(async () => {
  bench = await openPolicyBench();
  ({ store, folder, allot, write, versionInForce } = bench);
});
afterEach(() => bench.close());

const POOLS = `pools:
  - { program: wholesale, sku: MUG, units: 40 }
`;

describe('what cannot hold is refused, and the running policy stays', () => {
  test('a rule that matches nothing, at its line, with a suggestion; nothing is missing before the first import', async () => {
    write({
      pools: 'pools:\n  - { program: wholesale, sku: MUGG, units: 4 }\n',
      a: '    items: { KETTLE-9: { cap: 1 } }\n',
    });
    const said = await allot("policy apply --reason 'r'");
    expect(said).toMatchObject({ exitCode: 2, out: '' });
    expect(said.err).toContain(
      'allot.yaml:7:32 pools[0].sku: matches nothing: no item has the SKU "MUGG". Did you mean "MUG"?',
    );
    expect(said.err).toContain(
      'channels[0].items.KETTLE-9: matches nothing: no item has the SKU "KETTLE-9". Import its items first',
    );
    expect((await allot("policy propose --reason 'r'")).exitCode).toBe(2);
    expect(await versionInForce()).toBe(1);
    await store.db.rows(sql`truncate item cascade`);
    expect((await allot("policy apply --reason 'r'")).exitCode).toBe(0);
  });

  test('a pool of a kit, which has none of its own; a rule of a channel for the kit is taken', async () => {
    await store.db.rows(
      sql`insert into item_component (kit, sku, quantity) values ('POT', 'MUG', 2), ('POT', 'CUP', 1)`,
    );
    const a = '    items: { POT: { cap: 1 } }\n';
    write({ pools: 'pools:\n  - { program: wholesale, sku: POT, units: 4 }\n', a });
    for (const line of ["apply --reason 'r'", "propose --reason 'r'", 'preview']) {
      const said = await allot(`policy ${line}`);
      expect(said).toMatchObject({ exitCode: 2, out: '' });
      expect(said.err).toContain(
        'allot.yaml:7:32 pools[0].sku: matches nothing: "POT" is a kit and has no pool of its own. Write pools for what it is made of (CUP, MUG), or take the rule out.',
      );
    }
    expect(await versionInForce()).toBe(1);
    write({ a });
    expect((await allot("policy apply --reason 'r'")).exitCode).toBe(0);
  });

  test('a pool whose time is over, wherever a person hands the file in', async () => {
    write({ pools: 'pools:\n  - { program: wholesale, sku: MUG, units: 4, until: "2020-02-29" }\n' });
    for (const line of [
      "policy apply --yes --reason 'r'",
      "policy propose --yes --reason 'r'",
      'policy preview',
      'config check',
    ]) {
      const said = await allot(line, line === 'config check' ? { env: {} } : {});
      expect(said).toMatchObject({ exitCode: 2, out: '' });
      expect(said.err).toContain(
        'allot.yaml:7:54 pools[0].until: matches nothing: the pool ended at 2020-02-29, and it is ',
      );
    }
    expect(await versionInForce()).toBe(1);
  });

  test('percents that come to more than 100 for an item through its groups', async () => {
    const groupsOf = (sku: string, groups: string) =>
      store.db.rows(sql`update item set groups = ${groups} where sku = ${sku}`);
    write({
      pools: `pools:
  - { program: dtc, group: seasonal, percent: 60 }
  - { program: wholesale, group: other, percent: 60 }
  - { program: emergency, percent: 33 }
  - { program: emergency, sku: MUG, percent: 33, from: "2099-01-01", until: "2099-02-01" }
  - { program: dtc, sku: POT, units: 1, from: "2099-01-01", until: "2099-02-01" }
`,
    });
    await groupsOf('CUP', '{seasonal}');
    await groupsOf('MUG', '{other}');
    expect((await allot("policy apply --reason 'r'")).exitCode).toBe(0);
    await groupsOf('CUP', '{seasonal,new,other}');
    await groupsOf('POT', '{other,seasonal}');
    const says = (place: (n: number) => string) =>
      `the pools of CUP, and of 1 more like it, come to 153 % of its supply: dtc 60 % for group seasonal${place(0)}, wholesale 60 % for group other${place(1)}, emergency 33 % for all items${place(2)}.`;
    const columns = [47, 50, 36];
    const inFile = says((n) => ` at allot.yaml:${7 + n}:${columns[n]} pools[${n}].percent`);
    writeFileSync(join(folder, 'again.yaml'), readFileSync(join(folder, 'allot.yaml'), 'utf8').replace('1m', '2m'));
    for (const line of [
      "apply again.yaml --yes --reason 'r'",
      "propose again.yaml --reason 'r'",
      'preview again.yaml',
    ]) {
      const said = await allot(`policy ${line}`);
      expect(said).toMatchObject({ exitCode: 2, out: '' });
      expect(said.err).toContain(`again.yaml:9:36 pools[2].percent: ${inFile.replaceAll('allot.', 'again.')}`);
      expect(said.err).toContain('Lower the others, or give CUP pools of its own.');
    }
    expect(await versionInForce()).toBe(2);
    await allot("policy rollback 1 --reason 'r'");
    const back = await allot("policy rollback 2 --reason 'r'");
    expect(back).toMatchObject({ exitCode: 2, out: '' });
    expect(back.err).toContain('version 2 does not fit the items there are: pool of ');
    expect(back.err).toContain('come to 153 % of its supply');
    expect(back.err).toContain('allot policy export VERSION');
    // A kit has no stock of its own; nor does the rest come to too much.
    await store.db.rows(
      sql`insert into item_component (kit, sku, quantity) values ('CUP', 'MUG', 1), ('POT', 'MUG', 1)`,
    );
    const again = join(folder, 'again.yaml');
    writeFileSync(again, readFileSync(again, 'utf8').replace(/^.*sku: POT.*\n/m, ''));
    expect((await allot('policy preview again.yaml')).exitCode).toBe(0);
  });

  test('a file that does not fit, with all of its lines', async () => {
    writeFileSync(join(folder, 'allot.yaml'), 'locations: [{ id: main, master: allo }]\nprograms: []\nchannels: []\n');
    const said = await allot("policy apply --reason 'r'");
    expect(said).toMatchObject({ exitCode: 2 });
    expect(said.err).toContain('allot.yaml:1:33 locations[0].master: is "allo". Did you mean "allot"?');
    expect(said.err).toContain('allot.yaml:2:11 programs');
  });

  test('no reason, and a person who says no', async () => {
    write({ pools: POOLS });
    expect(await allot('policy apply')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('no reason is given'),
    });
    expect(await allot("policy apply --reason ' '")).toMatchObject({ exitCode: 2 });
    const asked: string[] = [];
    const ask = async (question: string) => asked.push(question) < 0;
    expect(await allot("policy apply --reason 'r'", { ask })).toMatchObject({ exitCode: 130, out: '' });
    expect(asked).toEqual(['Put allot.yaml in force, after version 1?']);
    expect(await versionInForce()).toBe(1);
  });
});

describe('pools above what is free', () => {
  const ABOVE = 'pools:\n  - { program: wholesale, sku: MUG, units: 90 }\n  - { program: dtc, sku: MUG, units: 30 }\n';
  const told = [
    'MUG: 120 protected, 100 free (dtc 30, gets 25; wholesale 90, gets 75)',
    'allot.yaml:8:38 pools[1].units: protects 5 more of MUG than there is. Write 25 or less, or let goods come in first.',
    'allot.yaml:7:44 pools[0].units: protects 15 more of MUG than there is. Write 75 or less, or let goods come in first.',
  ];
  const SHORT = 'pools protect more than is free of 1 item (MUG: 120 protected, 100 free)';

  test('are a warning with line, field, item, numbers and what to write', async () => {
    write({ pools: ABOVE });
    const said = await allot('policy preview');
    expect(said).toMatchObject({ exitCode: 0 });
    expect(said.out).toContain('warning: pools protect more than is free of 1 item; they are cut until goods come in:');
    for (const line of told) expect(said.out).toContain(line);
  });

  test.each(['apply', 'propose'])(
    '%s asks, and where nobody can be asked it refuses until somebody says --yes',
    async (verb) => {
      write({ pools: ABOVE });
      const refused = await allot(`policy ${verb} --reason 'r'`);
      expect(refused).toMatchObject({ exitCode: 1, out: '' });
      expect(refused.err).toContain(`allot: ${SHORT}, and nobody can be asked whether that is meant`);
      for (const line of told) expect(refused.err).toContain(line);
      expect(refused.err).toContain('the same command with --yes');
      const asked: string[] = [];
      const answer = (isMeant: boolean) => async (question: string) => {
        asked.push(question);
        return isMeant;
      };
      expect((await allot(`policy ${verb} --reason 'r'`, { ask: answer(false) })).exitCode).toBe(130);
      expect(await versionInForce()).toBe(1);
      expect((await allot('policy proposals')).out).toBe('Nobody proposed anything.\n');
      expect((await allot(`policy ${verb} --reason 'r'`, { ask: answer(true) })).exitCode).toBe(0);
      const question = verb === 'apply' ? 'Put allot.yaml in force, after version 1' : 'Propose allot.yaml';
      expect(asked).toEqual([`${question}, although ${SHORT}?`, `${question}, although ${SHORT}?`]);
    },
  );

  test('are in force by --yes; a later change beside them asks nobody, one of them asks again', async () => {
    write({ pools: ABOVE });
    expect((await allot("policy apply --yes --reason 'r'")).exitCode).toBe(0);
    write({ pools: ABOVE, a: '    buffer: 2\n' });
    expect((await allot("policy apply --reason 'r'")).exitCode).toBe(0);
    write({ pools: ABOVE.replace('90', '95'), a: '    buffer: 2\n' });
    expect((await allot("policy apply --reason 'r'")).exitCode).toBe(1);
    expect((await allot("policy rollback 1 --reason 'r'")).exitCode).toBe(0);
    expect((await allot("policy rollback 2 --reason 'r'")).exitCode).toBe(1);
    expect(await versionInForce()).toBe(4);
  });

  test('for goods that are to come, of an item with nothing free, are told with their line and asked about by nobody', async () => {
    await store.db.rows(sql`insert into item (sku) values ('NEW')`);
    write({ pools: 'pools:\n  - { program: wholesale, sku: NEW, units: 18000 }\n' });
    const said = await allot("policy apply --reason 'r'");
    expect(said).toMatchObject({ exitCode: 0 });
    expect(said.err).toContain('pools wait for goods of 1 item that have nothing free.');
    expect(said.err).toContain('NEW: 18000 protected, 0 free (allot.yaml:7:44 pools[0].units)');
  });

  test('of a reallocation in force are told as one, with its program, and are for nobody to write lower', async () => {
    write({ pools: 'pools:\n  - { program: wholesale, sku: MUG, units: 100 }\n' });
    expect((await allot("policy apply --reason 'r'")).exitCode).toBe(0);
    const moved = "reallocate propose MUG 20 --from wholesale --to dtc --reason 'sale' --until 7d --apply";
    expect((await allot(moved)).exitCode).toBe(0);
    write({ pools: 'pools:\n  - { program: wholesale, sku: MUG, units: 120 }\n' });
    const refused = await allot("policy apply --reason 'r'");
    expect(refused).toMatchObject({ exitCode: 1, out: '' });
    for (const said of [refused.err, (await allot('policy preview')).out]) {
      expect(said).toContain('MUG: 120 protected, 100 free (dtc 20, gets 17; wholesale 100, gets 83)');
      expect(said).toContain(
        'reallocation to dtc: the units moved there protect 3 more of MUG than there is. They go back when it ends (allot reallocate list --state applied).',
      );
      expect(said).toContain('pools[0].units: protects 17 more of MUG than there is. Write 103 or less');
      expect(said).not.toContain('pool of  for');
    }
    expect((await allot("policy apply --yes --reason 'r'")).exitCode).toBe(0);
    // The reallocation is none of this change: nobody is asked for it.
    write({ pools: 'pools:\n  - { program: wholesale, sku: MUG, units: 120 }\n', a: '    buffer: 2\n' });
    expect((await allot("policy apply --reason 'r'")).exitCode).toBe(0);
  });
});
