/** Opens one channel's line to its platform for a command, as the configuration here says; or answers why it cannot. */
import { loadConnectors } from '#connectors/registry.ts';
import type { ChannelId } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { openSharedRates } from '#db/rates.ts';
import { callbackOf } from '#workers/callback.ts';
import { openChannels } from '#workers/channels.ts';
import { systemClock } from '#workers/clock.ts';
import { validateChannels } from '#workers/config-channels.ts';
import { ConfigError } from '#workers/config-problems.ts';
import type { Leaving } from '#workers/leave.ts';
import type { Run } from './session.ts';

const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function openLine(run: Run, db: Database, id: ChannelId): Promise<Leaving['line']> {
  const fix = `run it where the daemon of ${id} is configured: allot channels leave ${id} --yes`;
  try {
    const config = run.config();
    const file = config.file;
    if (file === null) return { channel: null, why: 'there is no configuration here', fix };
    const names = file.channels.map(({ connector }) => connector);
    const valid = validateChannels(config, await loadConnectors({ extraPaths: config.connectorPaths, names }));
    const channel = openChannels(
      valid.filter((one) => one.id === id),
      {
        db,
        rates: openSharedRates(db),
        now: systemClock,
        random: Math.random,
        log: QUIET,
        keyIds: config.sealKeys.map((key) => key.id),
      },
    ).get(id);
    if (channel === undefined) return { channel: null, why: `${id} is not in ${file.name}`, fix };
    const callbackUrl = config.publicUrl === null ? null : callbackOf(config.publicUrl, id);
    return { channel, callbackUrl, isReadOnly: config.isReadOnly };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return {
      channel: null,
      why: error.problems[0] ?? 'the configuration does not fit',
      fix: `allot config check; then ${fix}`,
    };
  }
}
