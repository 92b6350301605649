/** `allot alerts list|show|ack|snooze|take|resolve|explain|undelivered|test`: what is wrong, who has it, what to do. Nobody closes one: a reading does. */
import { type Command, Option } from 'commander';
import { ALERT_CATALOGUE, ALERT_CODES, type AlertCode, isAlertCode, SEVERITIES } from '#core/alert-catalogue.ts';
import type { Instant } from '#core/model.ts';
import { type AlertFilter, type AlertRow, listAlerts, readAlert, type WholeAlert } from '#db/alert-list.ts';
import { ackAlert, resolveAlert, snoozeAlert, takeAlert } from '#db/alerts.ts';
import type { Database } from '#db/client.ts';
import { listUndelivered } from '#db/notifications.ts';
import { ordersOf, sayDeadline, sayMoment, sayOrder, sayState, sayTouches } from '#workers/alert-words.ts';
import { alertPage } from '../alert-page.ts';
import { collectIds, takeInstant, takeSpan, wholeFrom } from '../arguments.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import { plural, type Style, sayPairs } from '../output.ts';
import type { Kit, Run } from '../session.ts';
import { testDestinations } from './alerts-test.ts';

/** Of the runbook of a code, in the catalogue page. */
export const runbookOf = (code: AlertCode): string => `docs/alerts.md#${code}`;

const documentOf = (alert: AlertRow) => ({ ...alert, says: sayTouches(alert), runbook: runbookOf(alert.code) });

const STYLES: Readonly<Record<AlertRow['severity'], Style>> = {
  critical: 'red',
  error: 'red',
  warning: 'yellow',
  info: 'dim',
};

function sayAlert(run: Run, alert: AlertRow): string {
  const { out } = run;
  const touches = sayTouches(alert);
  const seen = `since ${out.age(alert.firstSeenAt)}, seen ${alert.count} ${alert.count === 1 ? 'time' : 'times'}, last ${out.age(alert.lastSeenAt)}`;
  const who = alert.owner === null ? 'nobody has it' : `${alert.owner} has it`;
  const lines = [
    `${out.paint('bold', `#${alert.id}`)} ${out.paint(STYLES[alert.severity], alert.severity)} ${alert.code}: ${alert.title}`,
    ...(touches === '' ? [] : [`  touches: ${touches}`]),
    `  cause:   ${alert.cause}`,
    ...(alert.state === 'closed'
      ? [`  closed:  ${out.age(alert.closedAt)}: ${alert.proof ?? ''}`]
      : [
          `  next:    ${alert.nextStep}`,
          `  ${sayState(alert)}; ${who}; ${sayDeadline(alert)}${alert.deadline !== null && alert.deadline < run.io.now() ? out.paint('red', ' (overdue)') : ''}`,
        ]),
    `  ${out.paint('dim', seen)}`,
  ];
  return lines.join('\n');
}

type ListOptions = Omit<AlertFilter, 'isAll'> & { readonly all?: boolean; readonly limit: number };

async function list(run: Run, { all, limit, ...filter }: ListOptions): Promise<ExitCode> {
  return run.withDatabase(async (db) => {
    const alerts = await listAlerts(db, { ...filter, isAll: all === true }, limit);
    run.out.show({ schema: 'allot.alerts/1', alerts: alerts.map(documentOf) }, () =>
      alerts.length === 0 ? 'No alert stands.' : alerts.map((alert) => sayAlert(run, alert)).join('\n\n'),
    );
    if (alerts.length === limit) run.next(`only the first ${limit}: the same with --limit`);
    if (alerts.length > 0) run.next('next: allot alerts show ID; allot alerts take ID; allot alerts explain CODE');
    return EXIT.done;
  });
}

async function requireAlert(db: Database, id: number): Promise<WholeAlert> {
  const whole = await readAlert(db, id);
  if (whole !== null) return whole;
  throw new Failure(`there is no alert ${id}`, {
    mend: 'allot alerts lists those that stand, with --all closed ones too',
  });
}

