// Makes and checks JWTs with node:crypto alone: the second implementation beside whatever the product uses.
import { createHmac, createSign, createVerify, timingSafeEqual, type KeyObject } from 'node:crypto';

export type Claims = Readonly<Record<string, unknown>>;

/** A secret signs with HS256, a private RSA key with RS256. */
export function mintJwt(claims: Claims, key: string | KeyObject, header: Claims = {}): string {
  const head = `${encode({ alg: typeof key === 'string' ? 'HS256' : 'RS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  const signature =
    typeof key === 'string'
      ? createHmac('sha256', key).update(head).digest('base64url')
      : createSign('RSA-SHA256').update(head).sign(key, 'base64url');
  return `${head}.${signature}`;
}

/** Claims and header of a JWT that this key signed; what is wrong with it otherwise, in the words of the usual library. */
export function verifyJwt(
  jwt: string,
  key: string | KeyObject,
  now: number,
): { readonly claims: Claims; readonly header: Claims } | { readonly wrong: string } {
  const [header = '', payload = '', signature = '', ...more] = jwt.split('.');
  if (payload === '' || signature === '' || more.length > 0) return { wrong: 'jwt malformed' };
  const head = `${header}.${payload}`;
  if (!isSigned(head, Buffer.from(signature, 'base64url'), key)) return { wrong: 'invalid signature' };
  const claims = decode(payload);
  const exp = claims['exp'];
  if (typeof exp === 'number' && exp * 1000 <= now) return { wrong: 'jwt expired' };
  return { claims, header: decode(header) };
}

function isSigned(head: string, signature: Buffer, key: string | KeyObject): boolean {
  if (typeof key !== 'string') return createVerify('RSA-SHA256').update(head).verify(key, signature);
  const expected = createHmac('sha256', key).update(head).digest();
  return expected.length === signature.length && timingSafeEqual(expected, signature);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): Claims {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Claims;
}
