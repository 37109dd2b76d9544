// What is needed to finish replaces that were cut short, in the state folder for as long as Podman has not confirmed one.

import { PsiError } from '../../core/error.ts';
import { decodeStored, encodeMapping, MAX_BODY_BYTES } from '../../core/mapping.ts';
import { isSecretId } from '../../core/naming.ts';
import { newerFormat, newerThan } from '../../core/newer-format.ts';
import { MOST_UNFINISHED, type ReplaceDebt, type UnfinishedReplace } from '../../registration/replace-debt.ts';
import { fileError } from './host-error.ts';
import { StateFile } from './state-file.ts';

const FORMAT = 1;

/** Names and labels are shorter than a mapping may be. */
const MOST_BYTES = MOST_UNFINISHED * 2 * MAX_BODY_BYTES;

export class ReplaceDebtFile implements ReplaceDebt {
  readonly #file: StateFile;

  constructor({ stateDir }: { readonly stateDir: string }) {
    const what = 'note the secret that podman is asked to replace';
    this.#file = new StateFile({ stateDir, name: 'replace.owed', most: MOST_BYTES, what });
  }

  async read(): Promise<readonly UnfinishedReplace[]> {
    const { path } = this.#file;
    const text = await this.#file.read().catch((error: unknown) => {
      throw fileError('read the secrets of replaces that were cut short', path, error);
    });
    const content = text === undefined ? { secrets: [] } : parsed(text);
    const found = newerThan(FORMAT, content?.['format']);
    if (found !== undefined) throw newerFormat(`the file ${path}`, { found, known: FORMAT }, withoutIt(path));
    const unfinished = decode(content?.['secrets']);
    if (unfinished) return unfinished;
    throw new PsiError('HOST', `the file ${path} does not hold what psi writes there`, {
      hint: 'run `podman exec psi psi setup`: it creates what is gone',
    });
  }

  write(unfinished: readonly UnfinishedReplace[]): Promise<void> {
    if (unfinished.length === 0) return this.#file.remove();
    const secrets = unfinished.map(({ name, id, mapping, workload }) => {
      return { name, id, mapping: encodeMapping(mapping), workload: workload ?? null };
    });
    return this.#file.write(JSON.stringify({ format: FORMAT, secrets }));
  }
}

/** Where the secrets that it names are all there, or can be made by hand. */
function withoutIt(path: string): string {
  return `compare \`podman secret ls\` with what the workloads need, then \`rm ${path}\` and \`systemctl restart psi.service\``;
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const content: unknown = JSON.parse(text);
    return typeof content === 'object' && content !== null ? { ...content } : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined: it is something else. */
function decode(secrets: unknown): readonly UnfinishedReplace[] | undefined {
  if (!Array.isArray(secrets) || secrets.length > MOST_UNFINISHED) return undefined;
  const unfinished = secrets.map(decodeOne);
  return unfinished.every((one) => one !== undefined) ? unfinished : undefined;
}

function decodeOne(value: unknown): UnfinishedReplace | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { name, id, mapping: text, workload } = value as Readonly<Record<string, unknown>>;
  const mapping = typeof text === 'string' ? decodeStored(text) : undefined;
  if (typeof name !== 'string' || typeof id !== 'string' || !isSecretId(id) || !mapping) return undefined;
  if (workload !== null && typeof workload !== 'string') return undefined;
  return { name, id, mapping, workload: workload ?? undefined };
}
