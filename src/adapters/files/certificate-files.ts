// Certificate, key, chain and authority at the paths of the config, each a link into the store, so that one step replaces them all.
// Plain files that are there already are taken into the store first: at no moment does a reader find a certificate with another key.

import { lstat, mkdir, readFile, readlink, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import type { CertificateOutput, LeafFacts } from '../../certificates/certificate.ts';
import { PsiError } from '../../core/error.ts';
import type { CertificateMaterial } from '../../certificates/certificate-authority.ts';
import type { CertificateFiles } from '../../certificates/certificate-files.ts';
import { checkMaterial, factsOfPair, type CertificateTexts } from './certificate-pair.ts';
import { CertificateStore, pointTo, tidyBeside, type StoredFile } from './certificate-store.ts';
import { errnoOf, fileError } from './host-error.ts';

const ROLES = ['cert', 'key', 'chain', 'ca'] as const;
type Role = (typeof ROLES)[number];

export class CertificateFileSystem implements CertificateFiles {
  async inspect(name: string, output: CertificateOutput): Promise<LeafFacts | undefined> {
    const store = storeOf(name, output);
    try {
      for (const [role, path] of outputs(output)) {
        if ((await linkAt(path)) !== linkTarget(store, role, path)) return undefined;
        await stat(path);
      }
      // Both of one version, even if a run replaces them meanwhile.
      const version = join(store.folder, await readlink(join(store.folder, 'current')));
      const [cert, key] = await Promise.all(
        [fileName('cert'), fileName('key')].map((file) => readFile(join(version, file), 'utf8')),
      );
      return factsOfPair(cert ?? '', key ?? '');
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'EISDIR') return undefined;
      throw fileError('look at the certificate', output.cert, error);
    }
  }

  async replace(
    name: string,
    output: CertificateOutput,
    material: CertificateMaterial,
    now: number,
  ): Promise<LeafFacts> {
    const { facts, texts } = checkMaterial(material, now);
    const store = storeOf(name, output);
    try {
      await store.prepare();
      await adopt(store, output);
      await store.put(await versionOf(store, output, texts));
      await store.tidy();
      for (const [, path] of outputs(output)) await tidyBeside(path);
      return facts;
    } catch (error) {
      throw fileError('write the certificate', output.cert, error);
    }
  }
}

/** Beside the certificate, which everybody may read; the key's folder is often closed to those who read certificates alone. */
function storeOf(name: string, output: CertificateOutput): CertificateStore {
  return new CertificateStore(join(dirname(output.cert), `.psi-${name}`));
}

function fileName(role: Role): string {
  return `${role}.pem`;
}

function outputs(output: CertificateOutput): readonly (readonly [Role, string])[] {
  return ROLES.flatMap((role) => {
    const path = output[role];
    return path === undefined ? [] : [[role, path] as const];
  });
}

/** Relative, so that a folder may be mounted elsewhere. */
function linkTarget(store: CertificateStore, role: Role, path: string): string {
  return relative(dirname(path), store.path(fileName(role)));
}

/** Makes each output a link into the store without any reader noticing. */
async function adopt(store: CertificateStore, output: CertificateOutput): Promise<void> {
  const missing: (readonly [string, string])[] = [];
  let foreign = false;
  for (const [role, path] of outputs(output)) {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    const target = linkTarget(store, role, path);
    const found = await linkAt(path);
    if (found === target) continue;
    missing.push([path, target]);
    foreign ||= found !== undefined;
  }
  // What readers see now becomes the version that counts; then a link in place of a file shows the same.
  if (foreign) await store.put(await visible(store, output));
  for (const [path, target] of missing) await pointTo(path, target);
}

async function visible(store: CertificateStore, output: CertificateOutput): Promise<readonly StoredFile[]> {
  const files: StoredFile[] = [];
  for (const role of ROLES) {
    const path = output[role];
    const name = fileName(role);
    // Nothing at a path stays nothing: what the store holds may be no match for the files that are there.
    const file = await fileAt(path ?? store.path(name), name);
    if (file) files.push(file);
  }
  return files;
}

/** Owners stay as they are: a server that may read its key only as its owner has been given it once. */
async function versionOf(
  store: CertificateStore,
  output: CertificateOutput,
  texts: CertificateTexts,
): Promise<readonly StoredFile[]> {
  const files: StoredFile[] = [];
  for (const [role] of outputs(output)) {
    const text = texts[role];
    if (text === undefined) {
      throw new PsiError(
        'BAD_CERTIFICATE',
        'what the authority handed out cannot be used: it does not tell its issuer',
        {
          hint: 'leave `ca` out of the certificate in the config, or have the profile hand out the chain',
        },
      );
    }
    const name = fileName(role);
    const owner = (await fileAt(store.path(name), name))?.owner;
    files.push({ name, data: Buffer.from(text), mode: role === 'key' ? 0o600 : parseInt(output.mode, 8), owner });
  }
  return files;
}

/** Undefined: there is none. */
async function fileAt(path: string, name: string): Promise<StoredFile | undefined> {
  try {
    const [data, { uid, gid, mode }] = await Promise.all([readFile(path), stat(path)]);
    const ours = uid === process.geteuid?.() && gid === process.getegid?.();
    return { name, data, mode: mode & 0o777, owner: ours ? undefined : { uid, gid } };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Where a link leads; `''` for anything else that is there, undefined for nothing. */
async function linkAt(path: string): Promise<string | undefined> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return await readlink(path);
    if (found.isFile()) return '';
    throw new PsiError('CONFLICT', `${path} is there and no file`, {
      hint: `look at it with \`ls -ld ${path}\`, move it away or change \`output\``,
    });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
