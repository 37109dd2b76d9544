// Secrets that a quadlet keeps from working: who the container runs as, what else claims the same variable or file, and what is mounted over
// or around it. Said before the container starts, because Podman says none of it, or only at the start.

import { dropInFileName } from '../../registration/drop-in.ts';
import { printable } from '../../core/naming.ts';
import { claimOf, type SecretUse } from '../../core/workload.ts';
import type { QuadletDoubts } from '../../registration/quadlet-doubts.ts';
import type { QuadletFiles } from './quadlet-files.ts';
import { mergedUnit } from './read.ts';
import { parseSecretOption } from './secret-option.ts';
import { expand, type UnitHost, type UnitNames } from './specifiers.ts';
import { liveLines, type LiveLine, type QuadletUnit } from './unit.ts';

export type DoubtedUnit = { readonly unit: QuadletUnit; readonly names: UnitNames };

export type DoubtsDeps = {
  readonly files: Pick<QuadletFiles, 'read'> & {
    /** Where the quadlet of this name lies, or would. */
    readonly pathOf: (unit: string) => Promise<string>;
  };
  readonly manager: UnitHost;
};

export function quadletDoubts({ files, manager }: DoubtsDeps): QuadletDoubts {
  return { of: async (unit, uses) => doubtsOf(await mergedUnit(files, await files.pathOf(unit), manager), uses) };
}

/** One line for each; `uses` are those of PSI's own drop-in. */
export function doubtsOf(of: DoubtedUnit, uses: readonly SecretUse[]): readonly string[] {
  const files = uses.filter(({ kind }) => kind === 'mount');
  return [...new Set([...otherClaims(of, uses), ...shutOut(of, files), ...badPlaces(of, files)])];
}

/** Podman gives the container the last of two, without a word. */
function otherClaims({ unit, names }: DoubtedUnit, uses: readonly SecretUse[]): readonly string[] {
  const own = dropInFileName(fileName(unit.parts[0]?.file.path ?? ''));
  const claims = new Set(uses.map(claimOf));
  return liveLines(unit, 'Secret').flatMap((at) =>
    at.words.flatMap((word) => {
      const option = parseSecretOption(expand(word.text, names).text ?? '');
      if (!option || !claims.has(claimOf(option.use))) return [];
      const later = at.file !== unit.parts[0]?.file && fileName(at.file.path) > own;
      const what = `${option.kind === 'env' ? 'the variable' : 'the file'} ${printable(claimOf(option.use))}`;
      const which = later ? `that one, and not psi's` : "psi's, and not that one";
      return [
        `${at.place}: ${what} comes from podman's secret ${printable(option.name)} too: the container gets ${which}; take one of the two out`,
      ];
    }),
  );
}

type User = {
  readonly place: string;
  readonly text: string;
  /** undefined: a name, whose number is the image's. */
  readonly uid: number | undefined;
  readonly groups: ReadonlySet<number>;
};

function shutOut(of: DoubtedUnit, files: readonly SecretUse[]): readonly string[] {
  const user = userOf(of);
  if (!user) return [];
  return files.flatMap((file) => {
    const { mode = '0444', uid = 0, gid = 0 } = file;
    if (mayRead(user, Number.parseInt(mode, 8), uid, gid)) return [];
    const whose = `mode ${mode} of ${String(uid)}:${String(gid)}`;
    return [
      `${user.place}: User=${printable(user.text)} may not read the file ${printable(claimOf(file))} (${whose}): give it \`uid\` or \`gid\`, or a mode with which others read it`,
    ];
  });
}

/** Yes where it cannot be told: a name may be any number, and an image may put a user into any group. */
function mayRead(user: User, mode: number, uid: number, gid: number): boolean {
  if (user.uid === uid) return (mode & 0o400) !== 0;
  if (user.uid === undefined && uid !== 0) return (mode & 0o444) !== 0;
  return (
    (mode & 0o004) !== 0 || ((mode & 0o040) !== 0 && (gid !== 0 || user.groups.size === 0 || user.groups.has(gid)))
  );
}

