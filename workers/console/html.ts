/**
 * HTML as tagged templates: every value is escaped, arrays are joined, null, undefined and booleans are nothing. The one importer of
 * hono, whose tag may answer a promise where it is given one: here it is given none.
 */
import { raw, html as tag } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

export type Html = HtmlEscapedString;
export type Shown = Html | string | number | null | undefined | false | readonly Shown[];

export const html = (texts: TemplateStringsArray, ...values: readonly Shown[]): Html => tag(texts, ...values) as Html;

export const nothing: Html = raw('');

/** An attribute that is there or not; never give it a name from outside. */
export const attribute = (name: 'checked' | 'disabled' | 'open' | 'required' | 'selected', is: boolean): Html =>
  raw(is ? ` ${name}` : '');

/** Left out where there is nothing to say. */
export const maybe = (name: 'class' | 'id' | 'title', value: string): Html =>
  value === '' ? nothing : html` ${raw(name)}="${value}"`;
