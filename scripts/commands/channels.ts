/** `allot channels list|live|pause|shadow` and `allot pause all`: the stored mode of each channel. */
import type { Command } from 'commander';
import type { ChannelMode } from '#core/model.ts';
import { getModes, setMode } from '#db/modes.ts';
import { EXIT, type ExitCode } from '../io.ts';
import type { Kit, Run } from '../session.ts';

const MEANS: Readonly<Record<ChannelMode, string>> = {
  live: 'its targets are sent',
  paused: 'nothing is sent; orders still come in',
  shadow: 'it reads and computes, and sends nothing',
};

async function changeMode(run: Run, ids: readonly string[] | 'all', mode: ChannelMode): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const changed = await setMode(db, ids, mode, run.actor);
    const isOverridden = mode === 'live' && run.environment().isReadOnly;
    run.out.show({ schema: 'allot.mode/1', ok: true, mode, changed, readOnly: isOverridden }, () =>
      changed.length === 0
        ? `Nothing to change: ${ids === 'all' ? 'every channel' : ids.join(', ')} is ${mode} already.`
        : `${changed.join(', ')}: now ${mode}, ${MEANS[mode]}.`,
    );
    if (isOverridden)
      run.io.note('ALLOT_READ_ONLY is set here: a daemon with it sends nothing, whatever the mode says.\n');
    run.next(mode === 'live' ? 'next: allot status' : 'back: allot channels live ID');
    return EXIT.done;
  });
}

async function listChannels(run: Run): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const channels = await getModes(db);
    const columns = ['CHANNEL', 'MODE', 'SINCE', 'BY', 'PROGRAM', 'CONFIGURED'].map((title) => ({ title }));
    run.out.show({ schema: 'allot.channels/1', channels }, () =>
      channels.length === 0
        ? 'There is no channel yet: define one in allot.yaml and start the daemon (npm start).'
        : run.out.table(
            columns,
            channels.map((one) => [
              one.id,
              one.mode,
              run.out.age(one.changedAt),
              one.changedBy,
              one.program,
              one.configured ? 'yes' : 'no',
            ]),
          ),
    );
    if (channels.some(({ mode }) => mode === 'shadow'))
      run.next('next: allot channels live ID, once allot explain shows the numbers you want');
    return EXIT.done;
  });
}

export function addChannelCommands(program: Command, kit: Kit): void {
  const channels = program.command('channels').description('list channels, and set their mode: shadow, live or paused');
  const list = channels.command('list').description('every channel with its mode').action(kit.act(listChannels));
  kit.examples(list, ['allot channels list', 'allot channels list --json']);
  const modes = [
    ['live', 'live'],
    ['pause', 'paused'],
    ['shadow', 'shadow'],
  ] as const;
  for (const [verb, mode] of modes) {
    const command = channels
      .command(verb)
      .description(`${mode}: ${MEANS[mode]}`)
      .argument('<id...>', 'channels, for example shopify:main')
      .action(kit.act(async (run, ids: string[]) => changeMode(run, ids, mode)));
    kit.examples(command, [`allot channels ${verb} shopify:main`]);
  }
  const pause = program.command('pause').description('stop sending, everywhere at once');
  const all = pause
    .command('all')
    .description('pause every channel; orders still come in')
    .action(kit.act(async (run) => changeMode(run, 'all', 'paused')));
  kit.examples(all, ['allot pause all']);
}
