/** The kit catches connectors that are wrong: each planted bug fails the cases that it should, and they pass unspoilt. */

import { expect, test } from 'vitest';
import { run } from '#connectors/conformance/kit.ts';
import type { ConformanceSubject } from '#connectors/conformance/subject.ts';
import type { Connector } from '#connectors/connector.ts';
import { subjects as retailers } from '#connectors/edi/sandbox/conformance.ts';
import { subjects as partners } from '#connectors/fake/sandbox/conformance.ts';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';
import { PLANTED_DOCUMENT_BUGS } from './planted-document-bugs.ts';

function plant(connector: Connector, { spoil, settings: inSecret }: PlantedBug): Connector {
  return {
    ...connector,
    open(settings, context) {
      const connection = connector.open({ ...(settings as object), ...inSecret }, context);
      return { ...connection, ...spoil?.(connection, context) };
    },
  };
}

function findSubject(subjects: readonly ConformanceSubject[], { on = '' }: PlantedBug): ConformanceSubject {
  const subject = subjects.find(({ variant }) => variant.includes(on));
  if (subject === undefined) throw new Error(`no variant of the connector is called ${on}`);
  return subject;
}

async function expectCaught(subject: ConformanceSubject, bug: PlantedBug): Promise<void> {
  const unspoilt = await run([subject], { seeds: 2, only: bug.caughtBy });
  expect(unspoilt.failures).toEqual([]);
  const report = await run([{ ...subject, connector: plant(subject.connector, bug) }], {
    seeds: 2,
    only: bug.caughtBy,
  });
  expect(report.failures.map(({ id }) => id.split('/')[1])).toEqual(expect.arrayContaining([...bug.caughtBy]));
}

test.each(PLANTED_BUGS)('the kit catches a connector that $name', (bug) =>
  expectCaught(findSubject(partners, bug), bug),
);

test.each(PLANTED_DOCUMENT_BUGS)('the kit catches a partner by mailbox that $name', (bug) =>
  expectCaught(findSubject(retailers, bug), bug),
);
