/** `allot edi check`: is an X12 file sound, and where not, in whose code; exit 3 where problems were found. Needs no database. */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type CheckedFile, type CheckedInterchange, checkFile } from '#connectors/edi/x12/check.ts';
import type { X12Fault } from '#connectors/edi/x12/fault.ts';
import { decodeX12 } from '#connectors/edi/x12/frame.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural } from '../output.ts';
import type { Kit, Run } from '../session.ts';

const FILE_BYTES_MAX = 64 * 1024 * 1024;

async function readText(run: Run, file: string): Promise<string> {
  const path = resolve(run.io.cwd, file);
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX)
      throw new Failure(`${file} has ${size} bytes`, {
        why: `more than ${FILE_BYTES_MAX} are not read at once`,
        mend: 'split it between interchanges (after an IEA)',
      });
    return decodeX12(await readFile(path));
  } catch (error) {
    if (error instanceof Failure) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure(`${file} cannot be read`, { why, mend: 'correct the path', exitCode: EXIT.usage });
  }
}

type Described = ReturnType<typeof describe>;

function describe({ interchange, faults, groups }: CheckedInterchange) {
  const { control, sender, receiver, version, usage } = interchange;
  return {
    control,
    sender: sender.id,
    receiver: receiver.id,
    senderQualifier: sender.qualifier,
    receiverQualifier: receiver.qualifier,
    version,
    usage,
    groups: groups.length,
    errors: [...faults, ...groups.flatMap((group) => group.faults)],
    sets: groups.flatMap(({ group, sets }) =>
      sets.map(({ set, isAccepted, isJudged, faults: errors }) => ({
        id: set.id,
        control: set.control,
        group: group.control,
        accepted: isAccepted,
        checked: isJudged ? 'syntax' : 'envelope',
        errors,
      })),
    ),
  };
}

const sayFault = ({ segment, position, list, code, message }: X12Fault): string => {
  const place = segment === null ? '' : `${segment}${position === null ? '' : ` (segment ${position})`}: `;
  return `${place}${message} [${list} ${code}]`;
};

function sayInterchange(run: Run, one: Described): string[] {
  const word = (isGood: boolean): string => (isGood ? run.out.paint('green', 'ok') : run.out.paint('red', 'problems'));
  const head = `interchange ${one.control} from ${one.sender} to ${one.receiver}: ${plural(one.groups, 'group')}, ${plural(one.sets.length, 'set')}`;
  return [
    head,
    ...one.errors.map((fault) => `  ${sayFault(fault)}`),
    ...one.sets.flatMap(({ id, control, accepted, checked, errors }) => [
      `  ${id} ${control}  ${word(errors.length === 0)}${accepted ? '' : ', would be refused'}${checked === 'envelope' ? ' (only its envelope was checked)' : ''}`,
      ...errors.map((fault) => `    ${sayFault(fault)}`),
    ]),
  ];
}

function sayFile(run: Run, checked: CheckedFile, interchanges: readonly Described[]): string {
  const lines = [
    ...checked.faults.map(sayFault),
    ...interchanges.flatMap((one) => sayInterchange(run, one)),
    checked.isOk ? 'No problems.' : 'Problems were found.',
  ];
  return lines.join('\n');
}

async function check(run: Run, file: string): Promise<ExitCode> {
  const checked = checkFile(await readText(run, file));
  const interchanges = checked.interchanges.map(describe);
  run.out.show({ schema: 'allot.edi.check/1', file, interchanges, errors: checked.faults, ok: checked.isOk }, () =>
    sayFile(run, checked, interchanges),
  );
  return checked.isOk ? EXIT.done : EXIT.found;
}

export function addEdiCommands(program: Command, kit: Kit): void {
  const group = program.command('edi').description('look at what EDI partners send');
  const checking = group
    .command('check')
    .argument('<file>', 'an X12 file, with one interchange or many')
    .description('is an X12 file sound: separators, envelopes, counts, and the syntax of 850, 855, 846, 856 and 997')
    .action(kit.act(check));
  kit.examples(checking, ['allot edi check inbound/po-4500118822.edi', 'allot edi check po.edi --json']);
}
