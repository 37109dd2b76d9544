// `psi.prom`, which node_exporter reads: its user is another one, so the file is open to all, and it holds names and numbers alone.

import { join } from 'node:path';
import { PsiError } from '../../core/error.ts';
import type { Scope } from '../../core/scope.ts';
import { shellWord } from '../../core/text/shell.ts';
import { METRICS_FILE } from '../../host/layout.ts';
import { renderCommand, restartCommand } from '../../host/units/revision.ts';
import { findLeftovers, removeLeftovers, writeFileAtomic } from './atomic-write.ts';
import { errnoOf, fileError } from './host-error.ts';

export class MetricsTextfile {
  readonly #folder: () => string | undefined;
  readonly #scope: Scope;

  /** `folder`: undefined while no file is wanted. */
  constructor(options: { readonly folder: () => string | undefined; readonly scope: Scope }) {
    this.#folder = options.folder;
    this.#scope = options.scope;
  }

  get wanted(): boolean {
    return this.#folder() !== undefined;
  }

  async write(text: string): Promise<void> {
    const folder = this.#folder();
    if (folder === undefined) return;
    const path = join(folder, METRICS_FILE);
    try {
      await writeFileAtomic(path, text, { mode: 0o644 });
    } catch (error) {
      throw this.#refusal(folder, path, error);
    }
  }

  /** Of before that moment (ms since the epoch). Resolves to paths. */
  async find(before: number): Promise<readonly string[]> {
    const folder = this.#folder();
    return folder === undefined ? [] : findLeftovers(folder, (name) => name === METRICS_FILE, before);
  }

  /** Removes them. Resolves to the paths. */
  async sweep(before: number): Promise<readonly string[]> {
    return removeLeftovers(await this.find(before));
  }

  /** Without its mount the folder is not in the container, or an empty one that cannot be written is in its place. */
  #refusal(folder: string, path: string, error: unknown): PsiError {
    const plain = fileError('write', path, error);
    const mended = this.#mended(folder, errnoOf(error));
    const { message, retry } = plain;
    return new PsiError('HOST', `the figures for node_exporter are not as they should be: ${message}`, {
      ...(mended === undefined ? plain.hint !== undefined && { hint: plain.hint } : { hint: mended }),
      retry,
    });
  }

  #mended(folder: string, errno: string | undefined): string | undefined {
    const where = shellWord(folder);
    if (errno === 'ENOENT' || errno === 'EROFS') {
      const steps = [`mkdir -p ${where}`, renderCommand(this.#scope), restartCommand(this.#scope)];
      return `psi does not have that folder of the host: run ${steps.map((step) => `\`${step}\``).join(', then ')}`;
    }
    return errno === 'EACCES' || errno === 'EPERM' ? `give it to psi's user: \`chown root ${where}\`` : undefined;
  }
}
