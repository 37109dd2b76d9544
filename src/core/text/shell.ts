// Text as one word of a POSIX shell. Every quoting for a shell goes through here.

/** In quotes, whatever it holds but a NUL. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** As it is where a shell reads it so, else in quotes: for commands that people read. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : shellQuoted(text);
}

/** The command that gives each of these files a name under which nobody reads it. */
export function movedAway(paths: readonly string[], suffix: string): string {
  const words = paths.map(shellWord);
  const [first = ''] = words;
  if (words.length === 1) return `mv ${first} ${shellWord(`${paths[0] ?? ''}${suffix}`)}`;
  return `for f in ${words.join(' ')}; do mv "$f" "$f${suffix}"; done`;
}
