// Base64 as people store binary values in a secrets manager: padded, wrapped or not. Pure.

import { SecretValue } from './secret-value.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** undefined: it is something else. */
export function decodeBase64(value: SecretValue): SecretValue | undefined {
  const text = value.exposeExactText()?.replace(/[ \t\r\n]+/g, '');
  if (text === undefined || !BASE64.test(text)) return undefined;
  return new SecretValue(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
}