/** undefined: root, who reads everything, or nobody knows. */
function userOf(of: DoubtedUnit): User | undefined {
  const given = lastOf(of, 'User');
  const [name = '', group] = given?.text.split(':') ?? [];
  if (!given || name === '' || name === 'root' || name === '0') return undefined;
  const groups = [group, lastOf(of, 'Group')?.text].flatMap(numbersIn);
  return { place: given.place, text: name, uid: numbersIn(name)[0], groups: new Set(groups) };
}

function numbersIn(text: string | undefined): readonly number[] {
  return text !== undefined && /^\d{1,10}$/.test(text) ? [Number(text)] : [];
}

type Mounted = { readonly place: string; readonly path: string; readonly readOnly: boolean };

/** Where the kernel lets nobody make a file. */
const KERNEL: readonly Mounted[] = ['/proc', '/sys'].map((path) => ({ place: '', path, readOnly: true }));

function badPlaces(of: DoubtedUnit, files: readonly SecretUse[]): readonly string[] {
  const mounted = [...mountsOf(of), ...KERNEL].sort((a, b) => b.path.length - a.path.length);
  return files.flatMap((file) => {
    const target = claimOf(file);
    const around = mounted.find(({ path }) => target === path || target.startsWith(`${path}/`));
    if (!around) return [];
    const { place, path, readOnly } = around;
    const shown = printable(target);
    if (target === path) {
      return place === ''
        ? []
        : [`${place}: it is mounted at ${shown}, where a secret is to be: only one of the two can`];
    }
    if (!readOnly) return [];
    if (place === '') return [`the file ${shown} cannot be made in ${path}: name another path with \`file\``];
    return [
      `${place}: ${printable(path)} is mounted read-only: the container starts with the file ${shown} only if a file of that name is in it`,
    ];
  });
}

function mountsOf(of: DoubtedUnit): readonly Mounted[] {
  return [
    ...linesOf(of, 'Volume').map(({ text, place }) => volume(text, place)),
    ...linesOf(of, 'Tmpfs').map(({ text, place }) => volume(`:${text}`, place)),
    ...linesOf(of, 'Mount').map(({ text, place }) => mount(text, place)),
  ].filter(({ path }) => path.length > 1);
}

/** `SOURCE:PATH:OPTIONS`, or the path alone. */
function volume(text: string, place: string): Mounted {
  const parts = text.split(':');
  const [path = '', options = ''] = parts.length === 1 ? parts : parts.slice(1);
  return { place, path: plainPath(path), readOnly: options.split(',').includes('ro') };
}

function mount(text: string, place: string): Mounted {
  const options = new Map(
    text.split(',').map((part): [string, string] => {
      const [key = '', ...value] = part.split('=');
      return [key, value.length === 0 ? 'true' : value.join('=')];
    }),
  );
  const path = ['destination', 'dst', 'target'].map((key) => options.get(key)).find((one) => one !== undefined) ?? '';
  const readOnly = ['ro', 'readonly'].some((key) => options.get(key) === 'true') || options.get('rw') === 'false';
  return { place, path: plainPath(path), readOnly };
}

function plainPath(path: string): string {
  return path.replace(/\/+$/, '');
}

type Text = { readonly text: string; readonly place: string };

function linesOf({ unit, names }: DoubtedUnit, key: string): readonly Text[] {
  return liveLines(unit, key).flatMap((at) => {
    const text = textOf(at, names);
    return text === undefined ? [] : [{ text, place: at.place }];
  });
}

function lastOf(of: DoubtedUnit, key: string): Text | undefined {
  return linesOf(of, key).at(-1);
}

/** undefined: what systemd makes of it is not sure. */
function textOf(at: LiveLine, names: UnitNames): string | undefined {
  return at.words[0] === undefined ? undefined : expand(at.words[0].text, names).text;
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
