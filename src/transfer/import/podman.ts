// Podman's own secrets as something to import: which of them are meant, under which key, and what cannot be taken over as it is.

import { PsiError } from '../../core/error.ts';
import { isPsiOptions } from '../../registration/driver-command/options.ts';
import type { ImportEntry, ImportSource, RefusedEntry } from './entry.ts';
import { isEnvName, printable, refuseKey } from '../../core/naming.ts';
import type { RegisteredSecret } from '../../registration/registered-secret.ts';
import type { SecretRegistry } from '../../registration/secret-registry.ts';
import type { SecretValues } from '../secret-values.ts';

export type PodmanReader = { readonly registry: Pick<SecretRegistry, 'list'>; readonly values: SecretValues };

export type PodmanSelection = {
  /** undefined: all that are not PSI's own. */
  readonly names: readonly string[] | undefined;
  /** Podman's name → key, where they are to differ. */
  readonly keys: ReadonlyMap<string, string>;
};

export type PodmanFound = ImportSource & {
  /** Names of the secrets that PSI registered itself: their values come from the provider. */
  readonly leftOut: readonly string[];
};

/** USAGE for a `--key` that names no secret of the selection. */
export async function podmanSecrets(
  { registry, values }: PodmanReader,
  { names, keys }: PodmanSelection,
): Promise<PodmanFound> {
  const held = new Map((await registry.list()).map((secret) => [secret.name, secret]));
  const wanted = names === undefined ? [...held.keys()].sort() : [...new Set(names)];
  const stray = [...keys.keys()].find((name) => !wanted.includes(name));
  if (stray !== undefined) {
    throw new PsiError('USAGE', `--key names "${printable(stray)}", which is not among the secrets to import`, {
      hint: 'add `--name` for it, or look with `podman secret ls`',
    });
  }
  const entries: ImportEntry[] = [];
  const refused: RefusedEntry[] = [];
  const leftOut: string[] = [];
  for (const name of wanted) {
    const secret = held.get(name);
    const from = `podman secret ${printable(name)}`;
    const key = keys.get(name) ?? name;
    if (secret && isPsisOwn(secret)) leftOut.push(name);
    else if (!secret) refused.push({ key, from, reason: 'podman has no such secret', hint: 'see `podman secret ls`' });
    else {
      // One after another: Podman runs one driver command at a time.
      const { value, reason } = await values.read(secret);
      if (value) entries.push({ key, value, from, ...noteFor(key) });
      else refused.push({ key, from, reason, hint: 'set it at the provider by hand; base64 carries any bytes' });
    }
  }
  return { entries, refused, leftOut };
}

export function isPsisOwn({ driver, options }: RegisteredSecret): boolean {
  return driver === 'shell' && isPsiOptions(options);
}

function noteFor(key: string): Pick<ImportEntry, 'note'> {
  // The workload that will have it is not known yet: any name is longer than none.
  const refusal = refuseKey('w', key, key, 'mount');
  if (refusal) return { note: `psi could not give it out: ${refusal.reason}; use --key` };
  if (isEnvName(key)) return {};
  return { note: 'its name is no name of a variable: psi can give it out as a file (`as: mount`), or use --key' };
}
