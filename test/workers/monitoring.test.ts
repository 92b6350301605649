/** The dashboard and the rules for Prometheus, held to the metrics that there are. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { createMetrics } from '#workers/metrics.ts';

const read = (name: string): string => readFileSync(new URL(`../../docs/monitoring/${name}`, import.meta.url), 'utf8');

type Rule = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook_url', string>>;
};
type Panel = {
  readonly title: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string }[];
};

const rules = (parse(read('prometheus-rules.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const { panels } = JSON.parse(read('grafana-dashboard.json')) as { panels: Panel[] };

let test: TestDatabase;
let known: ReadonlySet<string>;
beforeAll(async () => {
  test = await createTestDatabase();
  const { body } = await createMetrics({ db: test.db, queues: { depths: async () => ({}) as never } }).expose();
  const told = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  known = new Set(
    told.flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
    ),
  );
});
afterAll(() => test.drop());

const metricsIn = (expr: string): string[] => expr.match(/allot_\w+/g) ?? [];

describe('what watches allot', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('rule %s asks for metrics that are there', (_, rule) => {
    expect(metricsIn(rule.expr).length).toBeGreaterThan(0);
    expect(metricsIn(rule.expr).filter((name) => !known.has(name))).toEqual([]);
    expect(['critical', 'warning']).toContain(rule.labels.severity);
  });

  it('has a section of the README for each rule, and no other', () => {
    const sections = [...read('README.md').matchAll(/^## (\S+)$/gm)].map(([, name]) => name);
    expect(sections).toEqual(rules.map(({ alert }) => alert));
    for (const { alert, annotations } of rules) {
      expect(annotations.summary).toMatch(/\.$/);
      expect(annotations.description).not.toBe('');
      expect(annotations.runbook_url).toBe(`docs/monitoring/README.md#${alert.toLowerCase()}`);
    }
  });

  it('draws only metrics that are there, and says what each picture tells', () => {
    const asked = panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsIn(expr)));
    expect(asked.length).toBeGreaterThan(15);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
    expect(panels.filter(({ targets, description }) => targets !== undefined && !description)).toEqual([]);
  });
});
