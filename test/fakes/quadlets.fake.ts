// The quadlets of a host, by unit. `failWith`: nobody can tell.

import type { PsiError } from '../../src/core/error.ts';
import type { QuadletFile, Quadlets } from '../../src/registration/quadlets.ts';

export class FakeQuadlets implements Quadlets {
  readonly units = new Set<string>();
  /** Paths of `.kube` and `.pod` files, by the unit that is not there. */
  readonly namesakes = new Map<string, string>();
  failWith: PsiError | undefined;

  /** By unit; of others a text that says nothing. */
  readonly texts = new Map<string, string>();

  list(): Promise<readonly QuadletFile[]> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    const units = [...this.units].sort();
    return Promise.resolve(
      units.map((unit) => {
        return { unit, path: `/etc/containers/systemd/${unit}`, text: this.texts.get(unit) ?? '[Container]\n' };
      }),
    );
  }

  find(unit: string): Promise<string | undefined> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    return Promise.resolve(this.units.has(unit) ? `/etc/containers/systemd/${unit} is there` : undefined);
  }

  namesake(unit: string): Promise<string | undefined> {
    return Promise.resolve(this.namesakes.get(unit));
  }
}
