// How a provider reads what the config refers to: secret-valued fields, and this boot. Part of the composition root.

import { readBounded } from '../adapters/files/file-calls.ts';
import { runTokenCommand } from '../adapters/command/token-command.ts';
import type { Config } from '../config/config.ts';
import type { Env } from '../config/surroundings.ts';
import { commandEnvironment } from '../config/references.ts';
import { resolveSecret } from '../config/schema/secret-field.ts';
import type { ProviderTools } from '../provider/provider.ts';

export function composeSecretReading(config: Config, env: Env): Pick<ProviderTools, 'resolveSecret' | 'bootId'> {
  return {
    resolveSecret: (field) =>
      field.kind === 'command'
        ? runTokenCommand(field.argv, commandEnvironment(config, env))
        : resolveSecret(field, { readFile: readBounded, env }),
    bootId: async () => (await readBounded('/proc/sys/kernel/random/boot_id')).toString('utf8').trim(),
  };
}
