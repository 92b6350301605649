/**
 * The log: JSON lines, one object each, made of fields on an allow-list.
 *
 * Guarantees that a field nobody has thought about is left out, its name alone told (`notLogged`): payloads, addresses and tokens
 * cannot slip in by a careless spread (I10). Values are plain and short; of an error only class, code, message and stack remain.
 * There is no child(): pino does not run a child's fields through the formatter that picks.
 */
import { type DestinationStream, type LoggerOptions, pino, stdTimeFunctions } from 'pino';

export type Logger = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** Ids, counts, durations with their unit in the name, and words of our own. Nothing that a platform's customer wrote. */
const ALLOWED: ReadonlySet<string> = new Set(
  `
    action active actor attempt attempts attemptsMax backend batch behind cause channel channels code command
    connector count deadlineMs decided delayMs delayed drift durationMs durationS err error events failed field file
    fix found held host idleChecks inbox items jobId key kind lane limitMs listing listings location mended
    migration mode notLogged operation orders outcome owner parked pid policyVersion port reason request retryAt
    role roles signal source state status stored ticket topic topics version waiting what why worker
  `
    .trim()
    .split(/\s+/),
);

const TEXT_MAX = 500;
const STACK_MAX = 4_000;
const LIST_MAX = 20;
const CAUSES_MAX = 3;

/** One line per call, to standard output unless a stream is given. */
export function createLogger(level: string, stream?: DestinationStream): Logger {
  const settings: LoggerOptions = {
    level,
    base: { pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    messageKey: 'message',
    // pino's own would print an error's enumerable properties, whatever they hold.
    serializers: { err: (value: unknown) => value },
    formatters: { level: (name) => ({ level: name }), log: pickFields },
  };
  return stream === undefined ? pino(settings) : pino(settings, stream);
}

/** What of these fields may be written. */
function pickFields(fields: object): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const plain = ALLOWED.has(name) ? toPlain(value) : undefined;
    if (plain === undefined) dropped.push(name);
    else picked[name] = plain;
  }
  return dropped.length === 0 ? picked : { ...picked, notLogged: dropped.slice(0, LIST_MAX).join(' ') };
}

function toPlain(value: unknown): unknown {
  if (value instanceof Error) return toPlainError(value, CAUSES_MAX);
  if (Array.isArray(value))
    return value
      .slice(0, LIST_MAX)
      .map(toPlainValue)
      .filter((one) => one !== undefined);
  return toPlainValue(value);
}

function toPlainValue(value: unknown): string | number | boolean | null | undefined {
  if (typeof value === 'string') return cut(value, TEXT_MAX);
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? value : undefined;
}

function toPlainError(error: Error, causesLeft: number): Record<string, unknown> {
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: cut(error.message, TEXT_MAX),
    stack: cut(error.stack ?? '', STACK_MAX),
    ...(error.cause instanceof Error && causesLeft > 0 ? { cause: toPlainError(error.cause, causesLeft - 1) } : {}),
  };
}

const cut = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max)}...` : text);
