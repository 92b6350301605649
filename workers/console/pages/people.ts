/** Who did what, and who may do what. */

import { Rejected } from '#core/errors.ts';
import { listAudit } from '#db/audit.ts';
import { listUsers, setUserRole, USER_ROLES, type UserRole } from '#db/users.ts';
import { ago, moment, table } from '../format.ts';
import { html } from '../html.ts';
import { choiceList, csrfField, type PageBody } from '../layout.ts';
import type { Action, Asked, Page } from '../parts.ts';

const ROWS = 100;

async function showTrail({ db, at, query }: Asked): Promise<PageBody> {
  const before = Number(query.get('before') ?? '');
  const subject = query.get('subject') ?? '';
  const rows = await listAudit(db, {
    limit: ROWS,
    ...(Number.isSafeInteger(before) && before > 0 ? { before } : {}),
    ...(subject === '' ? {} : { subject }),
  });
  const last = rows.length === ROWS ? rows.at(-1) : undefined;
  const body = html`<form class="row" action="/console/trail" method="get"><label>About exactly <input name="subject" value="${subject}" placeholder="reallocation 7, alert 3, shopify:main" maxlength="200"></label><button type="submit">Show</button></form>${table(
    {
      caption: 'Who did what, the newest first',
      columns: [{ title: 'When' }, { title: 'Who' }, { title: 'What' }, { title: 'About' }, { title: 'More' }],
      rows: rows.map((row) => [
        moment(row.at, at),
        row.actor,
        row.action,
        html`<a href="/console/trail?subject=${encodeURIComponent(row.subject)}">${row.subject}</a>`,
        html`<code>${Object.keys(row.detail).length === 0 ? '' : JSON.stringify(row.detail).slice(0, 400)}</code>`,
      ]),
      empty: 'Nothing yet.',
    },
  )}<p class="pages">${last === undefined ? null : html`<a class="button" href="/console/trail?before=${last.id}&amp;subject=${encodeURIComponent(subject)}">The ${ROWS} before</a>`}</p>`;
  return { title: 'Trail', body };
}

const MAY: Readonly<Record<UserRole, string>> = {
  viewer: 'sees every page',
  operator: 'and works on alerts, tries parked input again, pauses a channel, asks for units',
  approver: 'and approves and applies reallocations, approves policies, drops parked input, lets a channel send',
  admin: 'and puts policies in force, and says who may do what',
};

async function showUsers(asked: Asked): Promise<PageBody> {
  const users = await listUsers(asked.db);
  const body = html`${table({
    caption: 'Users',
    columns: [
      { title: 'Name' },
      { title: 'Role' },
      { title: 'Password' },
      { title: 'Seen' },
      { title: 'Made' },
      { title: 'Change' },
    ],
    rows: users.map((user) => [
      user.name,
      user.role,
      user.hasPassword ? 'has one' : 'by the proxy alone',
      ago(user.seenAt, asked.at, 'not logged in'),
      html`${moment(user.createdAt, asked.at)} by ${user.createdBy}`,
      html`<form class="inline" action="/console/user-role" method="post">${csrfField(asked.csrf)}<input type="hidden" name="name" value="${user.name}"><label class="hidden" for="role-${user.name}">Role of ${user.name}</label>${choiceList(
        'role',
        USER_ROLES.map((role) => ({ value: role, says: role })),
        user.role,
        `role-${user.name}`,
      )}<button class="plain" type="submit">Set<span class="hidden"> the role of ${user.name}</span></button></form>`,
    ]),
    empty: html`Nobody yet, so the console answers on this machine alone. Make one: <code class="command">allot users add NAME --role admin</code>`,
  })}<h2>Roles</h2>${table({
    caption: 'What each role may do',
    columns: [{ title: 'Role' }, { title: 'May' }],
    rows: USER_ROLES.map((role) => [role, MAY[role]]),
    empty: '',
  })}<p class="quiet">Passwords are set on the server: <code class="command">allot users add NAME --role ROLE</code> <code class="command">allot users password NAME</code> <code class="command">allot users remove NAME</code></p>`;
  return { title: 'Users', body };
}

const setRole: Action = {
  path: '/user-role',
  need: 'admin',
  async act({ db, visitor }, form) {
    const role = USER_ROLES.find((one) => one === form.get('role'));
    const name = form.get('name') ?? '';
    if (role === undefined)
      throw new Rejected(`"${form.get('role')}" is no role`, { field: 'role', fix: `one of ${USER_ROLES.join(', ')}` });
    await setUserRole(db, name, role, visitor.actor);
    return { to: '/console/users', notice: `${name} is ${role} now.` };
  },
};

export const peoplePages: readonly Page[] = [
  { path: '/trail', show: showTrail },
  { path: '/users', need: 'admin', show: showUsers },
];
export const peopleForms: readonly Action[] = [setRole];
