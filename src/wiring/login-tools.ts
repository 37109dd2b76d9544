// What the ways to log in are given of the world: fields of the config, the environment, this boot. Part of the composition root.

import { readFile } from 'node:fs/promises';
import type { LoginTools } from '../adapters/infisical/auth/login.ts';
import { runTokenCommand } from '../adapters/infisical/auth/token-command.ts';
import type { Config, Env, TokenSource } from '../config/config.ts';
import { secretVariables } from '../config/references.ts';
import { resolveSecret } from '../config/schema/secret-field.ts';

export function composeLoginTools(config: Config, env: Env): Omit<LoginTools<TokenSource>, 'now'> {
  return {
    env,
    resolveSecret: (field) =>
      field.kind === 'command'
        ? runTokenCommand(field.argv, commandEnvironment(config, env))
        : resolveSecret(field, { readFile, env }),
    commandOf: (field) => (field.kind === 'command' ? field.argv : undefined),
    bootId: async () => (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
  };
}

/** What PSI was started with, without the secrets among it and without what systemd means for PSI alone. */
function commandEnvironment(config: Config, env: Env): Env {
  const withheld = new Set([...secretVariables(config), 'NOTIFY_SOCKET', 'LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !withheld.has(name)));
}
