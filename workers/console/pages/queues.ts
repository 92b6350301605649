/** What waits, from the tables alone: the queue itself only rings bells. Writes on their way, and listings that a platform refuses. */
import type { Instant } from '#core/model.ts';
import { type AttemptRow, type BlockedRow, listAttempts, listBlocked } from '#db/in-flight.ts';
import { readWaitingWork, readWorkers } from '#db/overview.ts';
import { ago, count, duration, skuLink, state, table } from '../format.ts';
import { type Html, html } from '../html.ts';
import type { Asked, Page } from '../parts.ts';

const BLOCKED_SHOWN = 50;

function attemptState({ state: is, sentAt, leaseUntil }: AttemptRow, now: Instant): Html {
  if (is === 'done') return state('idle', 'done');
  if (is === 'ticket') return state('busy', 'the platform works on it');
  if (leaseUntil < now) return state('warn', 'its worker is gone: it will be read', 'never repeated blindly');
  return state('busy', sentAt === null ? 'about to be sent' : 'sent, no answer yet');
}

const writes = (attempts: readonly AttemptRow[], at: Instant): Html =>
  table({
    caption: 'Writes on their way, then the newest that are done',
    columns: [
      { title: 'Write' },
      { title: 'Channel' },
      { title: 'Lane' },
      { title: 'State' },
      { title: 'Numbers', isNumber: true },
      { title: 'Outcomes' },
      { title: 'Begun' },
      { title: 'Took' },
    ],
    rows: attempts.map((one) => [
      one.id,
      one.channel,
      one.lane,
      attemptState(one, at),
      one.items,
      one.outcomes,
      ago(one.createdAt, at),
      one.finishedAt === null ? null : duration(one.finishedAt - one.createdAt),
    ]),
    empty: 'None yet.',
  });

const refused = (blocked: readonly BlockedRow[], at: Instant): Html =>
  table({
    caption: 'Listings whose number a platform refuses for now',
    columns: [
      { title: 'Item' },
      { title: 'Channel' },
      { title: 'Listing' },
      { title: 'Reason' },
      { title: 'What mends it' },
      { title: 'Tried', isNumber: true },
      { title: 'Next try' },
    ],
    rows: blocked.map((one) => [
      one.sku === null ? html`<span class="unknown">unmapped</span>` : skuLink(one.sku),
      one.channel,
      html`<span class="sku">${one.listingRef}</span>`,
      one.reason,
      one.fix,
      one.failures,
      ago(one.until, at),
    ]),
    empty: 'None.',
  });

async function show({ db, at }: Asked) {
  const [work, workers, attempts, blocked] = await Promise.all([
    readWaitingWork(db),
    readWorkers(db),
    listAttempts(db),
    listBlocked(db, BLOCKED_SHOWN),
  ]);
  const queue = (name: string, many: number, oldest: Instant | null, says: string) => [
    name,
    count(many),
    oldest === null ? html`<span class="quiet">none</span>` : ago(oldest, at),
    says,
  ];
  const body = html`<h2>What waits</h2>${table({
    caption: 'Queues',
    columns: [{ title: 'Queue' }, { title: 'Waiting', isNumber: true }, { title: 'Oldest' }, { title: 'What it is' }],
    rows: [
      queue('inbox', work.inbox, work.inboxOldestAt, 'stored, to be read: webhooks, polls, files'),
      queue('commands', work.commands, work.commandsOldestAt, 'to be decided'),
      queue('bells', work.bells, work.bellsOldestAt, 'to be rung after a commit'),
      queue('parked', work.parked, work.parkedOldestAt, 'cannot be taken as it is'),
    ],
    empty: '',
  })}<h2>Workers</h2>${table({
    caption: 'Processes of the daemon, seen within a minute',
    columns: [{ title: 'Process' }, { title: 'Does' }, { title: 'Seen' }],
    rows: workers.map((worker) => [worker.id, worker.roles.join(', '), ago(worker.seenAt, at)]),
    empty: html`None was seen: <code class="command">npm start</code>`,
  })}<h2>Writes</h2>${writes(attempts, at)}<h2>Refused by a platform</h2>${refused(blocked, at)}`;
  return { title: 'Queues', body, live: ['work', 'sync', 'stock'] as const };
}

export const queuesPage: Page = { path: '/queues', show };
