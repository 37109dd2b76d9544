// A config from text, and what is wrong with it.

import { loadConfig } from '../../../src/config/load.ts';
import type { Config, Env } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/findings/issue.ts';

export type LoadText = { readonly file?: string; readonly env?: Env; readonly uid?: number };

export function load(
  text: string,
  { file = '/etc/psi/config.yaml', env = {}, uid = 0 }: LoadText = {},
): Promise<Config> {
  return loadConfig({ path: file, env, uid, readFile: () => Promise.resolve(new TextEncoder().encode(text)) });
}

export async function problemsOf(text: string, options?: LoadText): Promise<ConfigError> {
  try {
    await load(text, options);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the config was accepted');
}

export const PROVIDER = `providers:
  infisical:
    auth: {method: universal-auth, client_id: c1, client_secret: s1}
    projects:
      myproject: {id: p1}
`;
