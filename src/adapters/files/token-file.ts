// Access tokens on disk: `.token.{name}.json` in the state folder, for its owner alone. A damaged file counts as none.

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PsiError } from '../../core/error.ts';
import type { StoredToken, TokenStore } from '../../provider/token-store.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { fileCalls, readBounded } from './file-calls.ts';
import { fileError } from './host-error.ts';

export class TokenFiles implements TokenStore {
  readonly #dir: string;

  constructor(options: { readonly stateDir: string }) {
    this.#dir = options.stateDir;
  }

  async get(name: string): Promise<StoredToken | undefined> {
    const path = this.#path(name);
    try {
      return decode((await readBounded(path)).toString('utf8'));
    } catch {
      // Missing, unreadable or truncated: a login replaces it, so there is nothing to report.
      return undefined;
    }
  }

  async put(name: string, token: StoredToken): Promise<void> {
    const path = this.#path(name);
    try {
      await fileCalls.run(path, () => mkdir(this.#dir, { recursive: true, mode: 0o700 }));
      await writeFileAtomic(path, JSON.stringify(token), { mode: 0o600 });
    } catch (error) {
      throw fileError('keep the access token', path, error);
    }
  }

  async remove(name: string): Promise<void> {
    const path = this.#path(name);
    try {
      await fileCalls.run(path, () => rm(path, { force: true }));
    } catch (error) {
      throw fileError('remove the access token', path, error);
    }
  }

  #path(name: string): string {
    if (!/^[0-9a-f]{12}$/.test(name)) throw new PsiError('INTERNAL', 'a token name has 12 hex digits');
    return join(this.#dir, `.token.${name}.json`);
  }
}

function decode(text: string): StoredToken | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const { token, expiresAt, secretTag } = value as Readonly<Record<string, unknown>>;
  if (typeof token !== 'string' || token === '') return undefined;
  if (typeof expiresAt !== 'number' || typeof secretTag !== 'string') return undefined;
  return { token, expiresAt, secretTag };
}
