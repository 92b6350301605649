/** The configuration against all that it names outside itself: connectors and their settings, secrets of channels and of alerts. */
import type { Connector } from '#connectors/connector.ts';
import { type Alerting, openAlerting } from './alert-settings.ts';
import type { Config } from './config.ts';
import { type ValidChannel, validateChannels } from './config-channels.ts';
import type { ConfigFile } from './config-file.ts';
import { ConfigError } from './config-problems.ts';

export type ValidConfig = { readonly valid: readonly ValidChannel[]; readonly alerting: Alerting };

/** Throws ConfigError with everything that is wrong, of both and `found` before. */
export function validateAll(
  config: Config,
  file: ConfigFile,
  connectors: ReadonlyMap<string, Connector>,
  found: readonly string[] = [],
): ValidConfig {
  const problems = [...found];
  const gather = <Result>(work: () => Result): Result | null => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return null;
    }
  };
  const valid = gather(() => validateChannels(config, connectors));
  const alerting = gather(() => openAlerting(file.alerts, config.findVariable));
  if (valid === null || alerting === null || problems.length > 0) throw new ConfigError(problems);
  return { valid, alerting };
}
