/** Input that could not be taken, grouped by its cause; what is done acts on exactly what was shown: its cause, channel and last id. */
import { Rejected } from '#core/errors.ts';
import { writeAudit } from '#db/audit.ts';
import {
  dropParked,
  groupParked,
  listParkedOf,
  type ParkedGroup,
  type ParkedRow,
  retryParked,
  showParked,
  takeParked,
} from '#db/parked.ts';
import { ago, count, orderLink, pairs, plural, state, table } from '../format.ts';
import { type Html, html, nothing, type Shown } from '../html.ts';
import { csrfField, type PageBody } from '../layout.ts';
import type { Action, Asked, Form, Page } from '../parts.ts';

const ROWS = 100;
/** One form's worth; the rest is a next turn, or the command line's. */
const RETRY_MAX = 5000;

const groupLink = ({ code, channel }: Pick<ParkedGroup, 'code' | 'channel'>): string =>
  `/console/parked?code=${encodeURIComponent(code)}&channel=${encodeURIComponent(channel ?? '')}`;

async function showGroups({ db, at }: Asked): Promise<PageBody> {
  const groups = await groupParked(db);
  const body = html`<p class="quiet">What allot could not take or send, and keeps. Mend the cause, then let the whole group go on; most go on by themselves once what they wait for is there.</p>${table(
    {
      caption: 'Parked input by cause',
      columns: [
        { title: 'Cause' },
        { title: 'Channel' },
        { title: 'Count', isNumber: true },
        { title: 'Oldest', says: 'since it was parked first: tried again in vain, it is no younger' },
        { title: 'Owner' },
        { title: 'For example' },
        { title: 'What mends it' },
      ],
      rows: groups.map((group) => [
        html`<a href="${groupLink(group)}">${group.code}</a>`,
        group.channel,
        count(group.count),
        ago(group.oldestAt, at),
        sayOwners(group),
        group.reason,
        html`<code class="command">${group.fix}</code>`,
      ]),
      empty: 'Nothing is parked.',
    },
  )}`;
  return { title: 'Parked', body, live: ['work', 'stock'] };
}

function sayOwners({ owners, ownerless, count: all }: ParkedGroup): Shown {
  if (owners.length === 0) return html`<span class="quiet">nobody</span>`;
  return html`${owners.join(', ')}${ownerless === 0 || ownerless === all ? null : html` <span class="quiet">(${count(ownerless)} nobody)</span>`}`;
}

/** Acts on the ids that are shown, no more: what was parked after the page was made is not meant. */
function groupForms(rows: readonly ParkedRow[], asked: Asked, back: string): Html {
  if (rows.length === 0 || !asked.may('operator')) return nothing;
  const hidden = html`${csrfField(asked.csrf)}<input type="hidden" name="ids" value="${rows.map(({ id }) => id).join(' ')}"><input type="hidden" name="back" value="${back}">`;
  const many = rows.length === 1 ? 'it' : `these ${plural(rows.length, 'input')}`;
  const isOwned = rows.some(({ owner }) => owner !== null);
  // A number is never dropped: the newest is wanted as long as its listing is mapped.
  const mayDrop = asked.may('approver') && rows.every(({ source }) => source !== 'listing');
  return html`<div class="actions"><form class="inline" action="/console/parked-retry" method="post">${hidden}<button type="submit">Try ${many} again</button></form>
<form class="inline" action="/console/parked-take" method="post">${hidden}<label><span class="hidden">Who sees to them</span><input name="owner" placeholder="me, or a team" maxlength="64" size="14"></label><button class="plain" type="submit">Take ${many}</button></form>
${isOwned ? html`<form class="inline" action="/console/parked-take" method="post">${hidden}<input type="hidden" name="step" value="give-back"><button class="plain" type="submit">Give back</button></form>` : nothing}
${mayDrop ? html`<details><summary>Forget ${rows.length === 1 ? 'it' : 'them'}</summary><form class="inline" action="/console/parked-drop" method="post">${hidden}<label><span class="hidden">Why they may be forgotten</span><input name="reason" placeholder="why they may be forgotten" required maxlength="500" size="32"></label><button class="danger" type="submit">Forget ${many} for good</button></form></details>` : nothing}</div>`;
}

const ownerOf = ({ owner }: ParkedRow): Shown => owner ?? html`<span class="quiet">nobody</span>`;

async function showGroup(asked: Asked, code: string): Promise<PageBody> {
  const { db, at, query } = asked;
  const named = query.get('channel') ?? '';
  const channel = named === '' ? null : named;
  const rows = await listParkedOf(db, { code, channel, limit: ROWS });
  const body = html`<p><a href="/console/parked">All causes</a></p>${groupForms(rows, asked, groupLink({ code, channel }))}${table(
    {
      caption: `Parked: ${code}`,
      columns: [
        { title: 'Id' },
        { title: 'Since' },
        { title: 'Owner' },
        { title: 'Order' },
        { title: 'Reason' },
        { title: 'Field' },
        { title: 'What mends it' },
        { title: 'Tries', isNumber: true },
        { title: 'Tried again', says: 'by itself; else when its cause is gone, or somebody says so' },
      ],
      rows: rows.map((row) => [
        html`<a href="/console/parked-one?id=${row.id}">${row.id}</a>`,
        ago(row.first_parked_at, at),
        ownerOf(row),
        row.order_id === null ? null : orderLink(row.order_id),
        row.reason,
        row.field,
        html`<code class="command">${row.fix}</code>`,
        row.attempts,
        row.retry_at === null ? null : ago(row.retry_at, at),
      ]),
      empty: 'None is left.',
    },
  )}${rows.length === ROWS ? html`<p class="quiet">The first ${ROWS}. All at once: <code class="command">allot parked list --code ${code}</code></p>` : null}`;
  return { title: `Parked: ${code}${channel === null ? '' : `, ${channel}`}`, body };
}

