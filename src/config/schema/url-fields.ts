// Leaves about HTTP: the provider's address and extra headers.

import { Leaf, isLine } from './leaf.ts';

const STRING = { type: 'string' } as const;

/** Not shown when refused: people paste URLs with a password in them. */
export const url = new Leaf<string>({
  expected: 'http or https URL',
  code: 'BAD_URL',
  json: { ...STRING, pattern: '^https?://' },
  parse: (value) => {
    if (!isLine(value, 2048) || /\s/.test(value) || !URL.canParse(value)) return undefined;
    const { protocol, username, password, search, hash, origin, pathname } = new URL(value);
    if (protocol !== 'http:' && protocol !== 'https:') return undefined;
    if (username !== '' || password !== '' || search !== '' || hash !== '') return undefined;
    return `${origin}${pathname
      .replace(/\/+$/, '')
      .replace(/\/api$/, '')
      .replace(/\/+$/, '')}`;
  },
});

export function isPlainHttp(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  const loopback =
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(\.\d+){3}$/.test(hostname);
  return protocol === 'http:' && !loopback;
}

const OWN_HEADERS = new Set([
  'authorization',
  'host',
  'cookie',
  'content-length',
  'content-type',
  'transfer-encoding',
  'connection',
]);

export const headerName = new Leaf<string>({
  expected: 'name of an HTTP header',
  code: 'BAD_HEADER',
  json: { ...STRING, pattern: '^[A-Za-z0-9][A-Za-z0-9-]*$' },
  visible: true,
  parse: (value) =>
    isLine(value, 128) && /^[A-Za-z0-9][A-Za-z0-9-]*$/.test(value) && !OWN_HEADERS.has(value.toLowerCase())
      ? value
      : undefined,
});
