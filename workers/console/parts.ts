/** What a page and an action of the console are, and what they are given. */
import type { ChannelId, Instant } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import type { UserRole } from '#db/users.ts';
import type { WorkerContext } from '../context.ts';
import type { AccessSettings, Visitor } from './access.ts';
import type { PageBody } from './layout.ts';

/** Every how many milliseconds a channel is to be polled and reconciled. */
export type Pace = { readonly pollMs: number; readonly reconcileMs: number };

/** Handed in once, by the composition root. */
export type ConsoleParts = Pick<WorkerContext, 'db' | 'log' | 'now' | 'channels' | 'decideSoon' | 'wakeRelay'> & {
  readonly db: Database;
  readonly access: AccessSettings;
  readonly csrfKey: Buffer;
  readonly isReadOnly: boolean;
  /** Where browsers reach it; what is encrypted there is so here. */
  readonly publicUrl: string | null;
  readonly paceOf: (channel: ChannelId) => Pace;
};

export type Asked = ConsoleParts & {
  /** The moment of the request. */
  readonly at: Instant;
  readonly visitor: Visitor;
  readonly csrf: string;
  readonly query: URLSearchParams;
  readonly may: (need: UserRole) => boolean;
  /** Refuses as `may` says no. */
  readonly require: (need: UserRole) => void;
};

/** To be kept by the browser, not shown. */
export type DownloadedFile = {
  /** Nothing but letters, digits, dots and hyphens. */
  readonly name: string;
  readonly type: string;
  readonly parts: AsyncIterable<string>;
};

export type Page = {
  /** Below /console; '/' is the console itself. */
  readonly path: string;
  /** Viewer when left out. */
  readonly need?: UserRole;
  readonly show: (
    asked: Asked,
  ) => Promise<PageBody | { readonly redirect: string } | { readonly file: DownloadedFile }>;
};

export type Form = URLSearchParams;
export type Done = { readonly to: string; readonly notice: string };

export type Action = {
  readonly path: string;
  readonly need: UserRole;
  /** Throws Rejected for what cannot be done. */
  readonly act: (asked: Asked, form: Form) => Promise<Done>;
};