async function showOne(asked: Asked): Promise<PageBody> {
  const id = Number(asked.query.get('id'));
  const row = Number.isSafeInteger(id) ? await showParked(asked.db, id) : undefined;
  if (row === undefined)
    return {
      title: 'Nothing was parked under this number',
      body: html`<p><a href="/console/parked">What is parked</a></p>`,
      status: 404,
    };
  const body = html`${pairs([
    ['State', state(row.state === 'parked' ? 'warn' : 'idle', row.state)],
    ['Cause', row.code],
    ['Reason', row.reason],
    ['Field', row.field],
    ['What mends it', html`<code class="command">${row.fix}</code>`],
    ['Waits for', row.waits_for],
    ['Channel', row.channel_id],
    ['Order', row.order_id === null ? null : orderLink(row.order_id)],
    ['Parked', ago(row.first_parked_at, asked.at)],
    ['Tries', row.attempts],
    ['Tried again', row.retry_at === null ? null : ago(row.retry_at, asked.at)],
    [
      'Owner',
      row.owner === null
        ? ownerOf(row)
        : html`${row.owner} <span class="quiet">since ${ago(row.taken_at, asked.at)}</span>`,
    ],
  ])}${row.state === 'parked' ? groupForms([row], asked, `/console/parked-one?id=${row.id}`) : nothing}
${row.body === null ? html`<p class="quiet">Its content is sealed in the inbox.</p>` : html`<h2>What came</h2><pre tabindex="0">${JSON.stringify(row.body, null, 2)}</pre>`}`;
  return { title: `Parked ${row.id}`, body };
}

const show = (asked: Asked): Promise<PageBody> => {
  const code = asked.query.get('code');
  return code === null ? showGroups(asked) : showGroup(asked, code);
};

function idsOf(form: Form): number[] {
  const ids = (form.get('ids') ?? '').split(' ').map(Number);
  if (ids.length <= RETRY_MAX && ids.every((id) => Number.isSafeInteger(id) && id > 0)) return ids;
  throw new Rejected('the list of parked input cannot be read', { field: 'ids', fix: 'open the page again' });
}

const retry: Action = {
  path: '/parked-retry',
  need: 'operator',
  async act(asked, form) {
    const ids = idsOf(form);
    const { actor } = asked.visitor;
    const gone = await asked.db.transaction(async (tx) => {
      const retried = await retryParked(tx, ids, actor);
      if (retried > 0)
        await writeAudit(tx, [{ actor, action: 'retry parked', subject: `${retried} inputs`, detail: { ids } }]);
      return retried;
    });
    asked.decideSoon();
    asked.wakeRelay();
    return {
      to: '/console/parked',
      notice:
        gone === 0
          ? 'None of them was parked any more.'
          : `${plural(gone, 'input')} tried again, later ones of the same orders with them. What is refused again shows here.`,
    };
  },
};

/** Where the form stood. A path of ours alone: an address from outside would lead people away. */
const backOf = (form: Form): string => {
  const back = form.get('back') ?? '';
  return /^\/console\/parked(-one)?\?[\w%=&.:+-]*$/.test(back) ? back : '/console/parked';
};

/** An owner is a name or a team, never an e-mail address, as `allot parked take` says. */
function takeOwner({ visitor }: Asked, form: Form): string | null {
  if (form.get('step') === 'give-back') return null;
  const named = (form.get('owner') ?? '').trim();
  if (named.includes('@'))
    throw new Rejected(`"${named}" cannot be an owner`, {
      field: 'owner',
      value: named,
      fix: 'write a name or a team, such as warehouse; leave it empty to take them yourself',
    });
  return named === '' ? visitor.actor : named.slice(0, 64);
}

const take: Action = {
  path: '/parked-take',
  need: 'operator',
  async act(asked, form) {
    const ids = idsOf(form);
    const owner = takeOwner(asked, form);
    const { actor } = asked.visitor;
    const taken = await asked.db.transaction(async (tx) => {
      const many = await takeParked(tx, ids, owner);
      if (many > 0)
        await writeAudit(tx, [{ actor, action: 'take parked', subject: `${many} inputs`, detail: { ids, owner } }]);
      return many;
    });
    const gone = ids.length - taken;
    return {
      to: backOf(form),
      notice: `${plural(taken, 'input')} ${owner === null ? 'given back' : `taken by ${owner}`}.${gone === 0 ? '' : ` ${gone} were not parked any more.`}`,
    };
  },
};

const drop: Action = {
  path: '/parked-drop',
  need: 'approver',
  async act(asked, form) {
    const ids = idsOf(form);
    const reason = (form.get('reason') ?? '').trim();
    if (reason === '')
      throw new Rejected('no reason is given', {
        field: 'reason',
        fix: 'say why it may be forgotten, such as "test order"',
      });
    const { actor } = asked.visitor;
    const dropped = await asked.db.transaction(async (tx) => {
      const many = await dropParked(tx, ids, actor, reason);
      if (many > 0)
        await writeAudit(tx, [{ actor, action: 'drop parked', subject: `${many} inputs`, detail: { ids, reason } }]);
      return many;
    });
    asked.decideSoon();
    return { to: '/console/parked', notice: `${plural(dropped, 'input')} dropped.` };
  },
};

export const parkedPages: readonly Page[] = [
  { path: '/parked', show },
  { path: '/parked-one', show: showOne },
];
export const parkedForms: readonly Action[] = [retry, take, drop];
