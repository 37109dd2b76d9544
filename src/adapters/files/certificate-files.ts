// Certificate, key, chain and authority at the paths of the config, each a link into the store, so that one step replaces them all.
// Plain files that are there already are taken into the store first: at no moment does a reader find a certificate with another key.

import { lstat, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { CertificateOutput, LeafFacts } from '../../certificates/certificate.ts';
import { PsiError } from '../../core/error.ts';
import type { CertificateMaterial } from '../../certificates/certificate-authority.ts';
import type { CertificateFiles } from '../../certificates/certificate-files.ts';
import { sameBytes } from '../../core/bytes.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { CertificateLayout, fileName, isNothing, leadsTo, linkTo, type OutputFile } from './certificate-layout.ts';
import { checkMaterial, factsOfPair, type CertificateTexts } from './certificate-pair.ts';
import { pointTo, tidyBeside, type CertificateStore, type StoredFile } from './certificate-store.ts';
import { readPlainFile, type FileFound } from './held-folder.ts';
import { errnoOf, fileError } from './host-error.ts';

export class CertificateFileSystem implements CertificateFiles {
  async inspect(name: string, output: CertificateOutput): Promise<LeafFacts | undefined> {
    return looking(output, () =>
      CertificateLayout.use(name, output, { make: false }, async (layout) => {
        const store = await layout.inPlace();
        if (!store) return undefined;
        for (const one of layout.outputs) if (!(await shows(one, store, layout))) return undefined;
        // Both of one version, even if a run replaces them meanwhile.
        const version = join(store.folder, await readlink(join(store.folder, 'current')));
        const [cert, key] = await Promise.all(
          [fileName('cert'), fileName('key')].map((file) => readPlainFile(join(version, file), layout.trusted)),
        );
        return cert && key && factsOfPair(textOf(cert), textOf(key));
      }),
    );
  }

  async exposed(name: string, output: CertificateOutput): Promise<PsiError | undefined> {
    return looking(output, () => CertificateLayout.use(name, output, { make: false }, (layout) => layout.exposed()));
  }

  async replace(
    name: string,
    output: CertificateOutput,
    material: CertificateMaterial,
    now: number,
  ): Promise<LeafFacts> {
    const { facts, texts } = checkMaterial(material, now);
    try {
      await CertificateLayout.use(name, output, { make: true }, async (layout) => {
        const before = await layout.inPlace();
        const { store, isNew } = layout.place();
        const copied = layout.copiedFrom(store);
        if (isNew) await store.prepare(layout.trusted);
        await adopt(store, layout, before);
        await store.put(await versionOf(store, layout, output, texts));
        await store.tidy();
        for (const one of copied) await copy(one, texts[one.role] ?? '', output);
        for (const { at } of layout.outputs) await tidyBeside(at);
        // The certificate is in place whatever becomes of the old store.
        if (before && before.real !== store.real) await layout.leave(before).catch(() => undefined);
      });
      return facts;
    } catch (error) {
      throw fileError('write the certificate', output.cert, error);
    }
  }
}

async function looking<T>(output: CertificateOutput, look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isNothing(error)) return undefined;
    throw fileError('look at the certificate', output.cert, error);
  }
}

/** Does a reader find at the path what is in the store? */
async function shows(one: OutputFile, store: CertificateStore, layout: CertificateLayout): Promise<boolean> {
  if (!layout.copiedFrom(store).includes(one)) return (await leadsTo(one, store)) && (await stat(one.at)).isFile();
  const [seen, stored] = await Promise.all(
    [one.at, store.path(fileName(one.role))].map((path) => readPlainFile(path, layout.trusted)),
  );
  return seen !== undefined && stored !== undefined && sameBytes(seen.data, stored.data);
}

/** Makes each output a link into the store without any reader noticing. */
async function adopt(
  store: CertificateStore,
  layout: CertificateLayout,
  before: CertificateStore | undefined,
): Promise<void> {
  const missing: OutputFile[] = [];
  // Of a copy the store has the original.
  const copied = before?.real === store.real ? layout.copiedFrom(store) : [];
  let foreign = false;
  for (const one of layout.outputs) {
    const found = await linkAt(one);
    if (found === linkTo(store, one) || (await leadsTo(one, store))) continue;
    missing.push(one);
    foreign ||= found !== undefined && !copied.includes(one);
  }
  // What readers see now becomes the version that counts; then a link in place of a file shows the same.
  if (foreign) await store.put(await visible(store, layout, before));
  for (const one of missing) {
    layout.mayWrite(one);
    await pointTo(one.at, linkTo(store, one));
  }
}

async function visible(
  store: CertificateStore,
  layout: CertificateLayout,
  before: CertificateStore | undefined,
): Promise<readonly StoredFile[]> {
  const files: StoredFile[] = [];
  for (const one of layout.outputs) {
    const name = fileName(one.role);
    // A link in a folder of others is followed only into the store that the outputs lead to.
    const path = before && (await leadsTo(one, before)) ? before.path(name) : one.path;
    // Nothing at a path stays nothing: what the store holds may be no match for the files that are there.
    const file = await readPlainFile(path, layout.trusted);
    if (file) files.push(storedAs(name, file));
  }
  for (const role of ['ca'] as const) {
    if (layout.outputs.some((one) => one.role === role)) continue;
    const file = await readPlainFile(store.path(fileName(role)), layout.trusted);
    if (file) files.push(storedAs(fileName(role), file));
  }
  return files;
}

function textOf({ data }: FileFound): string {
  return Buffer.from(data).toString('utf8');
}

function storedAs(name: string, { data, mode, uid, gid }: FileFound): StoredFile {
  return { name, data, mode, owner: ownerOf(uid, gid) };
}

/** Undefined: whoever writes. */
function ownerOf(uid: number, gid: number): StoredFile['owner'] {
  return uid === process.geteuid?.() && gid === process.getegid?.() ? undefined : { uid, gid };
}

/**
 * Owners stay as they are, and so does a key that its group may read: a server that reads it so has been given it once. Of the key only where
 * nobody else could have put it there.
 */
async function versionOf(
  store: CertificateStore,
  layout: CertificateLayout,
  output: CertificateOutput,
  texts: CertificateTexts,
): Promise<readonly StoredFile[]> {
  const files: StoredFile[] = [];
  for (const { role } of layout.outputs) {
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
    const before = role === 'key' ? layout.key : await readPlainFile(store.path(name), layout.trusted);
    const mode = role === 'key' ? 0o600 | ((before?.mode ?? 0) & 0o040) : parseInt(output.mode, 8);
    files.push({ name, data: Buffer.from(text), mode, owner: before && ownerOf(before.uid, before.gid) });
  }
  return files;
}

/** For readers who cannot pass through the folder of the key: they never read the key, and so see no pair that does not match. */
async function copy(one: OutputFile, text: string, output: CertificateOutput): Promise<void> {
  await writeFileAtomic(one.at, text, { mode: parseInt(output.mode, 8) });
}

/** Where a link leads; `''` for anything else that is there, undefined for nothing. */
async function linkAt({ at, path }: OutputFile): Promise<string | undefined> {
  try {
    const found = await lstat(at);
    if (found.isSymbolicLink()) return await readlink(at);
    if (found.isFile()) return '';
    throw new PsiError('CONFLICT', `${path} is there and no file`, {
      hint: `look at it with \`ls -ld ${path}\`, move it away or change \`output\``,
    });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
