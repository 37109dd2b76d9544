// Whom one PSI serves: the whole host (run by root), or one user's containers.

export type Scope = 'system' | 'user';

export function scopeOf(uid: number): Scope {
  return uid === 0 ? 'system' : 'user';
}
