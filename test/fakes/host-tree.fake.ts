// Folders of a host in memory: files with their text, links with where they lead.

import type { HostEntry, HostTree } from '../../src/host/host-tree.ts';

export class FakeHostTree implements HostTree {
  readonly files = new Map<string, string>();
  readonly links = new Map<string, string>();
  /** Folders that are there with nothing in them. */
  readonly empty = new Set<string>();

  list(folder: string): Promise<readonly HostEntry[]> {
    const entries = new Map<string, HostEntry>();
    for (const path of [...this.files.keys(), ...this.links.keys()]) {
      if (!path.startsWith(`${folder}/`)) continue;
      const [name = '', ...below] = path.slice(folder.length + 1).split('/');
      const target = this.links.get(path);
      const kind = below.length > 0 ? 'folder' : target === undefined ? 'file' : 'link';
      entries.set(name, { name, kind, target: kind === 'link' ? target : undefined });
    }
    return Promise.resolve([...entries.values()]);
  }

  read(path: string): Promise<string | undefined> {
    return Promise.resolve(this.files.get(path));
  }

  remove(path: string): Promise<void> {
    this.files.delete(path);
    this.links.delete(path);
    this.empty.add(path.slice(0, path.lastIndexOf('/')));
    return Promise.resolve();
  }

  standIn(path: string): Promise<boolean> {
    if (this.files.has(path)) return Promise.resolve(false);
    this.files.set(path, '');
    return Promise.resolve(true);
  }

  async removeFolder(path: string): Promise<'removed' | 'absent' | 'stays'> {
    if ((await this.list(path)).length > 0) return 'stays';
    return this.empty.delete(path) ? 'removed' : 'absent';
  }
}
