// Secret paths as the server reads them. Pure.

/** Trims and removes one trailing slash: no more, so `/a//` stays an unknown folder. */
export function withoutLastSlash(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 1 && trimmed.endsWith('/') ? trimmed.slice(0, -1) : trimmed;
}

/** The same, with a leading slash. */
export function normalisePath(text: string): string {
  const trimmed = text.trim();
  return withoutLastSlash(trimmed.startsWith('/') ? trimmed : `/${trimmed}`);
}

export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(name);
}

export function isPlainPath(path: string): boolean {
  return segmentsOf(path).every(isPlainName);
}

export function joinPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

export function parentOf(path: string): string | undefined {
  if (path === '/') return undefined;
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

export function segmentsOf(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '');
}

export function isBelow(path: string, ancestor: string): boolean {
  return path !== ancestor && (ancestor === '/' || path.startsWith(`${ancestor}/`));
}

export function covers(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/**')) return normalisePath(pattern) === path;
  const root = normalisePath(pattern.slice(0, -2));
  return path === root || isBelow(path, root);
}
