// The form of the units PSI writes for itself, and how they are told from somebody else's.

const MARK = '# Written by PSI (psi systemd install).';

export type Section = readonly [name: string, lines: readonly string[]];

export function unitFile(name: string, sections: readonly Section[]): string {
  const header = [MARK, `# Changes here are overwritten: put yours into ${name}.d/*.conf.`, ''];
  const body = sections.map(([section, lines]) => [`[${section}]`, ...lines, ''].join('\n'));
  return [...header, ...body].join('\n');
}

export function isPsiUnit(text: string): boolean {
  return text.startsWith(MARK);
}
