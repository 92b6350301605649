/** Pausing a channel and letting it send: the same as `allot channels pause` and `live`. */

import { Rejected } from '#core/errors.ts';
import type { ChannelMode } from '#core/model.ts';
import { writeAudit } from '#db/audit.ts';
import { getModes, setMode } from '#db/modes.ts';
import { ringBells } from '#db/outbox.ts';
import type { ChannelOverview } from '#db/overview.ts';
import type { UserRole } from '#db/users.ts';
import { type Html, html } from './html.ts';
import { csrfField } from './layout.ts';
import type { Action, Asked } from './parts.ts';

/** The brake is near at hand; what starts writing to a shop is not. */
const NEED: Readonly<Record<ChannelMode, UserRole>> = { paused: 'operator', live: 'approver', shadow: 'approver' };

const SAYS: Readonly<Record<ChannelMode, string>> = {
  paused: 'nothing is sent any more; orders still come in',
  live: 'its numbers are sent to the platform from now on',
  shadow: 'it reads and computes, and sends nothing',
};

const form = (channel: string, mode: ChannelMode, says: string, { csrf }: Asked): Html =>
  html`<form class="inline" action="/console/channel-mode" method="post">${csrfField(csrf)}<input type="hidden" name="channel" value="${channel}"><input type="hidden" name="mode" value="${mode}">
<button class="${mode === 'paused' ? 'danger' : 'plain'}" type="submit" title="${SAYS[mode]}">${says}<span class="hidden"> ${channel}</span></button></form>`;

/** What goes out to a shop is asked twice: the second button says what it does. */
const goLive = (channel: string, asked: Asked): Html =>
  html`<details><summary>Go live</summary><p>${channel}: ${SAYS.live}.</p>${form(channel, 'live', 'Send its numbers', asked)}</details>`;

export function channelActions(channel: ChannelOverview, asked: Asked): Html {
  const { id, mode, configured } = channel;
  const reconcile =
    asked.may('operator') && configured
      ? html`<form class="inline" action="/console/reconcile-now" method="post">${csrfField(asked.csrf)}<input type="hidden" name="channel" value="${id}"><button class="plain" type="submit">Reconcile<span class="hidden"> ${id}</span></button></form>`
      : null;
  return html`${mode !== 'paused' && asked.may(NEED.paused) ? form(id, 'paused', 'Pause', asked) : null}${reconcile}${
    mode !== 'live' && configured && asked.may(NEED.live) ? goLive(id, asked) : null
  }`;
}

const isMode = (text: string): text is ChannelMode => text === 'live' || text === 'paused' || text === 'shadow';

const changeMode: Action = {
  path: '/channel-mode',
  need: 'operator',
  async act(asked, given) {
    const mode = given.get('mode') ?? '';
    const channel = given.get('channel') ?? '';
    if (!isMode(mode)) throw new Rejected(`"${mode}" is no mode`, { fix: 'allot channels live|pause|shadow ID' });
    asked.require(NEED[mode]);
    const changed = await setMode(asked.db, [channel], mode, asked.visitor.actor);
    asked.wakeRelay();
    return {
      to: '/console',
      notice: changed.length === 0 ? `${channel} is ${mode} already.` : `${channel} is ${mode}: ${SAYS[mode]}.`,
    };
  },
};

const reconcileNow: Action = {
  path: '/reconcile-now',
  need: 'operator',
  async act(asked, given) {
    const channel = given.get('channel') ?? '';
    const known = await getModes(asked.db);
    if (!known.some(({ id, configured }) => id === channel && configured))
      throw new Rejected(`no channel is called "${channel}", or it is not configured`, { fix: 'allot channels list' });
    await asked.db.transaction(async (tx) => {
      await ringBells(tx, [{ topic: 'reconcile', key: channel }]);
      await writeAudit(tx, [{ actor: asked.visitor.actor, action: 'ask reconcile', subject: channel, detail: {} }]);
    });
    asked.wakeRelay();
    return { to: '/console/reconcile', notice: `${channel} is looked at now; what it finds shows here.` };
  },
};

export const channelForms: readonly Action[] = [changeMode, reconcileNow];
