// Port: certificate, key, chain and authority as files. Whoever reads them, and whenever PSI is killed, certificate and key belong together.
//
// Failure meaning: BAD_CERTIFICATE (what was handed in is no pair, cannot be read or is over: nothing was touched; `retry: later`: by this
// host's clock it is not valid yet, and nothing else is wrong), HOST (the file system
// refuses), CONFLICT (something is there that is no file, or the key would lie where others than root and its owner can put another in its place).

import type { PsiError } from '../core/error.ts';
import type { CertificateOutput, LeafFacts } from './certificate.ts';
import type { CertificateMaterial } from './certificate-authority.ts';

export type CertificateFiles = {
  /** Of what is in place; undefined: not all files are there, they are not laid out as PSI does it, or the key is another one's. */
  readonly inspect: (name: string, output: CertificateOutput) => Promise<LeafFacts | undefined>;
  /** Who else can change the folder that the key in place lies in, and what to do; undefined: nobody. It is renewed all the same. */
  readonly exposed: (name: string, output: CertificateOutput) => Promise<PsiError | undefined>;
  /** Checks the material, then puts all files in place in one step. Durable when it resolves. `now`: wall clock. */
  readonly replace: (
    name: string,
    output: CertificateOutput,
    material: CertificateMaterial,
    now: number,
  ) => Promise<LeafFacts>;
};
