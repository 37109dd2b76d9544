// Secret paths as the server reads them. Pure.

/** Trims, adds the leading slash and removes one trailing slash: no more, so `/a//` stays an unknown folder. */
export function normalisePath(text: string): string {
  const trimmed = text.trim();
  const rooted = trimmed.startsWith('/') ? trimmed : `/${trimmed}`;
  return rooted.length > 1 && rooted.endsWith('/') ? rooted.slice(0, -1) : rooted;
}

export function joinPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
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
