// A lookup as the commands of a host send it, read from the first bytes of its connection: node:http's own work for a request costs more than
// finding the value. Only what can mean one thing is read here, and node:http gets all the rest, to answer or to refuse it.

/** One whole request: the driver's commands send no other headers. */
export type QuickLookup = {
  readonly id: string;
  readonly agent: string | undefined;
  readonly authorization: string | undefined;
  /** `x-psi-command`. */
  readonly mark: string | undefined;
};

/** Longer than any request of a command: two kilobytes of names and a token. */
const LONGEST = 4096;

// One request and nothing behind it, every line of printable ASCII; no header whose name node:http would have to join, fold or obey.
const REQUEST =
  /^GET \/lookup\/([A-Za-z0-9_-]{1,128}) HTTP\/1\.1\r\n((?:[A-Za-z-]{1,20}: ?[!-~](?:[ -~]*[!-~])?\r\n){1,8})\r\n$/;

const HEADERS: readonly string[] = ['host', 'connection', 'user-agent', 'accept', 'authorization', 'x-psi-command'];

/** `text`: the first bytes of a connection, each as one character. Undefined: node:http has to read them. */
export function quickLookup(text: string): QuickLookup | undefined {
  if (text.length > LONGEST) return undefined;
  const [, id, lines = ''] = REQUEST.exec(text) ?? [];
  const headers = id === undefined ? undefined : headersOf(lines);
  if (id === undefined || headers?.get('host') === undefined) return undefined;
  return {
    id,
    agent: headers.get('user-agent'),
    authorization: headers.get('authorization'),
    mark: headers.get('x-psi-command'),
  };
}

/** Undefined: one that is not known here, or that is there twice. */
function headersOf(lines: string): ReadonlyMap<string, string> | undefined {
  const headers = new Map<string, string>();
  for (let from = 0; from < lines.length;) {
    const colon = lines.indexOf(':', from);
    const end = lines.indexOf('\r\n', colon);
    const name = lines.slice(from, colon).toLowerCase();
    if (!HEADERS.includes(name) || headers.has(name)) return undefined;
    headers.set(name, lines.slice(colon + 1, end).trim());
    from = end + 2;
  }
  return headers;
}
