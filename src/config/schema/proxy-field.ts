// The proxy that a provider is reached through: its address, the word that says there is none, or where an address with a password is
// read from.

import * as t from 'io-ts';
import type { SecretField } from '../../core/secret-field.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { isLine, Leaf } from './leaf.ts';
import { secretReferences, toSecretField } from './secret-field.ts';

/** Not shown when refused: it may hold a password. */
const proxyText = new Leaf<SecretValue | 'none'>({
  expected: 'http or https URL of a proxy, or none',
  code: 'BAD_PROXY',
  json: { type: 'string', pattern: '^(?:none|[hH][tT][tT][pP][sS]?://.+)$' },
  parse: (value) => {
    if (value === 'none') return value;
    if (!isLine(value, 2048) || /\s/.test(value) || !URL.canParse(value)) return undefined;
    const { protocol, pathname, search, hash } = new URL(value);
    if (protocol !== 'http:' && protocol !== 'https:') return undefined;
    return pathname === '/' && search === '' && hash === '' ? SecretValue.fromText(value) : undefined;
  },
});

export const proxyField = t.union(
  [proxyText, ...secretReferences],
  'http or https URL of a proxy, none, {file: PATH}, {env: NAME} or {credential: NAME}',
);

export function toProxySetting(raw: t.TypeOf<typeof proxyField>): 'none' | SecretField {
  return raw === 'none' ? raw : toSecretField(raw);
}
