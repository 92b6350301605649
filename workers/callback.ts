/** The address that a channel's platform calls, as http.ts serves it. */
import type { ChannelId } from '#core/model.ts';

export const callbackOf = (publicUrl: string, channelId: ChannelId): string =>
  `${publicUrl}/webhooks/${encodeURIComponent(channelId)}`;
