// What says what Podman does by default: containers.conf and what is beside it, as it lies on the host.

import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Far more than anybody has of them. */
const MOST_FILES = 200;
const MOST_BYTES = 256 * 1024;

export type ContainersConfHost = {
  readonly uid: number;
  /** The user's own, such as ~/.config: Podman reads root's too. */
  readonly config: string;
  /** Podman's own, as far as they are PSI's too: CONTAINERS_CONF stands for all the rest, CONTAINERS_CONF_OVERRIDE comes last. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * In the order in which Podman reads them: the distribution's, the administrator's, the user's. What cannot be read says nothing. Podman 5
 * knows fewer of these folders than Podman 6; what lies in one of the others is of no use to anybody, and named all the same.
 */
export async function containersConf(
  { uid, config, env }: ContainersConfHost,
  read: (path: string) => Promise<Uint8Array>,
): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const { CONTAINERS_CONF: instead, CONTAINERS_CONF_OVERRIDE: last } = env;
  const folders = ['/usr/share', '/etc', config].map((folder) => join(folder, 'containers'));
  const layers = instead ? [[instead]] : await Promise.all(folders.map((folder) => layerOf(folder, uid)));
  const paths = [...layers.flat().slice(0, MOST_FILES), ...(last ? [last] : [])];
  const nothing = (): Uint8Array => new Uint8Array();
  const texts = await Promise.all(paths.map(async (path) => ({ path, bytes: await read(path).catch(nothing) })));
  return texts
    .filter(({ bytes }) => bytes.byteLength <= MOST_BYTES)
    .map(({ path, bytes }) => ({ path, text: new TextDecoder().decode(bytes) }));
}

/** The file itself and what is beside it, by the names of the files, whatever folder each lies in. */
async function layerOf(folder: string, uid: number): Promise<readonly string[]> {
  const users = ['containers.rootless.conf.d', join('containers.rootless.conf.d', String(uid))];
  const beside = ['containers.conf.d', ...(uid === 0 ? ['containers.rootful.conf.d'] : users)];
  const found = await Promise.all(beside.map((name) => confFiles(join(folder, name))));
  const sorted = found.flat().toSorted((a, b) => (basename(a) < basename(b) ? -1 : 1));
  return [join(folder, 'containers.conf'), ...sorted];
}

async function confFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((): readonly string[] => []);
  return names.filter((name) => name.endsWith('.conf')).map((name) => join(folder, name));
}
