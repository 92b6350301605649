/** Requests to move protected units: those that wait, pools that are low, one request with who is harmed, and the next step of each. */
import { Rejected } from '#core/errors.ts';
import { DAY_MS } from '#core/reallocation-guards.ts';
import type { Change, ReallocationPreview } from '#core/reallocation-preview.ts';
import { isSamePerson } from '#core/second-person.ts';
import { listLowPools } from '#db/low-pools.ts';
import { listReallocations, REALLOCATION_STATES, type ReallocationState } from '#db/reallocations.ts';
import { apply, approve, close, giveBack, propose, type ReallocationView, view } from '../../reallocate.ts';
import { command, moment, orderLink, pairs, plural, skuLink, table } from '../format.ts';
import { type Html, html, nothing, type Shown } from '../html.ts';
import { csrfField, type PageBody } from '../layout.ts';
import { requireSecondPerson } from '../named-person.ts';
import type { Action, Asked, Done, Form, Page } from '../parts.ts';
import { reallocationState, reallocationTable } from '../reallocation-words.ts';

const LOW_SHOWN = 50;

const isState = (text: string): text is ReallocationState => REALLOCATION_STATES.some((one) => one === text);

async function showList(asked: Asked): Promise<PageBody> {
  const { db, at, query } = asked;
  const wanted = query.get('show') ?? '';
  const [rows, low] = await Promise.all([
    listReallocations(db, isState(wanted) ? { state: wanted } : {}),
    listLowPools(db),
  ]);
  const tab = (name: string, says: string): Html =>
    html`<li><a href="/console/reallocations?show=${name}" aria-current="${String(name === wanted)}">${says}</a></li>`;
  const body = html`<ul class="filters">${tab('', 'All')}${REALLOCATION_STATES.map((one) => tab(one, one))}</ul>
${reallocationTable(rows, at)}<h2>Low pools</h2>${table({
    caption: 'Pools below their threshold',
    columns: [
      { title: 'Item' },
      { title: 'Program' },
      { title: 'Left', isNumber: true },
      { title: 'Protected', isNumber: true },
      { title: 'Missing', isNumber: true },
      { title: 'Could give' },
    ],
    rows: low
      .slice(0, LOW_SHOWN)
      .map((one) => [
        skuLink(one.sku),
        one.program,
        one.remaining,
        one.units,
        one.missing,
        one.moves.map(({ from, units }) => `${units} from ${from}`).join(', '),
      ]),
    empty: 'No pool is low.',
  })}`;
  return {
    title: 'Reallocations',
    body,
    live: ['work', 'stock'],
    still: asked.may('operator') ? proposeForm(asked) : nothing,
  };
}

const proposeForm = ({ csrf, query }: Asked): Html =>
  html`<h2>Ask for units</h2><p class="quiet">Nothing moves yet: the request shows who would lose what, and above a limit a second person has to agree.</p>
<form class="row card" action="/console/reallocation-propose" method="post">${csrfField(csrf)}
<label>Item <input name="sku" value="${query.get('sku') ?? ''}" required maxlength="200"></label>
<label>Units <input name="units" type="number" min="1" required></label>
<label>From <input name="from" placeholder="a program, or shared" required maxlength="64"></label>
<label>To <input name="to" placeholder="a program, or shared" required maxlength="64"></label>
<label>For days <input name="days" type="number" min="1" max="365" value="7" required></label>
<label>Reason <input name="reason" required maxlength="500"></label>
<button type="submit">Ask</button></form>`;

const sayChange = ({ before, after }: Change): Html =>
  before === after ? html`${before}` : html`${before} → <strong>${after}</strong>`;

function previewSection(preview: ReallocationPreview, now: number): Html {
  return html`<h2>Who is harmed</h2><p class="quiet">As it was when it was asked for.</p>
${preview.harm.length === 0 ? html`<p>Nobody loses anything.</p>` : html`<ul>${preview.harm.map((line) => html`<li>${line}</li>`)}</ul>`}
${table({
  caption: 'Programs',
  isCaptionHidden: false,
  columns: [
    { title: 'Program' },
    ...['Protected', 'Left', 'Could be promised'].map((title) => ({ title, isNumber: true })),
  ],
  rows: preview.programs.map((one) => [one.program, sayChange(one.units), sayChange(one.left), sayChange(one.promise)]),
  empty: 'No program is touched.',
})}${table({
  caption: 'Numbers that channels show',
  isCaptionHidden: false,
  columns: [{ title: 'Channel' }, { title: 'Item' }, { title: 'Listing' }, { title: 'Shows', isNumber: true }],
  rows: preview.listings.map((one) => [one.channel, skuLink(one.sku), one.listingRef, sayChange(one.shown)]),
  empty: 'No listing shows another number.',
})}${table({
  caption: 'Lines that wait: what each would get of the next units',
  isCaptionHidden: false,
  columns: [
    { title: 'Order' },
    { title: 'Program' },
    { title: 'Short', isNumber: true },
    { title: 'Gets', isNumber: true },
    { title: 'Ship by' },
  ],
  rows: preview.waiting.map((one) => [
    orderLink(one.orderId),
    one.program,
    one.short,
    sayChange(one.gets),
    one.dueAt === null ? null : moment(one.dueAt, now),
  ]),
  empty: 'No line waits.',
})}${datesSection(preview, now)}`;
}

