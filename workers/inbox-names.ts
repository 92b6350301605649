/**
 * Names that a platform, or a stranger behind an unsigned channel, gave to an event, made fit for an indexed text column.
 * PostgreSQL refuses NUL, lone surrogates and index entries above 2,704 bytes, and one bad entry would fail its whole batch.
 */
import { createHash } from 'node:crypto';

const LENGTH_MAX = 200;
/** Of entries that allot itself puts into the inbox (intake.ts). */
const OWN_TOPICS = 'allot/';

const isPlain = (text: string): boolean => /^[\x20-\x7e]+$/.test(text) && text.length <= LENGTH_MAX;

/** The same key for the same event: long or strange ones become their digest. */
export function storableKey(key: string): string {
  return isPlain(key) ? key : `sha256:${createHash('sha256').update(key).digest('hex')}`;
}

/**
 * A topic that fits nothing is parked by its connector under this name. What begins like allot's own topics is renamed: their content
 * is believed without a connector, and a stranger names the topic of an unsigned event.
 */
export function storableTopic(topic: string): string {
  const name = topic.startsWith(OWN_TOPICS) ? `?${topic}` : topic;
  return isPlain(name) ? name : name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, LENGTH_MAX);
}