function sayWhole(run: Run, { alert, trail, messages }: WholeAlert): string {
  const { out } = run;
  const words = (titles: readonly string[]) => titles.map((title) => ({ title }));
  const orders = ordersOf(alert.touches);
  return [
    sayPairs([
      ['alert', `#${alert.id} ${alert.code}`],
      ['severity', alert.severity],
      ['what', alert.title],
      ['channel', alert.channel],
      ['touches', sayTouches(alert)],
      ['cause', alert.cause],
      ['next', alert.nextStep],
      ['state', `${sayState(alert)}, since ${out.age(alert.stateAt)} by ${alert.stateBy}`],
      ['owner', alert.owner],
      ['deadline', sayDeadline(alert)],
      ['seen', `${alert.count} times, first ${sayMoment(alert.firstSeenAt)}, last ${sayMoment(alert.lastSeenAt)}`],
      ['came back', alert.reopened === 0 ? null : plural(alert.reopened, 'time')],
      ['proof', alert.proof],
      ['runbook', `allot alerts explain ${alert.code}`],
    ]),
    ...(orders.length === 0 ? [] : [['Orders', ...orders.map((order) => `  ${sayOrder(order)}`)].join('\n')]),
    out.table(
      words(['WHEN', 'WHAT', 'WHO', 'DETAIL']),
      trail.map(({ at, kind, actor, detail }) => [new Date(at).toISOString(), kind, actor, detail]),
    ),
    ...(messages.length === 0
      ? []
      : [
          out.table(
            words(['TO', 'ABOUT', 'STATE', 'TRIES', 'WHEN', 'ERROR']),
            messages.map((one) => [
              one.destination,
              one.about,
              one.state,
              one.attempts,
              out.age(one.finishedAt ?? one.createdAt),
              one.lastError,
            ]),
          ),
        ]),
  ].join('\n\n');
}

const show = (run: Run, id: number): Promise<ExitCode> =>
  run.withDatabase(async (db) => {
    const whole = await requireAlert(db, id);
    const { alert, trail, messages } = whole;
    run.out.show({ schema: 'allot.alert/1', alert: documentOf(alert), trail, messages }, () => sayWhole(run, whole));
    return EXIT.done;
  });

type Act = {
  readonly ids: readonly number[];
  readonly done: string;
  readonly perform: (db: Database, id: number) => Promise<void>;
};

/** Does the same to each, and shows what they are then. */
const act = (run: Run, { ids, done, perform }: Act): Promise<ExitCode> =>
  run.withDatabase(async (db) => {
    for (const id of ids) await perform(db, id);
    const alerts: AlertRow[] = [];
    for (const id of ids) alerts.push((await requireAlert(db, id)).alert);
    run.out.show({ schema: 'allot.alerts/1', ok: true, alerts: alerts.map(documentOf) }, () =>
      alerts.map((alert) => `${done}: #${alert.id} ${alert.title} (${sayState(alert)})`).join('\n'),
    );
    return EXIT.done;
  });

const ack = (run: Run, ids: number[]): Promise<ExitCode> =>
  act(run, { ids, done: 'Acknowledged', perform: (db, id) => ackAlert(db, { id, by: run.actor }) });

const resolve = (run: Run, ids: number[]): Promise<ExitCode> =>
  act(run, {
    ids,
    done: 'The next reading closes it, or opens it again',
    perform: (db, id) => resolveAlert(db, { id, by: run.actor }),
  });

const nameOf = (actor: string): string => actor.replace(/^operator:/, '');

const take = (run: Run, ids: number[], { owner = nameOf(run.actor) }: { owner?: string }): Promise<ExitCode> => {
  if (owner.trim() === '' || owner.length > 100 || owner.includes('@'))
    throw new Failure('the owner must be a short name, without an address', {
      mend: '--owner kim',
      exitCode: EXIT.usage,
    });
  return act(run, { ids, done: `${owner} has it`, perform: (db, id) => takeAlert(db, { id, by: run.actor, owner }) });
};

type SnoozeOptions = { readonly for?: number; readonly until?: Instant | 'now' };

const snooze = (run: Run, ids: number[], { for: span, until }: SnoozeOptions): Promise<ExitCode> => {
  const end = typeof until === 'number' ? until : run.io.now() + (span ?? 0);
  if ((typeof until === 'number') === (span !== undefined) || end <= run.io.now())
    throw new Failure('say once until when it is silent, a moment to come', {
      why: 'no alert is silent for ever; it also comes back when it gets worse',
      mend: '--for 4h, or --until 2026-12-01T09:00:00Z',
      exitCode: EXIT.usage,
    });
  return act(run, {
    ids,
    done: 'Snoozed, or until it gets worse',
    perform: (db, id) => snoozeAlert(db, { id, by: run.actor, until: end }),
  });
};

const sayEntry = (code: AlertCode): string => {
  const { severity, withinHours, meaning, impact, check, mend, proof } = ALERT_CATALOGUE[code];
  return [
    `${code} (usually ${severity}; to be acted on within ${plural(withinHours, 'hour')})`,
    `  means:  ${meaning}`,
    `  impact: ${impact}`,
    `  check:  ${check}`,
    `  mend:   ${mend}`,
    `  proof:  ${proof}`,
  ].join('\n');
};

