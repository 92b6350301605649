/** `allot edi check` as a person and as a program meet it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runAllot } from '#test/support/command-line.ts';
import { SAMPLE_850 } from './sample-850.ts';

let cwd = '';
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'allot-edi-'));
  await writeFile(join(cwd, 'good.edi'), SAMPLE_850);
  await writeFile(join(cwd, 'bad.edi'), SAMPLE_850.replace('*12*CA', '*twelve*CA').replace('REF*IA', 'RFF*IA'));
  await writeFile(
    join(cwd, 'soup.edi'),
    Uint8Array.from({ length: 5000 }, (_, index) => (index * 89) % 256),
  );
});
afterAll(() => rm(cwd, { recursive: true }));

test('a sound file: exit 0, and the document names interchange, sets and parties', async () => {
  const said = await runAllot(['edi', 'check', 'good.edi', '--json'], { cwd });
  expect(said.exitCode).toBe(0);
  expect(said.document()).toMatchObject({
    schema: 'allot.edi.check/1',
    interchanges: [
      {
        control: '000000101',
        sender: 'RETAILERX',
        receiver: 'BRANDCO',
        groups: 1,
        sets: [{ id: '850', control: '0001', accepted: true, errors: [] }],
      },
    ],
    ok: true,
  });
});

test('problems: exit 3, told in words with their place and X12 code', async () => {
  const said = await runAllot(['edi', 'check', 'bad.edi'], { cwd });
  expect(said.exitCode).toBe(3);
  expect(said.out).toContain('850 0001  problems, would be refused');
  expect(said.out).toContain('PO1 (segment 9): PO102 (quantity ordered): "twelve" is no number [AK403 6]');
  expect(said.out).toContain('RFF (segment 3): segment "RFF" is not known in this set [AK304 1]');
});

test('what is no X12 at all is a problem too, and what is no file is wrong usage', async () => {
  const soup = await runAllot(['edi', 'check', 'soup.edi', '--json'], { cwd });
  expect([soup.exitCode, soup.document().ok]).toEqual([3, false]);
  const none = await runAllot(['edi', 'check', 'nowhere.edi'], { cwd });
  expect(none.exitCode).toBe(2);
  expect(none.err).toContain('nowhere.edi cannot be read');
});
