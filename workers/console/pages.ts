/** Every page and every action of the console. One more is a file in pages/ and its line here. */
import { channelForms } from './channel-forms.ts';
import { alertForms, alertPages } from './pages/alerts.ts';
import { channelPage } from './pages/channel.ts';
import { leaveForms, leavePages } from './pages/channel-leave.ts';
import { documentForms, documentPages } from './pages/documents.ts';
import { orderPages } from './pages/orders.ts';
import { overview } from './pages/overview.ts';
import { parkedForms, parkedPages } from './pages/parked.ts';
import { peopleForms, peoplePages } from './pages/people.ts';
import { policyForms, policyPages } from './pages/policy.ts';
import { queuesPage } from './pages/queues.ts';
import { reallocationForms, reallocationPages } from './pages/reallocations.ts';
import { reconcilePage } from './pages/reconcile.ts';
import { reconcileRunPage } from './pages/reconcile-run.ts';
import { searchPage } from './pages/search.ts';
import { skuPage } from './pages/sku.ts';
import { skusPage } from './pages/skus.ts';
import { stoppedForms, stoppedPage } from './pages/stopped.ts';
import type { Action, Page } from './parts.ts';

export const PAGES: readonly Page[] = [
  overview,
  searchPage,
  skusPage,
  skuPage,
  channelPage,
  ...leavePages,
  reconcilePage,
  reconcileRunPage,
  stoppedPage,
  queuesPage,
  ...alertPages,
  ...orderPages,
  ...reallocationPages,
  ...parkedPages,
  ...documentPages,
  ...policyPages,
  ...peoplePages,
];

export const ACTIONS: readonly Action[] = [
  ...channelForms,
  ...leaveForms,
  ...stoppedForms,
  ...alertForms,
  ...reallocationForms,
  ...parkedForms,
  ...documentForms,
  ...policyForms,
  ...peopleForms,
];
