// How a provider reads what the config refers to: secret-valued fields, and this boot. Part of the composition root.

import { runTokenCommand } from '../adapters/command/token-command.ts';
import type { Config } from '../config/config.ts';
import type { Env, ReadFile } from '../config/surroundings.ts';
import { commandEnvironment } from '../config/references.ts';
import { resolveSecret } from '../config/schema/secret-field.ts';
import type { ProviderTools } from '../provider/provider.ts';

export function composeSecretReading(
  config: Config,
  { env, readFile }: { readonly env: Env; readonly readFile: ReadFile },
): Pick<ProviderTools, 'resolveSecret' | 'bootId'> {
  return {
    resolveSecret: (field) =>
      field.kind === 'command'
        ? runTokenCommand(field.argv, commandEnvironment(config, env))
        : resolveSecret(field, { readFile, env }),
    bootId: async () => new TextDecoder().decode(await readFile('/proc/sys/kernel/random/boot_id')).trim(),
  };
}
