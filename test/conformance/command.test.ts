/** `npm run conformance`: the last line is the report, and the exit code tells whether anything failed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../scripts/conformance.ts');

async function runCommand(...args: string[]) {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    said.out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk.toString();
  });
  const [exitCode] = await once(child, 'close');
  return { exitCode, ...said };
}

test('with --json the last line is the report and nothing else', async () => {
  const { exitCode, out } = await runCommand(
    'fake',
    '--json',
    '--seeds',
    '1',
    '--only',
    'observe-in-order',
    'ticket-lost',
  );
  const report = JSON.parse(out.trimEnd().split('\n').at(-1) ?? '');
  expect(Object.keys(report)).toEqual(['connector', 'cases', 'passed', 'failed', 'skipped', 'seeds']);
  expect(report).toMatchObject({ connector: 'fake', cases: 16, failed: 0, seeds: 1 });
  expect(report.passed + report.skipped.length).toBe(16);
  expect(report.skipped[0]).toEqual({
    id: 'sellable-perItem-direct-compare/ticket-lost',
    why: 'an async lane is declared absent',
  });
  expect(exitCode).toBe(0);
});

test('says what there is not, and never succeeds without a case', async () => {
  const unknown = await runCommand('nowhere');
  expect(unknown).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining('connectors/nowhere/sandbox/conformance.ts'),
  });
  expect(await runCommand('fake', '--only', 'no-such-case')).toMatchObject({ exitCode: 1 });
  expect(await runCommand('fake', '--seeds', 'many')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('1 to 1000'),
  });
});
