/** `allot alerts test`: a message to each destination of the configuration file, now and once, with what the other side answers. */
import { randomUUID } from 'node:crypto';
import { closeAlert } from '#db/alerts.ts';
import type { Database } from '#db/client.ts';
import { type DestinationWithSecrets, openAlerting } from '#workers/alert-settings.ts';
import { openSender, undeliveredAlert } from '#workers/notify.ts';
import { EXIT, type ExitCode, Failure } from '../io.ts';
import type { Run } from '../session.ts';

type Outcome = {
  readonly destination: string;
  readonly kind: string;
  readonly ok: boolean;
  readonly error: string | null;
};

/** Of the destinations asked for alone: the secrets of the others need not be here. */
function readDestinations(run: Run, named: string | undefined): readonly DestinationWithSecrets[] {
  const config = run.config();
  const all = config.file?.alerts.destinations ?? [];
  const wanted = all.filter(({ id }) => named === undefined || id === named);
  if (config.file === null || wanted.length === 0) {
    const what = named === undefined ? 'there is no destination' : `no destination is called ${named}`;
    throw new Failure(`${what} in ${config.file?.name ?? 'allot.yaml'}`, {
      mend:
        all.length === 0
          ? 'write alerts.destinations and alerts.routes (scripts/examples/allot.yaml shows how)'
          : `one of ${all.map(({ id }) => id).join(', ')}`,
      exitCode: EXIT.usage,
    });
  }
  return openAlerting({ ...config.file.alerts, destinations: wanted, heartbeatMs: null }, config.findVariable)
    .destinations;
}

async function testOne(run: Run, db: Database, destination: DestinationWithSecrets): Promise<Outcome> {
  const { id, kind } = destination;
  const at = run.io.now();
  const message = {
    type: 'test',
    id: `allot-test-${randomUUID()}`,
    at,
    headline: `a test of allot for ${id}`,
  } as const;
  try {
    await openSender(destination, run.io.now).send(message, run.io.signal);
    await closeAlert(db, undeliveredAlert(id), 'a later message arrived: a test');
    return { destination: id, kind, ok: true, error: null };
  } catch (error) {
    return { destination: id, kind, ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

export function testDestinations(run: Run, named: string | undefined): Promise<ExitCode> {
  const destinations = readDestinations(run, named);
  return run.withDatabase(async (db) => {
    const outcomes: Outcome[] = [];
    for (const destination of destinations) outcomes.push(await testOne(run, db, destination));
    const ok = outcomes.every((one) => one.ok);
    run.out.show({ schema: 'allot.alerts.test/1', ok, destinations: outcomes }, () =>
      outcomes
        .map((one) => `${one.destination} (${one.kind}): ${one.ok ? 'taken' : `not taken: ${one.error}`}`)
        .join('\n'),
    );
    return ok ? EXIT.done : EXIT.failed;
  });
}
