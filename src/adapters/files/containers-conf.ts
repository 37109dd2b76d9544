// What says what Podman does by default: containers.conf and what is beside it, as it lies on the host.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Far more than anybody has of them. */
const MOST_FILES = 100;
const MOST_BYTES = 256 * 1024;

/** In the order in which Podman reads them, `folder` being that of containers.conf. What cannot be read says nothing. */
export async function containersConf(
  folder: string,
  read: (path: string) => Promise<Uint8Array>,
): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const beside = join(folder, 'containers.conf.d');
  const names = await readdir(beside).catch((): readonly string[] => []);
  const each = names
    .filter((name) => name.endsWith('.conf'))
    .toSorted()
    .slice(0, MOST_FILES);
  const paths = [join(folder, 'containers.conf'), ...each.map((name) => join(beside, name))];
  const nothing = (): Uint8Array => new Uint8Array();
  const texts = await Promise.all(paths.map(async (path) => ({ path, bytes: await read(path).catch(nothing) })));
  return texts
    .filter(({ bytes }) => bytes.byteLength <= MOST_BYTES)
    .map(({ path, bytes }) => ({ path, text: new TextDecoder().decode(bytes) }));
}
