// The Debian mirror that this machine's apt is set up with: no host name stands in this project.
// `PSI_TEST_MIRROR` (a URL) comes first; it is the way on machines whose own sources are not Debian's.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const APT = '/etc/apt';

export async function aptMirror(): Promise<string | undefined> {
  const given = process.env['PSI_TEST_MIRROR'];
  if (given !== undefined && given !== '') return given;
  const parts = await readdir(join(APT, 'sources.list.d')).catch(() => []);
  const files = ['sources.list', ...parts.sort().map((name) => join('sources.list.d', name))];
  for (const file of files.filter((name) => /\.(list|sources)$/.test(name))) {
    const text = await readFile(join(APT, file), 'utf8').catch(() => '');
    const mirror = mirrorIn(text);
    if (mirror !== undefined) return mirror;
  }
  return undefined;
}

/** The first Debian archive in the text of one sources file, in either of apt's two formats. */
export function mirrorIn(text: string): string | undefined {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const words = lines.flatMap((line) => {
    if (/^deb\s/.test(line)) return line.split(/\s+/);
    return /^URIs:/i.test(line) ? line.split(/\s+/).slice(1) : [];
  });
  // A mirror's archive is a folder named `debian` by custom; `debian-security` beside it lacks the base system.
  return words.find((word) => /^https?:\/\/.*\/debian\/?$/.test(word));
}
