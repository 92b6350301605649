import { describe, expect, it } from 'vitest';
import { FreeUnits, numberPlaces, type PlaceRow, rowAt } from '#core/item-book.ts';

/** Places are found one by one where there are few, and by a map where there are many: the rows must be the same. */
describe.each([1, 2, 4, 5, 9])('rows of an item at %i places', (count) => {
  const ids = Array.from({ length: count }, (_, index) => `place-${index}`);
  const locations = [{ id: 'closed', sells: false }, ...ids.map((id) => ({ id, sells: true }))];

  it('are found by their place, and only what sells is free', () => {
    const places = numberPlaces(locations);
    const rows: PlaceRow[] = [];
    for (const [index, id] of ids.entries()) rowAt(places, rows, id).sellable = 10 + index;
    rowAt(places, rows, 'closed').sellable = 99;
    const free = new FreeUnits(places, rows);
    expect(ids.map((id) => free.get(id))).toEqual(ids.map((_, index) => 10 + index));
    expect([free.get('closed'), free.get('nowhere')]).toEqual([undefined, undefined]);
  });

  it('are made for places that nobody knew', () => {
    const places = numberPlaces(locations);
    const rows: PlaceRow[] = [];
    for (let next = 0; next < 6; next++) rowAt(places, rows, `new-${next}`).allocated += next;
    for (let next = 0; next < 6; next++) {
      expect(rowAt(places, rows, `new-${next}`)).toMatchObject({ location: `new-${next}`, allocated: next });
      expect(new FreeUnits(places, rows).get(`new-${next}`)).toBeUndefined();
    }
    expect(rows.map(({ location }) => location)).toEqual(places.ids);
  });
});
