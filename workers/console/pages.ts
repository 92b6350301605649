/** Every page and every action of the console. One more is a file in pages/ and its line here. */
import { channelForms } from './channel-forms.ts';
import { overview } from './pages/overview.ts';
import { searchPage } from './pages/search.ts';
import { skuPage } from './pages/sku.ts';
import { skusPage } from './pages/skus.ts';
import type { Action, Page } from './parts.ts';

export const PAGES: readonly Page[] = [overview, searchPage, skusPage, skuPage];
export const ACTIONS: readonly Action[] = [...channelForms];
