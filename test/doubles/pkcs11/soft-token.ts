// A soft token for tests: NSS softokn, which knows RSA-OAEP with SHA-256 (SoftHSM 2.6 does not), behind the shim, which misbehaves on request
// and counts calls.

import { execFile } from 'node:child_process';
import { existsSync, watch } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { TokenTarget } from '../../../src/sealing/token-target.ts';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const TREE = here('../../..');
const HEADERS = join(TREE, 'node_modules/pkcs11js/includes/pkcs11');

const SOFTOKN = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '../lib64']
  .flatMap((folder) => [`/usr/lib/${folder}/libsoftokn3.so`, `/usr/lib/${folder}/nss/libsoftokn3.so`])
  .find(existsSync);

/** Why there can be no soft token here; undefined if there can. */
export const noSoftToken: string | undefined =
  SOFTOKN === undefined
    ? 'no libsoftokn3.so: install libnss3 (Debian) or nss-softokn (Fedora)'
    : existsSync(join(TREE, 'node_modules/pkcs11js/build/Release/pkcs11.node'))
      ? undefined
      : 'pkcs11js is not built: npm run setup';

export const LABEL = 'PSI test token';
export const PIN = 'canary-pin-1234';

export type SoftToken = {
  readonly target: TokenTarget;
  /** A place for what belongs to the test. */
  readonly dir: string;
  /** Lines of the shim (see shim.c); they hold until the next call. */
  readonly faults: (...lines: readonly string[]) => Promise<void>;
  /**
   * Each call of that function answers only when the returned function is called (or the token disposed of): as slow as it takes, and the
   * test need not be.
   */
  readonly hold: (name: string) => Promise<() => Promise<void>>;
  /** How often a function of the module was called since the last `forget`. */
  readonly calls: (name: string) => Promise<number>;
  readonly forget: () => Promise<void>;
  /** Resolves as soon as that function has been called. */
  readonly untilCalled: (name: string) => Promise<void>;
  readonly dispose: () => Promise<void>;
};

export async function softToken(
  options: { readonly keys?: readonly string[]; readonly bits?: number } = {},
): Promise<SoftToken> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-token-'));
  const shim = join(dir, 'shim');
  const [calls, faults, held] = [join(shim, 'calls'), join(shim, 'faults'), join(shim, 'hold')];
  const module = join(dir, 'shim.so');
  await Promise.all([mkdir(shim), mkdir(join(dir, 'db'))]);
  const defines = [`-DSHIM_TARGET="${String(SOFTOKN)}"`, `-DSHIM_DIR="${shim}"`];
  await run('cc', [
    '-shared',
    '-fPIC',
    '-Wall',
    '-Werror',
    '-I',
    HEADERS,
    ...defines,
    '-o',
    module,
    here('shim.c'),
    '-ldl',
  ]);
  const libraryParameters = `configdir='sql:${join(dir, 'db')}' certPrefix='' keyPrefix='' secmod='secmod.db' flags= dbTokenDescription='${LABEL}'`;
  const { keys = ['psi'], bits = 2048 } = options;
  await run(process.execPath, [here('provision.ts'), module, libraryParameters, PIN, String(bits), ...keys], {
    cwd: TREE,
  });
  const setFaults = (...lines: readonly string[]): Promise<void> =>
    writeFile(faults, lines.map((line) => `${line}\n`).join(''));
  const token: SoftToken = {
    dir,
    target: {
      module,
      libraryParameters,
      token: { label: LABEL, serial: undefined, slot: undefined },
      key: { label: 'psi', id: undefined },
    },
    faults: setFaults,
    hold: async (name) => {
      await writeFile(held, '');
      await setFaults(`${name} 1 9999999 hold 0`);
      return async () => {
        await setFaults();
        await rm(held, { force: true });
      };
    },
    calls: async (name) => (await readFile(calls, 'utf8')).split('\n').filter((line) => line === name).length,
    forget: () => writeFile(calls, ''),
    untilCalled: (name) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          token.calls(name).then((count) => {
            if (count === 0) return;
            watcher.close();
            resolve();
          }, reject);
        };
        const watcher = watch(shim, look);
        look();
      }),
    dispose: () => rm(dir, { recursive: true }),
  };
  await token.forget();
  return token;
}

/** Puts the RSA key of a PEM file into it, beside those that it made. */
export async function importKey(
  token: SoftToken,
  key: { readonly file: string; readonly label: string; readonly id: string },
): Promise<void> {
  const { module, libraryParameters = '' } = token.target;
  const argv = [here('import-key.ts'), module, libraryParameters, PIN, key.file, key.label, key.id];
  await run(process.execPath, argv, { cwd: TREE });
}
