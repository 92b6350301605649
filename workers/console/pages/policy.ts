/** The policy in force, what was before it, what each version changed, and what others propose. */
import { Rejected } from '#core/errors.ts';
import { changesOfPolicy, type PolicyChange, summaryOf } from '#core/policy-words.ts';
import { isSamePerson } from '#core/second-person.ts';
import { applyConfiguration, readStored } from '#db/configuration.ts';
import {
  type PolicyVersion,
  readPolicyAt,
  readPolicyHistory,
  readPolicyInForce,
  readPolicyTrail,
  type StoredPolicy,
} from '#db/policy-history.ts';
import {
  decideProposal,
  type PolicyProposal,
  type ProposalState,
  readProposal,
  readProposals,
} from '#db/policy-proposals.ts';
import { policyAsYaml } from '../../config-export.ts';
import { ago, moment, pairs, state, type Tone, table } from '../format.ts';
import { type Html, html, nothing } from '../html.ts';
import { csrfField, type PageBody } from '../layout.ts';
import { requireSecondPerson } from '../named-person.ts';
import type { Action, Asked, Form, Page } from '../parts.ts';

const VERSIONS_SHOWN = 30;
const PROPOSALS_SHOWN = 20;

type Said = Pick<StoredPolicy, 'body' | 'setup'>;

/** Rules, and the places that they stand on. */
const changesBetween = (before: Said | null, after: Said): PolicyChange[] =>
  changesOfPolicy(before === null ? null : { locations: before.setup.locations, ...before.body }, {
    locations: after.setup.locations,
    ...after.body,
  });

const MARKS = { added: '+', removed: '−', changed: '~' } as const;

const changeList = (changes: readonly PolicyChange[]): Html =>
  changes.length === 0
    ? html`<p class="empty">Nothing changes.</p>`
    : html`<ul class="plain">${changes.map(({ kind, says }) => html`<li class="${kind}"><strong aria-hidden="true">${MARKS[kind]}</strong> <span class="hidden">${kind}: </span>${says}</li>`)}</ul>`;

const sayWho = ({ author, proposedBy, approvedBy, rolledBackTo }: PolicyVersion): Html =>
  html`${author}${proposedBy === null ? null : `, proposed by ${proposedBy}`}${approvedBy === null ? null : `, approved by ${approvedBy}`}${rolledBackTo === null ? null : `, back to ${rolledBackTo}`}`;

const TONES: Readonly<Record<ProposalState, Tone>> = {
  open: 'warn',
  approved: 'busy',
  rejected: 'idle',
  applied: 'good',
};

function proposalTable(proposals: readonly PolicyProposal[], inForce: StoredPolicy | null, now: number): Html {
  return table({
    caption: 'Proposals',
    columns: [
      { title: 'Proposal' },
      { title: 'State' },
      { title: 'On version', isNumber: true },
      { title: 'By' },
      { title: 'Why' },
      { title: 'What' },
    ],
    rows: proposals.map((one) => [
      html`<a href="/console/policy-proposal?id=${one.id}">${one.id}</a>`,
      state(
        TONES[one.state],
        one.state === 'open' && one.baseVersion !== inForce?.version ? 'open, out of date' : one.state,
      ),
      one.baseVersion,
      html`${one.proposedBy} <span class="quiet">${ago(one.proposedAt, now)}</span>`,
      one.reason,
      one.baseVersion === inForce?.version
        ? summaryOf(changesBetween(inForce, one))
        : html`<span class="quiet">see it</span>`,
    ]),
    empty: html`None. <code class="command">allot policy propose FILE --reason TEXT</code>`,
  });
}

