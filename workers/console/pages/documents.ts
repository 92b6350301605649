/** Documents that we owed partners, and what became of them; one whole, with its bytes. */
import { Rejected } from '#core/errors.ts';
import { writeAudit } from '#db/audit.ts';
import { type DocumentRow, listDocuments, resendDocument, showDocument } from '#db/documents.ts';
import { ago, pairs, state, type Tone, table } from '../format.ts';
import { type Html, html, nothing } from '../html.ts';
import { csrfField, type PageBody } from '../layout.ts';
import type { Action, Asked, Page } from '../parts.ts';

const ROWS = 100;
const STATES = ['pending', 'sent', 'accepted', 'rejected', 'withheld'] as const;
const TONES: Readonly<Record<string, Tone>> = {
  pending: 'busy',
  sent: 'busy',
  accepted: 'good',
  rejected: 'bad',
  withheld: 'idle',
};

const documentState = ({ state: is, receipt, reason }: DocumentRow): Html =>
  state(TONES[is] ?? 'idle', is === 'sent' && receipt !== null ? 'sent, no receipt yet' : is, reason ?? '');

async function showList({ db, at, query }: Asked): Promise<PageBody> {
  const wanted = STATES.find((one) => one === query.get('show'));
  const rows = await listDocuments(db, { limit: ROWS, ...(wanted === undefined ? {} : { state: wanted }) });
  const tab = (name: string, says: string): Html =>
    html`<li><a href="/console/documents?show=${name}" aria-current="${String(name === (wanted ?? ''))}">${says}</a></li>`;
  const body = html`<ul class="filters">${tab('', 'All')}${STATES.map((one) => tab(one, one))}</ul>${table({
    caption: 'Documents, the newest first',
    columns: [
      { title: 'Id' },
      { title: 'Channel' },
      { title: 'Kind' },
      { title: 'About' },
      { title: 'State' },
      { title: 'Made' },
      { title: 'Sent' },
      { title: 'Receipt' },
      { title: 'Reason' },
    ],
    rows: rows.map((row) => [
      html`<a href="/console/document?id=${row.id}">${row.id}</a>`,
      row.channel,
      row.kind,
      row.subject,
      documentState(row),
      ago(row.createdAt, at),
      ago(row.sentAt, at, 'not yet'),
      ago(row.receiptAt, at, 'none'),
      row.reason,
    ]),
    empty: 'No document. Partners that exchange files (EDI) get theirs here.',
  })}`;
  return { title: 'Documents', body, live: ['work'] };
}

async function showOne(asked: Asked): Promise<PageBody> {
  const id = Number(asked.query.get('id'));
  const row = Number.isSafeInteger(id) ? await showDocument(asked.db, id) : undefined;
  if (row === undefined)
    return {
      title: 'No such document',
      body: html`<p><a href="/console/documents">All documents</a></p>`,
      status: 404,
    };
  const canSend = asked.may('operator') && ['sent', 'accepted', 'rejected'].includes(row.state);
  const { at } = asked;
  const body = html`${pairs([
    ['State', documentState(row)],
    ['Channel', row.channel],
    ['Kind', row.kind],
    ['About', row.subject],
    ['Number', row.sequence],
    ['File', row.name],
    ['Made', ago(row.createdAt, at)],
    ['Sent', ago(row.sentAt, at, 'not yet')],
    ['Receipt', row.receiptAt === null ? null : html`${ago(row.receiptAt, at)}: ${row.reason}`],
  ])}${
    canSend
      ? html`<form class="inline" action="/console/document-resend" method="post">${csrfField(asked.csrf)}<input type="hidden" name="id" value="${row.id}"><button type="submit">Send the same bytes again</button></form>`
      : nothing
  }<h2>Bytes</h2><pre tabindex="0">${row.text.replaceAll('~', '~\n')}</pre>`;
  return { title: `Document ${row.id}`, body };
}

const resend: Action = {
  path: '/document-resend',
  need: 'operator',
  async act({ db, visitor, wakeRelay }, form) {
    const id = Number(form.get('id'));
    const row = Number.isSafeInteger(id) ? await showDocument(db, id) : undefined;
    if (row === undefined)
      throw new Rejected(`there is no document ${form.get('id')}`, { field: 'id', fix: 'allot documents list' });
    const isAgain = await db.transaction(async (tx) => {
      const done = await resendDocument(tx, id);
      if (done)
        await writeAudit(tx, [
          { actor: visitor.actor, action: 'resend document', subject: `${row.channel} ${row.name}`, detail: { id } },
        ]);
      return done;
    });
    if (!isAgain)
      throw new Rejected(`document ${id} was never sent: it is ${row.state}`, {
        field: 'id',
        value: id,
        fix: 'allot documents list',
      });
    wakeRelay();
    return { to: `/console/document?id=${id}`, notice: 'It goes out again, under the same number.' };
  },
};

export const documentPages: readonly Page[] = [
  { path: '/documents', show: showList },
  { path: '/document', show: showOne },
];
export const documentForms: readonly Action[] = [resend];
