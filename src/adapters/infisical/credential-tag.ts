// A salted digest that tells whether two credentials are the same without holding either. Made for machine credentials of full
// entropy: a password would need a slow digest.

import { createHash, randomBytes } from 'node:crypto';
import { sameBytes } from '../../core/bytes.ts';
import type { SecretValue } from '../../core/secret-value.ts';

export function tagOf(credential: SecretValue, salt = randomBytes(16).toString('hex')): string {
  return `${salt}:${createHash('sha256').update(salt).update(credential.expose()).digest('hex')}`;
}

export function hasTag(credential: SecretValue, tag: string): boolean {
  return sameBytes(Buffer.from(tagOf(credential, tag.split(':')[0])), Buffer.from(tag));
}
