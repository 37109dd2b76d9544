// Files, folders and links of a host, in memory.

import { PsiError } from '../../src/core/error.ts';
import type { HostEntry } from '../../src/host/host-tree.ts';
import type { HostFiles } from '../../src/host/host-files.ts';

export class FakeHostFiles implements HostFiles {
  readonly texts = new Map<string, string>();
  readonly modes = new Map<string, number>();
  readonly links = new Map<string, string>();
  /** Paths in the order they were changed. */
  readonly changes: string[] = [];

  read(path: string): Promise<string | undefined> {
    return Promise.resolve(this.texts.get(path));
  }

  list(folder: string): Promise<readonly HostEntry[]> {
    const entries = new Map<string, HostEntry>();
    for (const path of [...this.texts.keys(), ...this.links.keys()]) {
      if (!path.startsWith(`${folder}/`)) continue;
      const [name = '', ...below] = path.slice(folder.length + 1).split('/');
      const target = this.links.get(path);
      const kind = below.length > 0 ? 'folder' : target === undefined ? 'file' : 'link';
      entries.set(name, { name, kind, target: kind === 'link' ? target : undefined });
    }
    return Promise.resolve([...entries.values()]);
  }

  write(path: string, text: string, mode: number): Promise<void> {
    this.texts.set(path, text);
    this.modes.set(path, mode);
    this.changes.push(path);
    return Promise.resolve();
  }

  folder(path: string, mode: number): Promise<'created' | 'tightened' | 'unchanged'> {
    const found = this.modes.get(path);
    if (found !== undefined && (found & ~mode) === 0) return Promise.resolve('unchanged');
    this.modes.set(path, found === undefined ? mode : found & mode);
    this.changes.push(path);
    return Promise.resolve(found === undefined ? 'created' : 'tightened');
  }

  hasFolder(path: string): Promise<boolean> {
    const inside = [...this.texts.keys()].some((one) => one.startsWith(`${path}/`));
    return Promise.resolve(inside || (this.modes.has(path) && !this.texts.has(path)));
  }

  link(path: string, target: string): Promise<'created' | 'unchanged'> {
    if (this.texts.has(path)) return Promise.reject(new PsiError('CONFLICT', `${path} is there and no symbolic link`));
    if (this.links.get(path) === target) return Promise.resolve('unchanged');
    this.links.set(path, target);
    this.changes.push(path);
    return Promise.resolve('created');
  }
}
