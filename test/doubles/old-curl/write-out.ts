// What `-w` prints in earlier versions of curl.

/** Of the real curl's `%{json}`. */
export type Facts = {
  readonly content_type?: string | null;
  readonly http_code?: number;
  readonly errormsg?: string | null;
  readonly exitcode?: number;
};

export type Printed = { readonly stdout: string; readonly stderr: string };

/** The first version that knows a variable. What is not listed nobody here uses. */
const SINCE: Readonly<Record<string, number>> = {
  content_type: 7,
  http_code: 7,
  stdout: 63,
  stderr: 63,
  errormsg: 75,
  exitcode: 75,
  onerror: 75,
};

/**
 * An unknown `%{…}` vanishes, with a line on stderr (tool_writeout.c of 7.61, 7.74 and 7.76 alike); `%header{…}`, 7.84, is no variable
 * before and is printed as it stands. All goes to stdout until `%{stderr}`.
 */
export function writeOut(version: string, format: string, facts: Facts): Printed {
  const minor = Number(version.split('.')[1]);
  const printed = { stdout: '', stderr: '' };
  let stream: keyof Printed = 'stdout';
  for (const [token, name] of format.matchAll(/%\{([^}]*)\}|\\n|[^]/g)) {
    if (name === undefined) printed[stream] += token === '\\n' ? '\n' : token;
    else if ((SINCE[name] ?? Infinity) > minor) printed.stderr += `curl: unknown --write-out variable: '${name}'\n`;
    else if (name === 'stdout' || name === 'stderr') stream = name;
    else if (name === 'onerror' && facts.exitcode === 0) break;
    else printed[stream] += valueOf(name, minor, facts);
  }
  return printed;
}

function valueOf(name: string, minor: number, facts: Facts): string {
  switch (name) {
    case 'content_type':
      // With `-f` it stops at the status line of a refusal before 7.76 (http.c), and knows of no header.
      return facts.exitcode === 22 && minor < 76 ? '' : (facts.content_type ?? '');
    case 'http_code':
      return String(facts.http_code ?? 0).padStart(3, '0');
    case 'errormsg':
      return facts.errormsg ?? '';
    case 'exitcode':
      return String(facts.exitcode ?? 0);
    default:
      return '';
  }
}