async function explain(run: Run, code: string | undefined, { page }: { page?: boolean }): Promise<ExitCode> {
  if (page === true) {
    run.io.write(alertPage());
    return EXIT.done;
  }
  if (code !== undefined && !isAlertCode(code))
    throw new Failure(`no alert has the code ${code}`, {
      mend: `one of ${ALERT_CODES.join(', ')}`,
      exitCode: EXIT.usage,
    });
  const codes = code === undefined ? ALERT_CODES : [code];
  const entries = codes.map((one) => ({ code: one, ...ALERT_CATALOGUE[one], runbook: runbookOf(one) }));
  run.out.show({ schema: 'allot.alert-catalogue/1', codes: entries }, () => codes.map(sayEntry).join('\n\n'));
  return EXIT.done;
}

const undelivered = (run: Run, { limit }: { limit: number }): Promise<ExitCode> =>
  run.withDatabase(async (db) => {
    const messages = await listUndelivered(db, limit);
    const titles = ['TO', 'ABOUT', 'STATE', 'TRIES', 'WRITTEN', 'ERROR'].map((title) => ({ title }));
    run.out.show({ schema: 'allot.undelivered/1', messages }, () =>
      messages.length === 0
        ? 'Every message arrived.'
        : run.out.table(
            titles,
            messages.map((one) => [
              one.destination,
              one.topic,
              one.state,
              one.attempts,
              run.out.age(one.createdAt),
              one.lastError,
            ]),
          ),
    );
    return EXIT.done;
  });

const withIds = (command: Command): Command => command.argument('<id...>', 'as the list shows it', collectIds);

function addActs(group: Command, kit: Kit): void {
  kit.examples(withIds(group.command('ack').description('say that somebody has seen these')).action(kit.act(ack)), [
    'allot alerts ack 12',
    'allot alerts ack 12 13',
  ]);
  kit.examples(
    withIds(group.command('snooze').description('silence these until a moment, or until they get worse'))
      .option('--for <time>', 'how long from now: 90m, 4h, 30d', takeSpan)
      .option('--until <time>', 'until when, with its zone', takeInstant)
      .action(kit.act(snooze)),
    ['allot alerts snooze 12 --for 4h', 'allot alerts snooze 12 --until 2030-12-01T09:00:00Z'],
  );
  kit.examples(
    withIds(group.command('take').description("make these yours, or somebody's"))
      .option('--owner <name>', 'who has it from now on; you when missing')
      .action(kit.act(take)),
    ['allot alerts take 12', 'allot alerts take 12 --owner kim'],
  );
  kit.examples(
    withIds(
      group
        .command('resolve')
        .description('say that these are mended: a reading follows, which closes or reopens them'),
    ).action(kit.act(resolve)),
    ['allot alerts resolve 12'],
  );
}

export function addAlertCommands(program: Command, kit: Kit): void {
  const group = program.command('alerts').description('what is wrong, what it touches, who has it, and what to do');
  const listing = group
    .command('list', { isDefault: true })
    .description('what stands, the first to act on first (also without the word list)')
    .option('--channel <id>', 'of this channel')
    .addOption(new Option('--severity <word>', 'of this severity').choices(SEVERITIES))
    .addOption(new Option('--code <code>', 'of this code').choices(ALERT_CODES))
    .addOption(
      new Option('--state <word>', 'in this state').choices(['open', 'acknowledged', 'snoozed', 'proving', 'closed']),
    )
    .option('--all', 'closed ones too')
    .option('--limit <rows>', 'at most', wholeFrom(1), 100)
    .action(kit.act(list));
  kit.examples(listing, [
    'allot alerts',
    'allot alerts --json',
    'allot alerts --channel shopify:main --severity critical',
    'allot alerts --code oversold --all',
  ]);
  const showing = group
    .command('show')
    .description('one whole: orders with their pages, trail, messages')
    .argument('<id>', 'as the list shows it', wholeFrom(1))
    .action(kit.act(show));
  kit.examples(showing, ['allot alerts show 12']);
  addActs(group, kit);
  const explaining = group
    .command('explain')
    .description('the runbook of a code: meaning, impact, check, mend, proof; of all without one')
    .argument('[code]')
    .option('--page', 'the whole catalogue as a Markdown page (docs/alerts.md)')
    .action(kit.act(explain));
  kit.examples(explaining, ['allot alerts explain', 'allot alerts explain oversold']);
  const unsent = group
    .command('undelivered')
    .description('messages that wait after a failure, or were given up')
    .option('--limit <rows>', 'at most', wholeFrom(1), 100)
    .action(kit.act(undelivered));
  kit.examples(unsent, ['allot alerts undelivered']);
  const testing = group
    .command('test')
    .description('send a message to one destination, or to all, now, and say what came of it')
    .argument('[destination]', 'as allot.yaml names it')
    .action(kit.act(testDestinations));
  kit.examples(testing, ['allot alerts test', 'allot alerts test ops']);
}