/** Only where a date loses or gains: most items have no dated rows. */
const datesSection = ({ demands, atp }: ReallocationPreview, now: number): Html =>
  html`${
    demands.length === 0
      ? nothing
      : table({
          caption: 'Dated demand: what each would have by its date',
          isCaptionHidden: false,
          columns: [
            { title: 'Demand' },
            { title: 'Program' },
            { title: 'Units', isNumber: true },
            { title: 'Has', isNumber: true },
            { title: 'Due' },
          ],
          rows: demands.map((one) => [one.ref, one.program, one.quantity, sayChange(one.gets), moment(one.dueAt, now)]),
          empty: 'No demand is touched.',
        })
  }${
    atp.length === 0
      ? nothing
      : table({
          caption: 'What could be promised by date (ATP)',
          isCaptionHidden: false,
          columns: [{ title: 'Program' }, { title: 'From' }, { title: 'ATP', isNumber: true }],
          rows: atp.flatMap(({ program, days }) =>
            days.map((day) => [program, moment(day.fromAt, now), sayChange(day.atp)]),
          ),
          empty: 'No date is touched.',
        })
  }`;

const guards = (one: ReallocationView): Shown => {
  const { judgement, row, stranded } = one;
  if (judgement === null) return nothing;
  const list = (says: string, rows: readonly { readonly says: string; readonly fix: string }[]): Shown =>
    rows.length === 0
      ? nothing
      : html`<p class="notice warn"><strong>${says}</strong> ${rows.map((guard) => html`${guard.says}. `)}</p>`;
  const warning = stranded === null ? nothing : html`<p class="notice warn">${stranded.says}.</p>`;
  return html`${warning}${list('It cannot be applied:', judgement.refused)}${list('It needs a second person:', row.state === 'approved' ? [] : judgement.approval)}${list('It has to wait:', judgement.waits === null ? [] : [judgement.waits])}`;
};

type StepForm = {
  readonly id: number;
  readonly step: string;
  readonly says: string;
  readonly reason?: 'asked' | 'required';
};

const stepForm = ({ id, step, says, reason }: StepForm, { csrf }: Asked): Html =>
  html`<form class="inline" action="/console/reallocation-step" method="post">${csrfField(csrf)}<input type="hidden" name="id" value="${id}"><input type="hidden" name="step" value="${step}">${
    reason === undefined
      ? nothing
      : html`<label><span class="hidden">Reason to ${says.toLowerCase()}</span><input name="reason" placeholder="reason" maxlength="500"></label>`
  }<button class="${step === 'approve' || step === 'apply' ? '' : 'plain'}" type="submit">${says}</button></form>`;

function stepsOf(one: ReallocationView, asked: Asked): Html {
  const { row } = one;
  const isOwn = isSamePerson(row.proposer, asked.visitor.actor);
  const canDecide = asked.may('approver');
  const isWaiting = row.state === 'proposed' || row.state === 'approved';
  return html`<div class="actions">${row.state === 'proposed' && canDecide && !isOwn ? stepForm({ id: row.id, step: 'approve', says: 'Approve' }, asked) : null}${
    isWaiting && canDecide ? stepForm({ id: row.id, step: 'apply', says: 'Move the units now' }, asked) : null
  }${isWaiting && canDecide && !isOwn ? stepForm({ id: row.id, step: 'reject', says: 'Reject', reason: 'required' }, asked) : null}${
    isWaiting && isOwn && asked.may('operator')
      ? stepForm({ id: row.id, step: 'withdraw', says: 'Withdraw', reason: 'asked' }, asked)
      : null
  }${row.state === 'applied' && canDecide ? stepForm({ id: row.id, step: 'return', says: 'Give back now', reason: 'asked' }, asked) : null}</div>
${isWaiting && isOwn && asked.visitor.way !== 'loopback' ? html`<p class="quiet">You asked for it: another person approves.</p>` : null}
<p class="quiet">By hand: ${command(`allot reallocate show ${row.id}`)}</p>`;
}

