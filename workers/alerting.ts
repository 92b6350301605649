/** All that watches and tells, as loops of one process: looks for alerts, messages, digests, the heartbeat. */
import type { Intervals } from '#db/unfinished.ts';
import { checkAlerts } from './alert-checks.ts';
import type { Alerting } from './alert-settings.ts';
import type { WorkerContext } from './context.ts';
import { writeDigests } from './digest.ts';
import { every, type Loop } from './every.ts';
import { beatHeart } from './heartbeat.ts';
import { startNotify } from './notify.ts';

const CHECK_EVERY_MS = 10_000;
const DIGEST_EVERY_MS = 20_000;
/** Looked at so often, that a beat is late by a fraction of its interval at most. */
const BEATS_LOOKED_AT = 5;
const LOOK_LEAST_MS = 500;

export function startAlerting(context: WorkerContext, alerting: Alerting, intervals: Intervals): Loop {
  const { log } = context;
  const startedAt = context.now();
  const { heartbeat, rates } = alerting;
  const loops = [
    startNotify(context, alerting),
    every({ everyMs: CHECK_EVERY_MS, log, what: 'looks for alerts' }, () =>
      checkAlerts(context, { intervals, rates }, startedAt),
    ),
    every({ everyMs: DIGEST_EVERY_MS, log, what: 'digests' }, async () => {
      await writeDigests(context, alerting);
    }),
    ...(heartbeat === null
      ? []
      : [
          every(
            { everyMs: Math.max(LOOK_LEAST_MS, heartbeat.everyMs / BEATS_LOOKED_AT), log, what: 'the heartbeat' },
            async (signal) => {
              await beatHeart(context, heartbeat, signal);
            },
          ),
        ]),
  ];
  return {
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}