async function showPolicy({ db, at }: Asked): Promise<PageBody> {
  const [history, proposals] = await Promise.all([
    readPolicyHistory(db, VERSIONS_SHOWN + 1),
    readProposals(db, PROPOSALS_SHOWN),
  ]);
  const [inForce = null] = history;
  const body = html`<h2>Proposals</h2>${proposalTable(proposals, inForce, at)}<h2>Versions</h2>${table({
    caption: 'Versions, the newest first; the first is in force',
    columns: [
      { title: 'Version' },
      { title: 'When' },
      { title: 'Who' },
      { title: 'Why' },
      { title: 'What it changed' },
    ],
    rows: history
      .slice(0, VERSIONS_SHOWN)
      .map((version, index) => [
        html`<a href="/console/policy-version?v=${version.version}">${version.version}</a>${index === 0 ? html` ${state('good', 'in force')}` : null}`,
        moment(version.createdAt, at),
        sayWho(version),
        version.reason,
        summaryOf(changesBetween(history[index + 1] ?? null, version)),
      ]),
    empty: 'No policy was applied yet: start the daemon with allot.yaml.',
  })}`;
  return { title: 'Policy', body, live: ['work', 'trail'] };
}

const versionOf = (text: string | null): number => {
  const version = Number(text);
  if (text !== null && Number.isInteger(version) && version > 0 && version < 2 ** 31) return version;
  throw new Rejected('no version is named', { field: 'v', value: text, fix: 'allot policy history' });
};

async function showVersion({ db, at, query }: Asked): Promise<PageBody> {
  const version = await readPolicyAt(db, versionOf(query.get('v')));
  const from = query.get('from') === null ? version.version - 1 : versionOf(query.get('from'));
  const [before, trail] = await Promise.all([from < 1 ? null : readPolicyAt(db, from), readPolicyTrail(db, version)]);
  const body = html`${pairs([
    ['When', html`${moment(version.createdAt, at)} UTC, ${ago(version.createdAt, at)}`],
    ['Who', sayWho(version)],
    ['Why', version.reason],
  ])}<form class="row" action="/console/policy-version" method="get"><input type="hidden" name="v" value="${version.version}"><label>Compare with version <input name="from" type="number" min="1" value="${from < 1 ? '' : from}"></label><button type="submit">Compare</button></form>
<h2>${before === null ? 'What it began with' : `What changed since version ${before.version}`}</h2>${changeList(changesBetween(before, version))}
<h2>Trail</h2>${table({
    caption: 'Trail',
    columns: [{ title: 'When' }, { title: 'Who' }, { title: 'What' }, { title: 'Why' }],
    rows: trail.map((step) => [moment(step.at, at), step.actor, `${step.action}, ${step.subject}`, step.reason]),
    empty: 'Nothing was written down.',
  })}<details><summary>All of it, as a file</summary><pre tabindex="0">${policyAsYaml(version, [`Policy version ${version.version}`])}</pre></details>`;
  return { title: `Policy version ${version.version}`, body };
}

const verdictForm = (id: number, step: string, says: string, { csrf }: Asked): Html =>
  html`<form class="inline" action="/console/policy-step" method="post">${csrfField(csrf)}<input type="hidden" name="id" value="${id}"><input type="hidden" name="step" value="${step}">${
    step === 'apply'
      ? nothing
      : html`<label><span class="hidden">Reason</span><input name="reason" placeholder="reason" maxlength="500"></label>`
  }<button class="${step === 'reject' ? 'plain' : ''}" type="submit">${says}</button></form>`;

function stepsOf(proposal: PolicyProposal, inForce: StoredPolicy | null, asked: Asked): Html {
  const isOpen = proposal.state === 'open' || proposal.state === 'approved';
  if (!isOpen || !asked.may('approver')) return nothing;
  const isCurrent = proposal.baseVersion === (inForce?.version ?? 0);
  const isOwn = isSamePerson(proposal.proposedBy, asked.visitor.actor);
  return html`${isCurrent ? null : html`<p class="notice warn">It was made on version ${proposal.baseVersion}; version ${inForce?.version} is in force now. What it changes today, nobody has looked at: propose it anew.</p>`}
<div class="actions">${proposal.state === 'open' && isCurrent && !isOwn ? verdictForm(proposal.id, 'approve', 'Approve', asked) : null}${
    isCurrent && asked.may('admin') ? verdictForm(proposal.id, 'apply', 'Put it in force', asked) : null
  }${verdictForm(proposal.id, 'reject', isOwn ? 'Take it back' : 'Reject', asked)}</div>
<p class="quiet">What it would do to each channel's numbers, item by item: <code class="command">allot policy preview --proposal ${proposal.id}</code></p>`;
}

