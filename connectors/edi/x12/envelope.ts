/**
 * Envelope checks: control numbers and counts of interchange, group and set, in the codes that TA1 and 997 answer with.
 *
 * Guarantees: an interchange, group or set that was cut, or whose number, count or version is not what its other end says, has a
 * fault. Control numbers are compared as numbers (`101` is `000000101`), as receivers do; what is no number never equals.
 */
import type { CodeList, X12Fault } from './fault.ts';
import { elementName, showValue } from './fault.ts';
import { elementOf, type Group, type Interchange, type Segment, type TransactionSet } from './read.ts';

type About = { readonly list: CodeList; readonly code: string; readonly element?: number };

function faultAt(segment: Segment | null, about: About, message: string): X12Fault {
  const { list, code, element } = about;
  const tag = segment === null || segment.tag === '' ? null : segment.tag;
  const name = tag === null || element === undefined ? null : elementName(tag, element);
  return { segment: tag, position: segment?.position ?? null, element: name, list, code, message };
}

const isNumber = (text: string, digitsMax: number): boolean =>
  new RegExp(`^\\d{1,${digitsMax}}$`).test(text) && Number(text) > 0;

const isSameNumber = (a: string, b: string): boolean => /^\d+$/.test(a) && /^\d+$/.test(b) && Number(a) === Number(b);

/** Only these may stand between ISA and the first GS (interchange acknowledgements and security). */
const SERVICE_SEGMENTS: ReadonlySet<string> = new Set(['TA1', 'TA3', 'ISB', 'ISE']);

function checkHeader({ header, version, control, usage, isPadded }: Interchange): X12Fault[] {
  const faults: X12Fault[] = [];
  const refuse = (code: string, element: number, message: string): void => {
    faults.push(faultAt(header, { list: 'TA105', code, element }, message));
  };
  if (!isPadded)
    faults.push(
      faultAt(header, { list: 'TA105', code: '022' }, 'ISA is not 106 characters: pad its fields as X12 wants'),
    );
  if (!/^\d{5}$/.test(version)) refuse('003', 12, `the version ISA12 is ${showValue(version)}, expected 5 digits`);
  if (!isNumber(control, 9)) refuse('018', 13, `the control number ISA13 is ${showValue(control)}, expected 9 digits`);
  if (!/^[PTI]$/.test(usage)) refuse('020', 15, `the usage ISA15 is ${showValue(usage)}, expected P or T`);
  return faults;
}

/** The interchange's own faults, those of its groups and sets not included. */
export function checkInterchange(interchange: Interchange): X12Fault[] {
  const { groups, trailer, control, others, isWhole } = interchange;
  const faults = checkHeader(interchange);
  for (const segment of others.filter(({ tag }) => !SERVICE_SEGMENTS.has(tag))) {
    faults.push(
      faultAt(segment, { list: 'TA105', code: '022' }, `segment ${showValue(segment.tag)} stands outside every set`),
    );
  }
  const real = groups.filter(({ header }) => header.tag !== '');
  if (real.length < groups.length)
    faults.push(faultAt(null, { list: 'TA105', code: '024' }, 'a set stands outside every group: its GS is missing'));
  if (trailer === null) {
    faults.push(
      faultAt(null, { list: 'TA105', code: '023' }, 'the interchange has no IEA: it was cut, or ends without one'),
    );
    return faults;
  }
  if (!isWhole)
    faults.push(
      faultAt(trailer, { list: 'TA105', code: '023' }, 'IEA has no terminator: the interchange may be cut in it'),
    );
  const [count, number] = [elementOf(trailer, 1), elementOf(trailer, 2)];
  if (!isSameNumber(number, control))
    faults.push(
      faultAt(
        trailer,
        { list: 'TA105', code: '001', element: 2 },
        `IEA02 is ${showValue(number)}, ISA13 is ${showValue(control)}`,
      ),
    );
  if (count !== '0' && !isSameNumber(count, String(real.length)))
    faults.push(
      faultAt(
        trailer,
        { list: 'TA105', code: '021', element: 1 },
        `IEA01 says ${showValue(count)} groups, there are ${real.length}`,
      ),
    );
  else if (count === '0' && real.length > 0)
    faults.push(
      faultAt(trailer, { list: 'TA105', code: '021', element: 1 }, `IEA01 says no group, there are ${real.length}`),
    );
  return faults;
}

/** The group's own faults. `isRepeated`: a group before it in the interchange has its number. */
export function checkGroup(group: Group, isRepeated: boolean): X12Fault[] {
  const { header, control, version, trailer, sets } = group;
  if (header.tag === '') return [];
  const faults: X12Fault[] = [];
  const refuse = (at: Segment | null, code: string, element: number | undefined, message: string): void => {
    faults.push(
      faultAt(at, element === undefined ? { list: 'AK905', code } : { list: 'AK905', code, element }, message),
    );
  };
  if (!/^[A-Z]{2}$/.test(group.functionalId))
    refuse(header, '1', 1, `GS01 is ${showValue(group.functionalId)}, expected two letters such as PO`);
  if (!isNumber(control, 9))
    refuse(header, '6', 6, `GS06 is ${showValue(control)}, expected a number of up to 9 digits`);
  if (isRepeated) refuse(header, '19', 6, `GS06 ${showValue(control)} is there twice in one interchange`);
  if (!/^\d{6}[A-Z0-9]{0,6}$/.test(version))
    refuse(header, '2', 8, `GS08 is ${showValue(version)}, expected a version such as 004010`);
  if (trailer === null) {
    refuse(header, '3', undefined, 'the group has no GE');
    return faults;
  }
  const [count, number] = [elementOf(trailer, 1), elementOf(trailer, 2)];
  if (!isSameNumber(number, control))
    refuse(trailer, '4', 2, `GE02 is ${showValue(number)}, GS06 is ${showValue(control)}`);
  if (!isSameNumber(count, String(sets.length)))
    refuse(trailer, '5', 1, `GE01 says ${showValue(count)} sets, there are ${sets.length}`);
  return faults;
}

/** The set's envelope. `isRepeated`: a set before it in the group has its number. */
export function checkSetEnvelope(set: TransactionSet, isRepeated: boolean): X12Fault[] {
  const [header = null] = set.segments;
  const { trailer, control } = set;
  const faults: X12Fault[] = [];
  const refuse = (at: Segment | null, code: string, element: number | undefined, message: string): void => {
    faults.push(
      faultAt(at, element === undefined ? { list: 'AK502', code } : { list: 'AK502', code, element }, message),
    );
  };
  if (!/^\d{3}$/.test(set.id)) refuse(header, '6', 1, `ST01 is ${showValue(set.id)}, expected 3 digits such as 850`);
  if (!/^[\w-]{4,9}$/.test(control))
    refuse(header, '7', 2, `ST02 is ${showValue(control)}, expected 4 to 9 characters`);
  if (isRepeated) refuse(header, '23', 2, `ST02 ${showValue(control)} is there twice in one group`);
  if (trailer === null) {
    refuse(header, '2', undefined, 'the set has no SE: it was cut, or another set begins in it');
    return faults;
  }
  const [count, number] = [elementOf(trailer, 1), elementOf(trailer, 2)];
  if (number !== control && !isSameNumber(number, control))
    refuse(trailer, '3', 2, `SE02 is ${showValue(number)}, ST02 is ${showValue(control)}`);
  if (!isSameNumber(count, String(set.segments.length)))
    refuse(trailer, '4', 1, `SE01 says ${showValue(count)} segments, there are ${set.segments.length}`);
  return faults;
}
