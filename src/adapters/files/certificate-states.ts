// What PSI remembers of its certificates: `tls/{name}.json` in the state folder, for its owner alone. A damaged file counts as none.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { PsiError } from '../../core/error.ts';
import type { CertificateState } from '../../certificates/certificate.ts';
import type { CertificateStates } from '../../certificates/certificate-states.ts';
import { newerFormat } from '../../core/newer-format.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { decodeState, encodeState, newerStateVersion, STATE_VERSION } from './certificate-state-codec.ts';
import { fileCalls, readBounded } from './file-calls.ts';
import { errnoOf, fileError } from './host-error.ts';

export class CertificateStateFiles implements CertificateStates {
  readonly #dir: string;

  constructor(options: { readonly stateDir: string }) {
    this.#dir = join(options.stateDir, 'tls');
  }

  async get(name: string): Promise<CertificateState | undefined> {
    const path = join(this.#dir, `${name}.json`);
    try {
      const text = (await readBounded(path)).toString('utf8');
      const found = newerStateVersion(text);
      if (found !== undefined) throw ofNewer(path, found);
      return decodeState(text);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      // Unreadable is not absent: an order that is under way would be made a second time.
      throw fileError('read the state of the certificate', path, error);
    }
  }

  async put(name: string, state: CertificateState): Promise<void> {
    const path = join(this.#dir, `${name}.json`);
    try {
      await fileCalls.run(path, () => mkdir(this.#dir, { recursive: true, mode: 0o700 }));
      await writeFileAtomic(path, encodeState(state), { mode: 0o600 });
    } catch (error) {
      throw fileError('keep the state of the certificate', path, error);
    }
  }
}

function ofNewer(path: string, found: number): PsiError {
  const anew = `\`rm ${path}\`, and the next run orders the certificate anew`;
  return newerFormat(`the state of the certificate ${path}`, { found, known: STATE_VERSION }, anew);
}
