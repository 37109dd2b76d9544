// Single fields of what a request brings.

import { PsiError } from '../../core/error.ts';

export function fieldOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>)[name] : undefined;
}

export function textOf(body: unknown, name: string): string {
  const value = fieldOf(body, name);
  if (typeof value === 'string' && value !== '') return value;
  throw new PsiError('BAD_REQUEST', `${name} must be text`);
}
