/** `allot channels list|show|live|pause|shadow|leave` and `allot pause all`: the stored mode of each channel, and its gate. */
import { type Command, InvalidArgumentError } from 'commander';
import { sayTime } from '#core/latency-buffer.ts';
import type { ChannelId, ChannelMode } from '#core/model.ts';
import type { LatencyFigures } from '#core/sales-measures.ts';
import { getModes, setMode } from '#db/modes.ts';
import { type ChannelLatency, readLatency, type Since } from '#db/sales-measures.ts';
import { sayMode } from '#workers/gate-words.ts';
import { goLive, parseShare, type WentLive, WHOLE_SHARE } from '#workers/go-live.ts';
import { wholeFrom } from '../arguments.ts';
import { EXIT, type ExitCode } from '../io.ts';
import type { Cell } from '../output.ts';
import type { Kit, Run } from '../session.ts';
import { leave } from './channel-leave.ts';
import { showChannel } from './channel-show.ts';

const MEANS: Readonly<Record<ChannelMode, string>> = {
  live: 'its targets are sent',
  paused: 'nothing is sent; orders still come in',
  shadow: 'it reads and computes, and sends nothing',
};

function takeShare(text: string): number {
  const share = parseShare(text);
  if (share !== undefined) return share;
  throw new InvalidArgumentError(`write a percent above 0, such as 25%`);
}

async function changeMode(
  run: Run,
  ids: readonly string[] | 'all',
  mode: ChannelMode,
  share?: number,
): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const changed: WentLive[] =
      mode === 'live' && ids !== 'all'
        ? await goLive(db, ids, { share, actor: run.actor })
        : (await setMode(db, ids, mode, run.actor)).map((id) => ({ id, share: WHOLE_SHARE }));
    const isOverridden = mode === 'live' && run.environment().isReadOnly;
    const names = changed.map(({ id }) => id);
    const shares = Object.fromEntries(changed.map(({ id, share: now }) => [id, now]));
    const document = { schema: 'allot.mode/1', ok: true, mode, changed: names, readOnly: isOverridden };
    run.out.show(mode === 'live' ? { ...document, shares } : document, () =>
      changed.length === 0
        ? `Nothing to change: ${ids === 'all' ? 'every channel' : ids.join(', ')} is ${mode} already.`
        : sayChanged(mode, changed),
    );
    if (isOverridden)
      run.io.note('ALLOT_READ_ONLY is set here: a daemon with it sends nothing, whatever the mode says.\n');
    const part = changed.find((one) => one.share < WHOLE_SHARE);
    if (part !== undefined)
      run.next(`next: allot channels show ${part.id}; all of it: allot channels live ${part.id} --share 100%`);
    else run.next(mode === 'live' ? 'next: allot status' : 'back: allot channels live ID');
    return EXIT.done;
  });
}

const sayChanged = (mode: ChannelMode, changed: readonly WentLive[]): string =>
  [...Map.groupBy(changed, ({ share }) => share)]
    .map(([share, group]) => {
      const names = group.map(({ id }) => id).join(', ');
      return share < WHOLE_SHARE
        ? `${names}: now live for ${share} % of its items; the rest is as in shadow.`
        : `${names}: now ${mode}, ${MEANS[mode]}.`;
    })
    .join('\n');

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
    const words = ['CHANNEL', 'MODE', 'SINCE', 'BY', 'PROGRAM', 'BREAKER', 'CONFIGURED'].map((title) => ({ title }));
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
              sayMode(one),
              run.out.age(one.changedAt),
              one.changedBy,
              one.program,
              one.breaker,
              one.configured ? 'yes' : 'no',
              ...(hasTimes ? sayLatency(one.saleToAck.sold) : []),
            ]),
          ),
    );
    if (channels.some(({ mode }) => mode === 'shadow'))
      run.next('next: allot channels show ID tells how far its numbers agree; allot channels live ID, once they do');
    return EXIT.done;
  });
}

const SHOWN_DAYS = 14;
const SHOWN_LISTINGS = 20;

function addModeCommands(channels: Command, kit: Kit): void {
  const live = channels
    .command('live')
    .description(`live: ${MEANS.live}`)
    .argument('<id...>', 'channels, for example shopify:main')
    .option('--share <percent>', 'to this part of its items alone; else the first step of its gate, or all', takeShare)
    .action(kit.act(async (run, ids: string[], { share }: { share?: number }) => changeMode(run, ids, 'live', share)));
  kit.examples(live, ['allot channels live shopify:main', 'allot channels live shopify:main --share 25%']);
  const modes = [
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
}

export function addChannelCommands(program: Command, kit: Kit): void {
  const channels = program
    .command('channels')
    .description('list channels, set their mode (shadow, live or paused), see how far they agree, and leave one');
  const list = channels
    .command('list')
    .description(
      'every channel with its mode, and how long a sale elsewhere takes until it is acknowledged there (50, 95 and 99 of 100 sales of 7 days)',
    )
    .action(kit.act(listChannels));
  kit.examples(list, ['allot channels list', 'allot channels list --json']);
  const shown = channels
    .command('show')
    .description(
      'one channel: mode, gate, breaker, how far its numbers agree by day, and the listings that differ most',
    )
    .argument('<id>', 'for example shopify:main')
    .option('--days <days>', 'of how many days', wholeFrom(1), SHOWN_DAYS)
    .option('--limit <listings>', 'of how many listings that differ', wholeFrom(1), SHOWN_LISTINGS)
    .action(kit.act(showChannel));
  kit.examples(shown, ['allot channels show shopify:main', 'allot channels show shopify:main --days 30 --json']);
  addModeCommands(channels, kit);
  const left = channels
    .command('leave')
    .description(
      'stop writing to a channel, list the last numbers, end its subscriptions; shows first, does it with --yes',
    )
    .argument('<id>', 'for example shopify:main')
    .option('--dry-run', 'only show what it would do')
    .option('--csv', 'the last numbers as CSV')
    .action(kit.act(leave));
  kit.examples(left, ['allot channels leave shopify:main', 'allot channels leave shopify:main --yes --csv']);
  const pause = program.command('pause').description('stop sending, everywhere at once');
  const all = pause
    .command('all')
    .description('pause every channel; orders still come in')
    .action(kit.act(async (run) => changeMode(run, 'all', 'paused')));
  kit.examples(all, ['allot pause all']);
}
