// What a backend says of itself, as plain data for `psi cache status`, `psi cache init` and `psi hsm …`. Nothing secret.

import { sameBytes } from '../core/bytes.ts';
import { PsiError } from '../core/error.ts';
import { SecretValue } from '../core/secret-value.ts';
import type { Check } from './backends.ts';
import type { Backend, KeyWrapper, WrapperStatus } from './key-wrapper.ts';
import { failureOf, type Failure } from '../core/failure.ts';

export type KeyCheck = { readonly name: string; readonly found: string; readonly problem: Failure | null };

export type KeyReport = {
  readonly backend: Backend;
  /** The device as the operator named it; null where only the checks name it. */
  readonly device: string | null;
  readonly checks: readonly KeyCheck[];
  readonly problem: Failure | null;
};

export function keyReport(backend: Backend, { device, facts, problem }: WrapperStatus): KeyReport {
  const checks = [...facts].map(([name, found]) => ({ name, found, problem: null }));
  return { backend, device, checks, problem: problem ? failureOf(problem) : null };
}

/** The lines of a preflight: the device stands in one of them. */
export function preflightReport(backend: Backend, checks: readonly Check[]): KeyReport {
  const lines = checks.map(({ name, found, problem }) => ({
    name,
    found,
    problem: problem ? failureOf(problem) : null,
  }));
  return { backend, device: null, checks: lines, problem: null };
}

/** Wraps a key that protects nothing and opens it again: what the cache will do. `random` gives that many random bytes. */
export async function tryKey(keys: KeyWrapper, random: (bytes: number) => Uint8Array): Promise<KeyReport> {
  const bytes = random(32);
  const back = (await keys.unwrap(await keys.wrap(new SecretValue(bytes)))).expose();
  if (!sameBytes(back, bytes))
    throw new PsiError('INTERNAL', `the ${keys.backend} gave back another key than it was given`);
  const report = keyReport(keys.backend, await keys.describe());
  return { ...report, checks: [...report.checks, { name: 'wrap and unwrap', found: 'works', problem: null }] };
}
