/** The log leaves out what nobody has allowed (I10). */
import { describe, expect, it } from 'vitest';
import { Rejected } from '#core/errors.ts';
import { createLogger } from '#workers/logger.ts';

function linesOf(write: (log: ReturnType<typeof createLogger>) => void, level = 'info'): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger(level, { write: (line) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('createLogger', () => {
  it('writes one JSON line with allowed fields, the names of the others, level, time and message', () => {
    const [line] = linesOf((log) => {
      log.warn({ channel: 'fake:a', count: 2, email: 'jo@example.com', payload: { a: 1 } }, 'said');
    });
    expect(line).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      pid: process.pid,
      channel: 'fake:a',
      count: 2,
      notLogged: 'email payload',
      message: 'said',
    });
  });

  it('lets no object through under an allowed name, and cuts what is long', () => {
    const [line] = linesOf((log) => {
      log.info(
        { reason: 'x'.repeat(10_000), items: { email: 'jo@example.com' }, topics: ['push', { a: 1 }, 'poll'] },
        'said',
      );
    });
    expect(String(line?.reason)).toHaveLength(503);
    expect(line?.topics).toEqual(['push', 'poll']);
    expect(line?.notLogged).toBe('items');
    expect(JSON.stringify(line)).not.toContain('jo@');
  });

  it('keeps of an error its class, code, message, stack and causes, none of its own properties', () => {
    const cause = Object.assign(new Error('beneath'), { code: 'ECONNRESET', body: 'jo@example.com' });
    const error = new Rejected('no such item', { field: 'sku', value: 'jo@example.com' }, cause);
    const [line] = linesOf((log) => log.error({ err: error }, 'failed'));
    expect(line?.err).toMatchObject({
      type: 'Rejected',
      code: 'rejected',
      message: 'no such item',
      cause: { code: 'ECONNRESET', message: 'beneath' },
    });
    expect(JSON.stringify(line)).not.toContain('jo@');
  });

  it('keeps to its level', () => {
    expect(linesOf((log) => log.info({}, 'said'), 'warn')).toEqual([]);
    expect(linesOf((log) => log.debug({}, 'said'), 'debug')).toHaveLength(1);
  });
});