async function showProposal(asked: Asked): Promise<PageBody> {
  const { db, at, query } = asked;
  const [proposal, inForce] = await Promise.all([readProposal(db, versionOf(query.get('id'))), readPolicyInForce(db)]);
  const base = proposal.baseVersion === 0 ? null : await readPolicyAt(db, proposal.baseVersion);
  const body = html`${pairs([
    ['State', state(TONES[proposal.state], proposal.state)],
    ['On version', proposal.baseVersion],
    ['From', proposal.source],
    ['Asked', html`by ${proposal.proposedBy}, ${moment(proposal.proposedAt, at)}`],
    ['Why', proposal.reason],
    [
      'Decided',
      proposal.decidedAt === null
        ? null
        : html`by ${proposal.decidedBy}, ${moment(proposal.decidedAt, at)}: ${proposal.decidedReason ?? 'no reason given'}`,
    ],
    [
      'Became',
      proposal.appliedVersion === null
        ? null
        : html`<a href="/console/policy-version?v=${proposal.appliedVersion}">version ${proposal.appliedVersion}</a>`,
    ],
  ])}<h2>What it changes</h2>${changeList(changesBetween(base, proposal))}`;
  return { title: `Proposal ${proposal.id}`, body, still: stepsOf(proposal, inForce, asked) };
}

/** As `allot policy apply ID`: the approval, and the version it was made on, are asked for again under the lock. */
async function applyProposal(asked: Asked, id: number): Promise<string> {
  asked.require('admin');
  const [proposal, stored] = await Promise.all([readProposal(asked.db, id), readStored(asked.db)]);
  const applied = await applyConfiguration(
    asked.db,
    { ...proposal.setup, policy: proposal.body, author: asked.visitor.actor, reason: proposal.reason },
    { proposal: id, expects: stored.policyVersion },
  );
  asked.decideSoon();
  asked.wakeRelay();
  return applied.isChanged
    ? `Policy version ${applied.policyVersion} is in force; ${applied.itemsToReview} items are decided anew, those that fall first.`
    : 'It says what is in force already.';
}

async function decide(asked: Asked, form: Form): Promise<string> {
  const id = versionOf(form.get('id'));
  const given = (form.get('reason') ?? '').trim();
  const verdict = { id, actor: asked.visitor.actor, reason: given === '' ? null : given };
  switch (form.get('step') ?? '') {
    case 'approve':
      requireSecondPerson(asked, (await readProposal(asked.db, id)).proposedBy);
      await decideProposal(asked.db, { ...verdict, state: 'approved' });
      return 'Approved. An administrator puts it in force.';
    case 'reject':
      await decideProposal(asked.db, { ...verdict, state: 'rejected' });
      return 'Rejected; the policy in force stays.';
    case 'apply':
      return applyProposal(asked, id);
    default:
      throw new Rejected('a proposal has no such step', {
        field: 'step',
        value: form.get('step'),
        fix: 'allot policy --help',
      });
  }
}

const deciding: Action = {
  path: '/policy-step',
  need: 'approver',
  async act(asked, form) {
    const notice = await decide(asked, form);
    return { to: `/console/policy-proposal?id=${versionOf(form.get('id'))}`, notice };
  },
};

export const policyPages: readonly Page[] = [
  { path: '/policy', show: showPolicy },
  { path: '/policy-version', show: showVersion },
  { path: '/policy-proposal', show: showProposal },
];
export const policyForms: readonly Action[] = [deciding];
