/** Which environment variable holds a channel's secret: `WEBHOOK_SECRET` of `shopify:main` is SHOPIFY_MAIN_WEBHOOK_SECRET. */
import type { ChannelId } from '#core/model.ts';

export const secretPrefix = (channel: ChannelId): string => channel.replaceAll(/[^A-Za-z0-9]/g, '_').toUpperCase();

export const secretVariable = (channel: ChannelId, secret: string): string => `${secretPrefix(channel)}_${secret}`;
