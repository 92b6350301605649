/** Orders as commands: each state that a channel tells becomes one, with the entry of the inbox that told it. */
import type { CommandBody } from '#core/command.ts';
import type { Instant } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import type { NewCommand } from '#db/commands.ts';

type Origin = { readonly inboxId: number; readonly channelId: string; readonly receivedAt: Instant };

export const orderCommands = (
  { inboxId, channelId, receivedAt }: Origin,
  orders: readonly OrderState[],
): NewCommand[] =>
  orders.map((order) => ({
    body: { kind: 'order-state', channel: channelId, order } satisfies CommandBody,
    actor: channelId,
    occurredAt: Math.min(order.modifiedAt, receivedAt),
    channelId,
    inboxId,
  }));
