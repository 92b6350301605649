/**
 * Bugs that are planted on purpose: each changes the text of the core in a way that tools of this trade did get wrong, and a law must
 * notice (plant-bug.ts).
 */
import type { Change, PlantedBug } from './plant-bug.ts';

const bug = (id: string, says: string, law: string, ...changes: readonly Change[]): PlantedBug => ({
  id,
  says,
  law,
  changes,
});
const change = (file: string, find: string, put: string): Change => ({ file: `core/${file}`, find, put });

export const PLANTED_BUGS: readonly PlantedBug[] = [
  bug(
    'read-then-write',
    'the naive read-then-write: what others have promised since is not looked at',
    'I1-promise',
    change('item-book.ts', 'row.allocated += allocated;', 'row.allocated += 0;'),
    // Else its own check of the books would stop it at the first release.
    change('books.ts', 'assert(allocated >= 0,', 'assert(true,'),
  ),
  bug(
    'stale-read',
    'every command of a batch reads what was free before the batch',
    'batching',
    change('books.ts', 'new FreeUnits(books.places, item.places)', 'new FreeUnits(books.places, item.read)'),
    change('item-book.ts', '    places: rows,\n', '    places: rows,\n    read: rows.map((row) => ({ ...row })),\n'),
  ),
  bug(
    'same-number-twice',
    'two lines of one item are checked against the same number (medusajs/medusa#16502)',
    'I1-promise',
    change(
      'line-units.ts',
      '  const free = freeOf(books, item);\n  const drawn',
      '  const read = new Map(books.places.selling.map((place) => [place, freeOf(books, item).get(place)]));\n' +
        '  if (item.readBy !== command.id) Object.assign(item, { readBy: command.id, asRead: read });\n' +
        '  const free = item.asRead;\n  const drawn',
    ),
  ),
  bug(
    'deficit-untold',
    'a deficit is reckoned without what is allocated',
    'I1',
    change(
      'facts.ts',
      'Math.max(0, -units)',
      'Math.max(0, -units - (item.places.find((row) => row.location === location)?.allocated ?? 0))',
    ),
  ),
  bug(
    'floored-shares',
    'each share is floored and the units in between are lost',
    'cut',
    change(
      'proportion.ts',
      '  const shares = unitsAt(low, wants, taken, caps);\n',
      '  return unitsAt(low, wants, taken, caps);\n',
    ),
  ),
  bug(
    'foreign-reserve',
    'the reserve of a program is consumed by another',
    'I5',
    change('pools.ts', 'shared -= remaining;', 'shared -= 0 * remaining;'),
  ),
  bug(
    'reserve-cut-again',
    'a reserve that was drawn is filled again from the reserves of others',
    'I5',
    change(
      'pools.ts',
      'members.map(({ units }) => units),',
      'members.map(({ units, consumed }) => Math.max(0, units - consumed)),',
    ),
    change('pools.ts', '      members.map(({ consumed }) => consumed),\n', ''),
  ),
  bug(
    'foreign-place',
    'units that a pool of a place protects are drawn there by another program',
    'I5-places',
    change('place-pools.ts', 'share.program === program.id || !isOpen(share)', 'share.program === program.id'),
  ),
  bug(
    'returned-elsewhere',
    'units given back to a pool of a place go to the pool of another place',
    'place-drawn',
    change(
      'drawn.ts',
      'const { program, consumed, kind, location } = entry;',
      'const { program, consumed, kind } = entry;\n' +
        '  const first = rows.find((row) => row.program === program && row.location !== undefined);\n' +
        '  const location = (consumed < 0 ? first?.location : undefined) ?? entry.location;',
    ),
  ),
  bug(
    'move-makes-units',
    'a reallocation gives to one pool without taking from the other',
    'I5-moves',
    change('moves.ts', 'if (move.from === pool) units -= move.units;', 'if (move.from === pool) units -= 0;'),
  ),
  bug(
    'return-forgets',
    'a reallocation comes back whole, also what was drawn of it meanwhile',
    'I5-moves',
    change('reallocation.ts', '{ pool: move.from, units: spent }', '{ pool: move.from, units: 0 }'),
  ),
  bug(
    'life-unseen',
    'a lot is promised however soon it expires',
    'lot-life',
    change('lots.ts', 'expiresAt - now >= days * DAY_MS', 'expiresAt - now >= 0 * days'),
  ),
  bug(
    'expired-sold',
    'an expired lot is promised like any other',
    'lot-life',
    change('lots.ts', 'expiresAt !== null && expiresAt <= now', 'expiresAt !== null && expiresAt < 0'),
    change(
      'lots.ts',
      '  expiresAt === null || (expiresAt > now',
      '  expiresAt === null || days === 0 || (expiresAt > now',
    ),
  ),
  bug(
    'last-expired-first',
    'what expires last is drawn first',
    'lot-fefo',
    change('lots.ts', 'if (expiry !== 0) return expiry;', 'if (expiry !== 0) return -expiry;'),
  ),
  bug(
    'lot-stays-promised',
    'a unit is given back, and its lot stays promised',
    'batching-lots',
    change('books.ts', '{ allocated: delta, held }', '{ allocated: Math.max(0, delta), held }'),
  ),
  bug(
    'lot-forgotten',
    'an order is promised units of a lot, and the lot is not told',
    'lot-sum',
    change('line-units.ts', 'return lot === undefined', 'return true'),
  ),
  bug(
    'useless-protection',
    'a program is promised lots that others protect, since it asks for as long a life',
    'I5-lots',
    change('draw.ts', 'Math.min(openPool, lifeRoomOf(program, pools, free, free.lots))', 'openPool'),
  ),
  bug(
    'part-of-a-place-shrinks',
    'a percent of what is at a place is lowered by what others draw there',
    'I5-places',
    change('drawn.ts', 'taken: row.taken + units', 'taken: row.taken'),
  ),
  bug(
    'preferred-place-first',
    'a line takes young lots that others protect from the place it prefers, while old ones lie next door',
    'I5-lots-far',
    change('draw.ts', '  if (free.lots === undefined) return open;', '  return open;'),
  ),
  bug(
    'hold-unseen',
    'what others hold is not looked at',
    'hold-sum',
    change('item-book.ts', 'row.held += held;', 'row.held += 0;'),
    change('books.ts', 'assert(heldThere >= 0,', 'assert(true,'),
  ),
  bug(
    'drawn-beside-hold',
    'an order that converts a hold draws its units anew',
    'hold-converts',
    change('orders.ts', 'convertHolds(turn, holds, line)', 'convertHolds(turn, [], line)'),
    change('orders.ts', 'endHoldUses(turn, holds, lines)', 'endHoldUses(turn, [], lines)'),
  ),
  bug(
    'held-set-mixed',
    'sets out of holds are put together over places, whatever the program asks for',
    'hold-sets',
    change('hold-orders.ts', "rule === 'split'", 'rule !== undefined'),
  ),
  bug(
    'hold-stays-drawn',
    'a hold ends and its units stay drawn from the pool',
    'hold-ends',
    change('hold-units.ts', 'const consumed = -stillDrawn(item.drawn, part);', 'const consumed = 0;'),
  ),
  bug(
    'first-in-ties',
    'in scarcity a tie goes to who stands first in the list',
    'scarce-order',
    change('scarcity.ts', '(a.demand.id < b.demand.id ? -1 : 1)', '(a.index - b.index)'),
  ),
  bug(
    'alabama',
    'fair shares by largest remainders: one more unit lowers somebody (the Alabama paradox)',
    'fair-share',
    change('scarcity.ts', 'const cut = cutInProportion(', 'const cut = largestRemainder('),
  ),
  bug(
    'run-half-blind',
    'a re-confirmation run sees only the lines that wait',
    'run-there',
    change(
      'reconfirm-claims.ts',
      'const loaded = item.openLines;',
      'const loaded = item.openLines && [...item.shorts.values()];',
    ),
  ),
  bug(
    'run-over-reserve',
    'the winners of a re-confirmation run reach for what is protected',
    'run-protects',
    change('pools.ts', 'shared -= remaining;', 'shared -= 0 * remaining;'),
  ),
  bug(
    'run-part',
    'a re-confirmation run leaves a part to an order that wants all or nothing',
    'whole',
    change('reconfirm-turns.ts', '&& !fillWhole(run, first)) giveUp(run, first)', ') serve(run, first, wanted)'),
    change('reconfirm-turns.ts', '  endWhole(run);\n', ''),
  ),
  bug(
    'count-erases',
    'a count overwrites the movements after it',
    'count',
    change('counts.ts', '((balance?.quantity ?? 0) - later)', '(balance?.quantity ?? 0)'),
  ),
  bug(
    'movement-twice',
    'a movement from before the count counts once more when it is heard of',
    'count',
    change('books.ts', 'countedAsOf === null || entry.occurredAt > countedAsOf', 'true'),
  ),
  bug(
    'last-arrival-wins',
    'the order state that arrives last wins, not the newest',
    'intake',
    change('order-state.ts', 'const newer = b.version > a.version ? b : a;', 'const newer = b;'),
  ),
  bug(
    'counted-again',
    'an order that is told again is promised again (Adyen/adyen-magento2#1174: compensated twice)',
    'intake-again',
    change(
      'told-lines.ts',
      '    const isNamed = before !== undefined && ',
      '    const isNamed = stored === undefined && ',
    ),
    change('orders.ts', 'stored !== undefined && sameState', 'false && sameState'),
  ),
  bug(
    'short-forgotten',
    'what is not there is dropped instead of being short',
    'I4',
    change('order-lines.ts', 'const short = openUnits(line) - allocatedUnits(line);', 'const short = 0;'),
  ),
  bug(
    'places-twice',
    'a line that is split over places takes the whole of it at the second (vendurehq/vendure#4030: 10 and 13 for 13)',
    'I4',
    change('draw.ts', '      units -= quantity;\n', '      units -= Math.min(0, quantity);\n'),
    change('draw.ts', 'assert(units === 0,', 'assert(true,'),
  ),
  bug(
    'last-served-first',
    'of those who wait the last is served first',
    'turn',
    change('fill-shorts.ts', '    short.placedAt,\n', '    -short.placedAt,\n'),
  ),
  bug(
    'shared-input',
    'a decision writes on the state that it was handed',
    'deterministic',
    change('item-book.ts', 'const copy = { ...listing };', 'const copy = listing;'),
  ),
  bug(
    'half-written',
    'what a refused command had written stays in the books of the batch',
    'parking',
    change('decide.ts', 'if (!isUnwritten(books, command, error)) return null;', ''),
  ),
  bug(
    'negative-number',
    'a number below 0 is published where the buffer is greater than the stock',
    'number',
    change('publish.ts', 'return Math.max(0, Math.floor(capped / by.pack));', 'return Math.floor(capped / by.pack);'),
  ),
  bug(
    'unexplained',
    'the number is rounded up where its explanation rounds down',
    'explain',
    change(
      'publish.ts',
      'const shared = Math.floor((promise * by.sharePercent) / 100);',
      'const shared = Math.ceil((promise * by.sharePercent) / 100);',
    ),
  ),
  bug(
    'line-by-itself',
    'a line of an order that takes all or nothing is explained as if the others wanted nothing',
    'explain-lines',
    change(
      'line-explanation.ts',
      'lacking.length === 0 ? before : 0',
      'lacking.length < told.lines.length ? before : 0',
    ),
  ),
  bug(
    'line-anywhere',
    'a line is explained by every place of its program, though its listing is filled from some alone',
    'explain-lines',
    change(
      'targets.ts',
      'promise: promisableTo({ ...program, locations: from }, at.pools, at.free),',
      'promise: promisableTo(program, at.pools, at.free),',
    ),
  ),
  bug(
    'unseen-sale',
    'a push overwrites sales that no order has told of yet',
    'push-unseen',
    change('wire.ts', 'if (seenSold > soldBaseline && !isExpired)', 'if (seenSold > soldBaseline && false)'),
  ),
  bug(
    'sale-for-write',
    'sales are taken for a write whose answer never came',
    'push-doubt',
    change('wire.ts', 'if (now < since + DOUBT_MS)', 'if (now < 0)'),
  ),
  bug(
    'read-too-soon',
    'a read that is too soon after a write is taken for sales',
    'push-own',
    change('wire.ts', 'const isSettling = !protection.compares && until > at.now;', 'const isSettling = false;'),
  ),
  bug(
    'no-further',
    'ATP looks no further than its day: what a later day lacks is sold today',
    'atp',
    change('atp.ts', 'lowest[i] = Math.min(lowest[i] ?? 0, lowest[i + 1] ?? 0);', 'lowest[i] = lowest[i] ?? 0;'),
  ),
  bug(
    'late-supply',
    'supply still counts after its moment has passed',
    'atp-late',
    change('atp.ts', 'leftOf(row) > 0 && row.dueAt > now && isInSight(row)', 'leftOf(row) > 0 && isInSight(row)'),
  ),
  bug(
    'limit-as-new',
    'a backorder limit is promised whole, though the program is short already',
    'atp-limit',
    change('promise.ts', 'stockOf(projection) + limit.left', 'stockOf(projection) + limit.limit'),
  ),
  bug(
    'back-off-uncapped',
    'a wait doubles without a cap: after a night of failures a channel is tried again in a year',
    'retry-bounds',
    change('retry.ts', 'return Math.min(capMs, firstMs', 'return Math.max(capMs, firstMs'),
  ),
  bug(
    'breaker-stampede',
    'half open, whoever asks is let through: a platform that comes back is met by all at once',
    'breaker-heals',
    change(
      'breaker.ts',
      "before.state !== 'closed' && at.now >= (before.retryAt ?? 0)",
      "before.state === 'halfOpen' || (before.state === 'open' && at.now >= (before.retryAt ?? 0))",
    ),
  ),
  bug(
    'gate-skips-gaps',
    'days that were not scanned are passed over: a gate opens on days that nobody compared',
    'gate-clean',
    change(
      'gate.ts',
      'if (day === undefined || !isClean(rule, day)) break;',
      'if (day === undefined) continue; if (!isClean(rule, day)) break;',
    ),
  ),
  bug(
    'mean-is-enough',
    'a buffer of what others sell on average while a sale is on its way: half of the time they sell more',
    'buffer-least',
    change('latency-buffer.ts', '<= chance) return units;', '<= chance || units >= mean) return units;'),
  ),
  bug(
    'one-unit-an-order',
    'every order is taken to be of one unit',
    'buffer-least',
    change('latency-buffer.ts', 'Math.max(0, (unitsPerOrder - 1) / (unitsPerOrder + 1))', '0'),
  ),
  bug(
    'flutter',
    'a buffer falls as soon as it may, and rises again with the next sale',
    'buffer-rule',
    change('latency-buffer.ts', 'const FALLS_BELOW = 1.25;', 'const FALLS_BELOW = 1;'),
  ),
];
