/**
 * Channels against the connectors that there are: settings through the connector's own schema, secrets from the environment.
 * Guarantees that all unknown connectors, unfit settings and missing secrets are told at once. Opens no connection.
 */
import type { Connector } from '#connectors/connector.ts';
import { Credential } from '#core/errors.ts';
import type { ChannelId, GateRule } from '#core/model.ts';
import type { Config } from './config.ts';
import type { ConfigFile, ConfiguredChannel } from './config-file.ts';
import { ConfigError, checkAgainst, sayProblems } from './config-problems.ts';
import { suggest } from './did-you-mean.ts';
import { secretVariable } from './secret-names.ts';
import type { YamlProblem, YamlSource } from './yaml-source.ts';

export type ValidChannel = {
  readonly id: ChannelId;
  readonly connector: Connector;
  readonly program: string;
  /** What the connector's schema made of them. */
  readonly settings: unknown;
  /** For ConnectorContext: throws Credential with the variable that is missing. */
  readonly secret: (name: string) => string;
};

export function validateChannels(config: Config, connectors: ReadonlyMap<string, Connector>): readonly ValidChannel[] {
  const { file } = config;
  if (file === null) return [];
  const checked = file.channels.map((channel, index) => checkChannel(file, { channel, index }, connectors));
  const problems = sayProblems(
    file.source,
    checked.flatMap((one) => one.problems),
  );
  const secrets = checked.flatMap((one) => findMissing(config, one));
  if (problems.length + secrets.length > 0) throw new ConfigError([...problems, ...secrets]);
  return checked.flatMap(({ channel, connector, settings }) =>
    connector === undefined
      ? []
      : [{ ...channel, connector, settings, secret: (name: string) => requireSecret(config, channel.id, name) }],
  );
}

type Checked = {
  readonly channel: ConfiguredChannel;
  readonly connector: Connector | undefined;
  readonly settings: unknown;
  readonly problems: readonly YamlProblem[];
};

function checkChannel(
  { source, policy }: ConfigFile,
  { channel, index }: { readonly channel: ConfiguredChannel; readonly index: number },
  connectors: ReadonlyMap<string, Connector>,
): Checked {
  const connector = connectors.get(channel.connector);
  if (connector === undefined) {
    const path = ['channels', index, 'id'];
    const says = `no connector is called "${channel.connector}". ${suggest(channel.connector, [...connectors.keys()])} A private one is loaded with ALLOT_CONNECTORS.`;
    return {
      channel,
      connector,
      settings: undefined,
      problems: [{ offset: source.offsetOf(path, 'value'), path, says }],
    };
  }
  const gate = policy.gates?.find((one) => one.channel === channel.id);
  const options = { prefix: ['channels', index, 'settings'], hidesText: true };
  const { value, problems } = checkAgainst(source, connector.settings, channel.settings, options);
  const unfit = problems.length > 0 ? [] : findUnfitGate(source, { channel, index, gate }, connector, value);
  return { channel, connector, settings: value, problems: [...problems, ...unfit] };
}

/** A gate needs numbers that can be read; and shares need a partner to whom a listing left out is not 0. */
function findUnfitGate(
  source: YamlSource,
  {
    channel,
    index,
    gate,
  }: { readonly channel: ConfiguredChannel; readonly index: number; readonly gate: GateRule | undefined },
  { capabilities: declared }: Connector,
  settings: unknown,
): YamlProblem[] {
  if (gate === undefined) return [];
  const { observable, documents } = typeof declared === 'function' ? declared(settings) : declared;
  const problem = (field: readonly string[], says: string): YamlProblem[] => {
    const path = ['channels', index, 'gate', ...field];
    return [{ offset: source.offsetOf(path, 'value'), path, says }];
  };
  if (observable !== 'read')
    return problem(
      [],
      `compares what ${channel.id} shows, and that cannot be read. Take it out: allot channels live ${channel.id} does it by hand.`,
    );
  if (documents?.scope === 'all' && gate.ramp.length > 1)
    return problem(
      ['ramp'],
      `sends a part of the items, and to ${channel.id} whatever is left out counts as 0. Write ramp: ["100%"].`,
    );
  return [];
}

/** Which secrets a channel needs follows from its settings: told only where these fit. */
function findMissing(config: Config, { channel, connector, settings, problems }: Checked): string[] {
  if (connector === undefined || problems.length > 0) return [];
  return connector.secrets(settings).flatMap((name) => {
    try {
      return config.findSecret(channel.id, name) === undefined ? [sayMissing(channel.id, name)] : [];
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
  });
}

function sayMissing(channel: ChannelId, name: string): string {
  const variable = secretVariable(channel, name);
  return `${variable}: is missing, and the channel ${channel} needs it. Set it, or ${variable}_FILE to a file that holds it.`;
}

function requireSecret(config: Config, channel: ChannelId, name: string): string {
  const value = config.findSecret(channel, name);
  if (value === undefined) throw new Credential(sayMissing(channel, name));
  return value;
}
