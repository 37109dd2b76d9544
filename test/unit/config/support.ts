// A config from text, and what is wrong with it.

import { loadConfig, readConfig, type LoadOptions } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/config.ts';
import type { Env } from '../../../src/config/surroundings.ts';
import { infisicalSection, type InfisicalConfig } from '../../../src/adapters/infisical/config.ts';
import { ConfigError, type LocatedIssue } from '../../../src/config/findings/issue.ts';
import { formatIssues } from '../../../src/config/findings/report.ts';
import { lineText } from '../../../src/core/text/line.ts';
import { PROVIDER_KINDS } from '../../../src/wiring/provider-kinds.ts';

export type LoadText = { readonly file?: string; readonly env?: Env; readonly uid?: number };

export function load(text: string, options?: LoadText): Promise<Config> {
  return loadConfig(reading(text, options));
}

function reading(text: string, { file = '/etc/psi/config.yaml', env = {}, uid = 0 }: LoadText = {}): LoadOptions {
  return {
    path: file,
    env,
    uid,
    kinds: PROVIDER_KINDS,
    readFile: () => Promise.resolve(new TextEncoder().encode(text)),
  };
}

/** All that is found in a text, whether it is refused or not. */
export async function findingsOf(text: string, options?: LoadText): Promise<readonly LocatedIssue[]> {
  try {
    return (await readConfig(reading(text, options))).warnings;
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
}

/** The one provider of a config, where it is an Infisical of that name. */
export function infisicalOf({ providers }: Config): InfisicalConfig | undefined {
  const found = providers.get('infisical');
  return found && infisicalSection.isOwn(found) ? found : undefined;
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

/** What a person reads of them. */
export function reportText(issues: readonly LocatedIssue[]): string {
  return formatIssues(issues)
    .map((line) => lineText(line, (_, text) => text))
    .join('\n');
}

export const PROVIDER = `providers:
  infisical:
    auth: {method: universal-auth, client_id: c1, client_secret: s1}
    projects:
      myproject: {id: p1}
`;
