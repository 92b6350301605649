/** What a re-confirmation was told of a line: the strategy, and the segment that gave it, as the core takes them (core/reconfirm-claims.ts). */
import { type SQL, sql } from 'drizzle-orm';
import type { ReconfirmCommand, ReconfirmSegment, Strategy } from '#core/command.ts';
import type { ChannelId, OrderId, ProgramId } from '#core/model.ts';

export type ReconfirmCause = {
  readonly strategy: Strategy;
  /** `order ID`, `channel ID` or `program ID`; `others` where no segment fits the line. */
  readonly segment: string;
};

/** Of a command `c`: what it says of strategies; null of any that confirms nothing anew. */
export const RECONFIRM_RULES: SQL = sql`case when c.kind = 'reconfirm' then
  jsonb_build_object('segments', c.body->'segments', 'others', c.body->'others') end`;

export type ReconfirmRules = Pick<ReconfirmCommand, 'segments' | 'others'>;

const NEAREST: readonly ReconfirmSegment['match'][] = ['order', 'channel', 'program'];

/** The nearest segment that names a strategy counts: of its order, else of its channel, else of its program. */
export function reconfirmCauseOf(
  { segments, others }: ReconfirmRules,
  order: { readonly id: OrderId; readonly channel: ChannelId; readonly program: ProgramId },
): ReconfirmCause {
  const names = { order: order.id, channel: order.channel, program: order.program };
  for (const match of NEAREST) {
    const segment = segments.find(
      (one) => one.match === match && one.id === names[match] && one.strategy !== undefined,
    );
    if (segment?.strategy !== undefined) return { strategy: segment.strategy, segment: `${match} ${segment.id}` };
  }
  return { strategy: others, segment: 'others' };
}
