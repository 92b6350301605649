/** The catalogue of alerts as a page: docs/alerts.md is this text, and a test holds the two together. */
import { ALERT_CATALOGUE, ALERT_CODES } from '#core/alert-catalogue.ts';

const HEAD = `# Alerts

Every alert that allot raises, and its runbook. Written by \`npx allot alerts explain --page > docs/alerts.md\` from
[core/alert-catalogue.ts](../core/alert-catalogue.ts); a test holds the two together. How alerts reach people is in
[alert-delivery.md](alert-delivery.md).

An alert is one row per cause, however often it is seen. It is open, acknowledged (somebody has seen it), snoozed (until a moment, or
until it gets worse), proving (somebody says it is mended) or closed. Nobody closes one: what reads the trouble gone does, and writes
down what it read. Seen again within a day, the same alert comes back.
`;

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

export function alertPage(): string {
  const table = [
    row(['code', 'usually', 'act within', 'closed when']),
    row(['---', '---', '---', '---']),
    ...ALERT_CODES.map((code) => {
      const { severity, withinHours, proof } = ALERT_CATALOGUE[code];
      return row([`[${code}](#${code})`, severity, `${withinHours} h`, proof]);
    }),
  ];
  const sections = ALERT_CODES.map((code) => {
    const { meaning, impact, check, mend, proof } = ALERT_CATALOGUE[code];
    return `## ${code}
**Meaning.** ${meaning}

**Impact.** ${impact}

**Check.** ${check}

**Mend.** ${mend}

**Proof.** ${proof}
`;
  });
  return `${HEAD}\n${table.join('\n')}\n\n${sections.join('\n')}`;
}
