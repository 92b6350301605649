/** The production core as values, so that a test plays a day with a broken one and sees that it is noticed. */
import { decide } from '#core/decide.ts';
import { judgeDrift, provesHealed } from '#core/drift.ts';
import { planBlind, planPush } from '#core/wire.ts';

export type Core = {
  readonly decide: typeof decide;
  readonly planPush: typeof planPush;
  readonly planBlind: typeof planBlind;
  readonly judgeDrift: typeof judgeDrift;
  readonly provesHealed: typeof provesHealed;
};

export const CORE: Core = { decide, planPush, planBlind, judgeDrift, provesHealed };
