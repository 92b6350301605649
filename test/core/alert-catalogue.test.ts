/** The catalogue is whole: each code has a runbook, each code is raised somewhere, and the page says the same. */
import { describe, expect, it } from 'vitest';
import { ALERT_CATALOGUE, ALERT_CODES, isAlertCode, SEVERITIES } from '#core/alert-catalogue.ts';
import { alertPage } from '#scripts/alert-page.ts';
import { listFiles, readText } from '../tree.ts';

const sources = listFiles().filter((path) => /^(db|workers)\/.*\.ts$/.test(path));

/** Codes that stand as `code: '...'` or as a constant that is one, in a file that raises alerts. */
function raisedCodes(texts: readonly string[]): Set<string> {
  const raising = texts.filter((text) => /\b(raiseAlerts?|tellStanding|NewAlert)\b/.test(text));
  const written = raising.flatMap((text) => [...text.matchAll(/\bcode: '([a-z-]+)'/g)].map(([, code = '']) => code));
  const named = raising.flatMap((text) => [...text.matchAll(/\bcode: ([A-Z_]+)\b/g)].map(([, name = '']) => name));
  const constants = named.flatMap((name) =>
    texts.flatMap((text) => new RegExp(`const ${name} = '([a-z-]+)'`).exec(text)?.[1] ?? []),
  );
  // The type of a column.
  return new Set([...written, ...constants].filter((code) => code !== 'text'));
}

describe('the catalogue of alerts', () => {
  it('has each code that is raised, and no other', () => {
    expect(
      [
        ...raisedCodes([
          "raiseAlert(db, { code: 'planted' });",
          'raiseAlert(db, { code: NAMED })',
          "const NAMED = 'by-name';",
        ]),
      ].sort(),
    ).toEqual(['by-name', 'planted']);
    expect([...raisedCodes(sources.map(readText))].sort()).toEqual([...ALERT_CODES].sort());
  });

  it.each(ALERT_CODES)('%s has a whole runbook', (code) => {
    const { severity, withinHours, ...texts } = ALERT_CATALOGUE[code];
    expect(SEVERITIES).toContain(severity);
    expect(withinHours).toBeGreaterThan(0);
    for (const text of Object.values(texts)) expect(text).toMatch(/^.{20,}[.?]$/);
    expect(texts.check + texts.mend).toMatch(/`allot |partner|[Pp]latform|transport/);
    expect(isAlertCode(code)).toBe(true);
  });

  it('is the page docs/alerts.md', () => {
    expect(readText('docs/alerts.md')).toBe(alertPage());
  });
});
