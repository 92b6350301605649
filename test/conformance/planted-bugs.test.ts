/** The kit catches connectors that are wrong: each planted bug fails the cases that it should, and they pass unspoilt. */

import { expect, test } from 'vitest';
import { run } from '#connectors/conformance/kit.ts';
import type { ConformanceSubject } from '#connectors/conformance/subject.ts';
import type { Connector } from '#connectors/connector.ts';
import { subjects } from '#connectors/fake/sandbox/conformance.ts';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';

function plant(connector: Connector, { spoil, settings: inSecret }: PlantedBug): Connector {
  return {
    ...connector,
    open(settings, context) {
      const connection = connector.open({ ...(settings as object), ...inSecret }, context);
      return { ...connection, ...spoil?.(connection, context) };
    },
  };
}

function findSubject({ on = '' }: PlantedBug): ConformanceSubject {
  const subject = subjects.find(({ variant }) => variant.includes(on));
  if (subject === undefined) throw new Error(`no variant of the fake connector is called ${on}`);
  return subject;
}

test.each(PLANTED_BUGS)('the kit catches a connector that $name', async (bug) => {
  const subject = findSubject(bug);
  const unspoilt = await run([subject], { seeds: 2, only: bug.caughtBy });
  expect(unspoilt.failures).toEqual([]);
  const report = await run([{ ...subject, connector: plant(subject.connector, bug) }], {
    seeds: 2,
    only: bug.caughtBy,
  });
  expect(report.failures.map(({ id }) => id.split('/')[1])).toEqual(expect.arrayContaining([...bug.caughtBy]));
});
