/** Dialects as data: the two examples are whole, and a wrong one is refused with the path of each mistake. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { envelopeTo, loadPartner, readPartner } from '#connectors/edi/partner.ts';
import { Rejected } from '#core/errors.ts';
import { exampleDialect } from './examples.ts';

const least = {
  name: 'Least',
  us: { qualifier: 'ZZ', id: 'US' },
  partner: { qualifier: 'ZZ', id: 'THEM' },
  usage: 'T',
  versions: {},
  orders: { listing: 'IN', units: { EA: 1 } },
  answers: {},
  dropship: false,
  acknowledges: false,
};

describe('a dialect', () => {
  test('as the examples have it is whole', () => {
    const [store, mall] = [exampleDialect('department-store'), exampleDialect('dropship-mall')];
    expect(store).toMatchObject({ dropship: false, acknowledges: true, orders: { units: { EA: 1, CA: 'pack' } } });
    expect(mall).toMatchObject({ dropship: true, acknowledges: false, inventory: { scope: 'changed' } });
    expect(envelopeTo(store)).toEqual({
      separators: { element: '*', component: '>', segment: '~', repetition: null },
      sender: { qualifier: 'ZZ', id: 'BRANDCO' },
      receiver: { qualifier: '08', id: '925485US00' },
      applications: { sender: 'BRANDCO', receiver: '925485DEPT' },
      version: '00401',
      groupVersion: '004010VICS',
      usage: 'P',
    });
  });

  test('needs no more than who, which item and which units', () => {
    expect(readPartner(least, 'partner')).toMatchObject({
      separators: { element: '*', component: '>', segment: '~', repetition: null },
      answers: { acknowledgment: true, orderAnswerHours: null },
      inventory: null,
      receiptHours: 24,
    });
  });

  test.each([
    [{ separators: { element: '~' } }, 'separators: must all be different'],
    [{ separators: { element: 'A' } }, 'separators.element: must be one character'],
    [{ separators: { repetition: '^' } }, 'separators.repetition: exists from version 00402 on'],
    [{ dropship: true }, 'inventory: a dropship partner needs `inventory`'],
    [{ us: { qualifier: 'ZZ', id: 'X'.repeat(16) } }, 'us.id: '],
    [{ orders: { listing: 'item', units: { EA: 0 } } }, 'orders.listing: must be two capital letters or digits'],
    [
      { inventory: { scope: 'full', quantityQualifier: '33', identify: ['IN'], unit: 'CA' } },
      'inventory.unit: must be one of `orders.units`',
    ],
    [{ quantity: 1 }, 'Unrecognized key'],
  ])('with %j is refused', (wrong, says) => {
    expect(() => readPartner({ ...least, ...wrong }, 'partner')).toThrow(Rejected);
    expect(() => readPartner({ ...least, ...wrong }, 'partner')).toThrow(says);
  });

  test('tells all mistakes at once', () => {
    const wrong = { ...least, usage: 'X', us: { qualifier: 'Z', id: 'US' } };
    expect(() => readPartner(wrong, 'partner')).toThrow(/us\.qualifier: .*; usage: /);
  });

  test('that cannot be read is refused by its path', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'allot-partner-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'broken.yaml'), 'us: { qualifier: ZZ');
    expect(() => loadPartner(join(folder, 'none.yaml'))).toThrow(/none\.yaml: the partner file cannot be read/);
    expect(() => loadPartner(join(folder, 'broken.yaml'))).toThrow(/broken\.yaml: /);
  });
});
