/** `allot channels list|live|pause|shadow` and `allot pause all`: the stored mode of each channel. */
import type { Command } from 'commander';
import { sayTime } from '#core/latency-buffer.ts';
import type { ChannelId, ChannelMode } from '#core/model.ts';
import type { LatencyFigures } from '#core/sales-measures.ts';
import { getModes, setMode } from '#db/modes.ts';
import { type ChannelLatency, readLatency, type Since } from '#db/sales-measures.ts';
import { EXIT, type ExitCode } from '../io.ts';
import type { Cell } from '../output.ts';
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

function figuresOf(times: readonly ChannelLatency[], id: ChannelId, since: Since): LatencyFigures | null {
  const found = times.find((one) => one.channel === id && one.since === since);
  if (found === undefined) return null;
  const { samples, p50Ms, p95Ms, p99Ms } = found;
  return { samples, p50Ms, p95Ms, p99Ms };
}

const sayLatency = (figures: LatencyFigures | null): Cell[] =>
  figures === null
    ? ['-', '-', '-', 0]
    : [sayTime(figures.p50Ms), sayTime(figures.p95Ms), sayTime(figures.p99Ms), figures.samples];

async function listChannels(run: Run): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const times = await readLatency(db);
    const channels = (await getModes(db)).map((one) => ({
      ...one,
      saleToAck: { sold: figuresOf(times, one.id, 'sold'), recorded: figuresOf(times, one.id, 'recorded') },
    }));
    const words = ['CHANNEL', 'MODE', 'SINCE', 'BY', 'PROGRAM', 'CONFIGURED'].map((title) => ({ title }));
    const figures = ['SALE TO ACK P50', 'P95', 'P99', 'OF SALES'].map((title) => ({ title, isNumber: true }));
    const hasTimes = times.length > 0;
    const columns = hasTimes ? [...words, ...figures] : words;
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
              ...(hasTimes ? sayLatency(one.saleToAck.sold) : []),
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
  const list = channels
    .command('list')
    .description(
      'every channel with its mode, and how long a sale elsewhere takes until it is acknowledged there (50, 95 and 99 of 100 sales of 7 days)',
    )
    .action(kit.act(listChannels));
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
