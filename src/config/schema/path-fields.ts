// Leaves that are paths: on this host, and folders at the provider. Normalised, without `..`.

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

/** A folder at the provider: the leading slash may be missing, as the Python PSI sent it on as it was. */
export const folder = new Leaf<string>({
  expected: 'folder such as /myapp',
  code: 'BAD_FOLDER',
  json: { ...STRING, minLength: 1 },
  visible: true,
  parse: (value) => (isLine(value, 1024) ? normalPath(`/${value}`) : undefined),
});

function normalPath(path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.some((part) => part === '.' || part === '..') ? undefined : `/${parts.join('/')}`;
}
