// Leaves that are paths: on this host, and folders at the provider. Normalised, without `..`.

import { parseFolder } from '../../core/secret-path.ts';
import { Leaf, LeafRefusal, isLine } from './leaf.ts';

const STRING = { type: 'string' } as const;

function pathLeaf(visible: boolean): Leaf<string> {
  return new Leaf<string>({
    expected: 'absolute path',
    code: 'BAD_PATH',
    json: { ...STRING, pattern: '^/' },
    visible,
    parse: (value) => (isLine(value) && value.startsWith('/') ? normalPath(value) : undefined),
  });
}

export const absolutePath = pathLeaf(true);

/** In a secret field: what stands there instead of a path may be the secret itself. */
export const hiddenPath = pathLeaf(false);

export const socketPath = new Leaf<string>({
  expected: 'absolute path of at most 107 bytes',
  code: 'BAD_PATH',
  json: { ...STRING, pattern: '^/' },
  visible: true,
  parse: (value) => {
    const path = isLine(value) && value.startsWith('/') ? normalPath(value) : undefined;
    if (path === undefined || path === '/') return undefined;
    return new TextEncoder().encode(path).length > 107 ? new LeafRefusal('SOCKET_PATH_TOO_LONG') : path;
  },
});

/** A folder at the provider. What else its server asks of a name is for the server to say: those of 2024 take any. */
export const folder = new Leaf<string>({
  expected: 'folder such as /myapp',
  code: 'BAD_FOLDER',
  json: { ...STRING, minLength: 1 },
  visible: true,
  meant: (text) => {
    const read = parseFolder(text);
    return typeof read === 'string' ? undefined : read.meant;
  },
  parse: (value) => {
    const read = typeof value === 'string' ? parseFolder(value) : undefined;
    return typeof read === 'string' ? read : undefined;
  },
});

// A comma ends an option of Podman's, and a line is trimmed of blanks that are none of ASCII.
const NO_TARGET = /,|(?! )\s|^ | $/;

/** Where a secret is mounted. What systemd splits words at needs an absolute path (registration/drop-in.ts). */
export const fileTarget = new Leaf<string>({
  expected: 'absolute path, or a name below /run/secrets',
  code: 'BAD_TARGET',
  json: { ...STRING, minLength: 1 },
  visible: true,
  parse: (value) => {
    if (!isLine(value) || NO_TARGET.test(value) || !value.isWellFormed()) return undefined;
    const path = normalPath(value);
    if (path === undefined || path === '/') return undefined;
    if (value.startsWith('/')) return path;
    return /[ "'\\`=]/.test(path) ? `/run/secrets${path}` : path.slice(1);
  },
});

function normalPath(path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.some((part) => part === '.' || part === '..') ? undefined : `/${parts.join('/')}`;
}