async function showOne(asked: Asked): Promise<PageBody> {
  const id = idOf(asked.query.get('id'));
  const one = await view(asked.db, id, asked.at);
  const { row } = one;
  const { at } = asked;
  const body = html`<p>${reallocationState(row)} <strong>${plural(row.units, 'unit')}</strong> of ${skuLink(row.sku)} from <strong>${row.from}</strong> to <strong>${row.to}</strong> until ${moment(row.until, at)} UTC</p>
${pairs([
  ['Reason', row.reason],
  ['Asked', html`by ${row.proposer}, ${moment(row.proposedAt, at)}`],
  ['Approved', row.approvedAt === null ? null : html`by ${row.approver}, ${moment(row.approvedAt, at)}`],
  ['Applied', row.appliedAt === null ? null : html`by ${row.appliedBy}, ${moment(row.appliedAt, at)}`],
  ['Ended', row.closedAt === null ? null : html`by ${row.closedBy}, ${moment(row.closedAt, at)}`],
  ['Why it ended', row.closeReason],
  ['Came back', row.returned + row.spent === 0 ? null : `${row.returned} units; ${row.spent} were drawn meanwhile`],
])}${guards(one)}${previewSection(row.preview, at)}`;
  return { title: `Reallocation ${row.id}`, body, still: stepsOf(one, asked), live: ['work'] };
}

function idOf(text: string | null): number {
  const id = Number(text);
  if (text !== null && Number.isSafeInteger(id) && id > 0) return id;
  throw new Rejected('no reallocation is named', { field: 'id', value: text, fix: 'allot reallocate list' });
}

const wholeOf = (form: Form, name: string): number => {
  const value = Number(form.get(name));
  if (Number.isInteger(value) && value >= 1 && value <= 1_000_000_000) return value;
  throw new Rejected(`${name} has to be a whole number, 1 or more`, {
    field: name,
    value: form.get(name),
    fix: 'correct it and ask again',
  });
};

const textOf = (form: Form, name: string): string => (form.get(name) ?? '').trim();

const proposing: Action = {
  path: '/reallocation-propose',
  need: 'operator',
  async act(asked, form) {
    const { row } = await propose(
      asked.db,
      {
        sku: textOf(form, 'sku'),
        units: wholeOf(form, 'units'),
        from: textOf(form, 'from'),
        to: textOf(form, 'to'),
        reason: textOf(form, 'reason'),
        until: asked.at + wholeOf(form, 'days') * DAY_MS,
      },
      { actor: asked.visitor.actor, now: asked.at },
    );
    return {
      to: `/console/reallocation?id=${row.id}`,
      notice: 'Asked for. Below is who would lose what; nothing moved yet.',
    };
  },
};

async function takeStep(asked: Asked, form: Form): Promise<string> {
  const id = idOf(form.get('id'));
  const by = { actor: asked.visitor.actor, now: asked.at };
  const why = textOf(form, 'reason') === '' ? null : textOf(form, 'reason');
  const { db } = asked;
  switch (form.get('step') ?? '') {
    case 'approve': {
      const { row } = await view(db, id, asked.at);
      requireSecondPerson(asked, row.proposer);
      await approve(db, id, by);
      return 'Approved. It can be applied now.';
    }
    case 'apply':
      await apply(db, id, by);
      asked.wakeRelay();
      return 'Applied: the units moved, and every channel follows.';
    case 'reject':
      if (why === null)
        throw new Rejected('a rejection needs a reason, for whoever asked', {
          field: 'reason',
          fix: 'write it beside the button',
        });
      await close(db, id, { ...by, as: 'rejected', why });
      return 'Rejected; nothing moved.';
    case 'return': {
      const { row } = await giveBack(db, id, { ...by, why });
      asked.wakeRelay();
      return `It is over: ${row.returned} of ${row.units} units went back.`;
    }
    default:
      throw new Rejected('a request has no such step', {
        field: 'step',
        value: form.get('step'),
        fix: 'allot reallocate --help',
      });
  }
}

const deciding: Action = {
  path: '/reallocation-step',
  need: 'operator',
  async act(asked, form): Promise<Done> {
    const to = `/console/reallocation?id=${idOf(form.get('id'))}`;
    if (form.get('step') === 'withdraw') {
      const why = textOf(form, 'reason') === '' ? null : textOf(form, 'reason');
      await close(asked.db, idOf(form.get('id')), { actor: asked.visitor.actor, now: asked.at, as: 'withdrawn', why });
      return { to, notice: 'Withdrawn; nothing moved.' };
    }
    asked.require('approver');
    return { to, notice: await takeStep(asked, form) };
  },
};

export const reallocationPages: readonly Page[] = [
  { path: '/reallocations', show: showList },
  { path: '/reallocation', show: showOne },
];
export const reallocationForms: readonly Action[] = [proposing, deciding];
