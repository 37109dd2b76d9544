// What killed writes left in the state folder and in its folders of certificates and sealed values.

import { join } from 'node:path';
import { isSecretId } from '../../core/naming.ts';
import { isSealedName, readAsideName } from '../../sealed/names.ts';
import { findLeftovers, removeLeftovers } from './atomic-write.ts';

/** All that PSI writes there beside mappings; the cache file's own are removed by its first save. */
const OWN =
  /^(?:driver\.hdr|config\.last-good|names\.json|(?:reload|replace|setup)\.owed|cache\.enc|\.token\.[0-9a-f]{12}\.json|hsm-key\.[0-9a-f]{12}\.pem)$/;
const CERTIFICATE = /^[A-Za-z0-9][A-Za-z0-9._-]*\.json$/;

export class StateLeftovers {
  readonly #dir: string;

  constructor(options: { readonly stateDir: string }) {
    this.#dir = options.stateDir;
  }

  /** Of before that moment (ms since the epoch). Resolves to paths. */
  async find(before: number): Promise<readonly string[]> {
    const own = await findLeftovers(this.#dir, (name) => OWN.test(name) || isSecretId(name), before);
    const certificates = await findLeftovers(join(this.#dir, 'tls'), (name) => CERTIFICATE.test(name), before);
    const sealed = await findLeftovers(join(this.#dir, 'sealed'), isSealedName, before);
    const isAside = (name: string): boolean => readAsideName(name) !== undefined;
    const aside = await findLeftovers(join(this.#dir, 'sealed', '.aside'), isAside, before);
    return [...own, ...certificates, ...sealed, ...aside];
  }

  /** Removes them. Resolves to the paths. */
  async sweep(before: number): Promise<readonly string[]> {
    return removeLeftovers(await this.find(before));
  }
}
