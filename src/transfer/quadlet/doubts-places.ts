// Files that cannot be where they are to be: something else is mounted there, or none can be made.

import { printable } from '../../core/naming.ts';
import { claimOf, type SecretUse } from '../../core/workload.ts';
import { linesOf, type DoubtedUnit } from './doubted-unit.ts';

type Mounted = {
  readonly place: string;
  readonly path: string;
  /** What becomes of a file that is to be in it; undefined: nothing is amiss. */
  readonly fate?: ((file: string) => string) | undefined;
};

/** Where the kernel lets nobody make a file. */
const KERNEL: readonly Mounted[] = ['/proc', '/sys'].map((path) => ({
  place: '',
  path,
  fate: (file) => `the file ${file} cannot be made in ${path}: ${NO_START}`,
}));

/** What Podman mounts in each container, also over a secret. */
const PODMANS = ['/etc/hosts', '/etc/resolv.conf'];

/** Folders of each container: what Podman mounts lies in them. */
const FOLDERS = ['/dev', '/etc', '/proc', '/run', '/sys'];

export function badPlaces(of: DoubtedUnit, uses: readonly SecretUse[]): readonly string[] {
  const mounted = mountsOf(of);
  const files = uses.map(claimOf);
  return files.flatMap((target) => badPlace(target, mounted) ?? notAFile(target, mounted, files) ?? []);
}

/** What is mounted at the target, or around it: the nearest counts. */
function badPlace(target: string, mounted: readonly Mounted[]): string | undefined {
  const shown = printable(target);
  if (PODMANS.includes(target)) {
    return `podman mounts ${shown} itself: the container gets that, and not the secret; name another path with \`file\``;
  }
  const around = [...mounted, ...KERNEL].sort((a, b) => b.path.length - a.path.length);
  const nearest = around.find(({ path }) => isAtOrIn(target, path));
  if (!nearest) return undefined;
  const { place, path, fate } = nearest;
  if (target === path && place !== '') {
    return `${place}: it is mounted at ${shown} too: the container gets that, and not the secret; take one of the two out`;
  }
  return target === path ? undefined : fate?.(shown);
}

/** A path that has to be a folder: the container does not start. */
function notAFile(target: string, mounted: readonly Mounted[], files: readonly string[]): string | undefined {
  const shown = printable(target);
  if (FOLDERS.includes(target)) return `${shown} is a folder, and a secret is a file: ${NO_START}`;
  const below = mounted.find(({ path }) => path !== target && isAtOrIn(path, target));
  if (below)
    return `${below.place}: ${printable(below.path)} is mounted inside of ${shown}, which is to be a file: ${NO_START}`;
  const file = files.find((path) => path !== target && isAtOrIn(path, target));
  if (file === undefined) return undefined;
  return `the file ${printable(file)} is to be inside of ${shown}, which is a file too: ${NO_START}`;
}

const NO_START = 'the container does not start; name another path with `file`';

function isAtOrIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function mountsOf(of: DoubtedUnit): readonly Mounted[] {
  return [
    ...linesOf(of, 'Volume').map(({ text, place }) => volume(text, place)),
    ...linesOf(of, 'Tmpfs').map(({ text, place }) => ({ place, path: plainPath(text.replace(/:.*$/s, '')) })),
    ...linesOf(of, 'Mount').map(({ text, place }) => mount(text, place)),
  ].filter(({ path }) => path.length > 1);
}

/** `SOURCE:PATH:OPTIONS`, or the path alone. A volume of Podman's, unlike a folder of the host's, takes the file whatever its options are. */
function volume(text: string, place: string): Mounted {
  const parts = text.split(':');
  const [source = '', path = '', options = ''] = parts.length === 1 ? ['', ...parts] : parts;
  const at = { place, path: plainPath(path) };
  const isReadOnly = /^[/.]/.test(source) && options.split(',').includes('ro');
  return isReadOnly ? { ...at, fate: inFolder(at, source) } : at;
}

function mount(text: string, place: string): Mounted {
  const options = new Map(
    text.split(',').map((part): [string, string] => {
      const [key = '', ...value] = part.split('=');
      return [key, value.length === 0 ? 'true' : value.join('=')];
    }),
  );
  const first = (...keys: readonly string[]): string =>
    keys.map((key) => options.get(key)).find((one) => one !== undefined) ?? '';
  const at = { place, path: plainPath(first('destination', 'dst', 'target')) };
  const type = first('type') || 'volume';
  if (type === 'image') return options.get('rw') === 'true' ? at : { ...at, fate: inImage(at) };
  const isReadOnly = first('ro', 'readonly') === 'true' || options.get('rw') === 'false';
  return type === 'bind' && isReadOnly ? { ...at, fate: inFolder(at, first('source', 'src')) } : at;
}

function inImage({ place, path }: Mounted): Mounted['fate'] {
  return (file) =>
    `${place}: ${printable(path)} is mounted read-only: the container starts with the file ${file} only if the image has a file of that name`;
}

/** crun makes a mount read-only when all of them are there, runc at once. */
function inFolder({ place, path }: Mounted, source: string): Mounted['fate'] {
  return (file) =>
    `${place}: ${printable(path)} is mounted read-only: for the file ${file} an empty one is made in ${printable(source)} on the host, and where that cannot be (runc, a read-only file system) the container does not start; name another path with \`file\``;
}

function plainPath(path: string): string {
  return path.replace(/\/+$/, '');
}
