// What Infisical's answers must look like before PSI believes them; decoding fails as a whole, never half-way.

import * as t from 'io-ts';

const text = t.union([t.string, t.null, t.undefined]);

const Item = t.intersection([
  t.type({ secretKey: t.string }),
  // Servers of before March 2025 have no `secretValueHidden`, single answers of 2024 no `secretPath`.
  t.partial({
    secretValue: text,
    secretPath: text,
    type: text,
    secretValueHidden: t.union([t.boolean, t.null, t.undefined]),
  }),
]);
const Import = t.type({ secrets: t.readonlyArray(Item) });
const Listing = t.intersection([
  t.type({ secrets: t.readonlyArray(Item) }),
  t.partial({ imports: t.union([t.readonlyArray(Import), t.null, t.undefined]) }),
]);
const Single = t.type({ secret: Item });
const LoggedIn = t.intersection([
  t.type({ accessToken: t.string }),
  t.partial({ expiresIn: t.union([t.number, t.null, t.undefined]) }),
]);
const Claims = t.partial({ iat: t.number, exp: t.number });
const Refusal = t.partial({ error: t.unknown, message: t.unknown, reqId: t.unknown, details: t.unknown });
const Issues = t.readonlyArray(t.type({ path: t.readonlyArray(t.union([t.string, t.number])) }));

export type Item = t.TypeOf<typeof Item>;
export type Listing = t.TypeOf<typeof Listing>;
export type LoggedIn = t.TypeOf<typeof LoggedIn>;
export type Claims = t.TypeOf<typeof Claims>;

/** What a refusing server says. Proxies say it in HTML, and then there is none of it. */
export type Refusal = {
  readonly error: string;
  readonly message: string;
  readonly reqId: string | undefined;
  /** Names of the request's fields that it finds invalid. */
  readonly fields: readonly string[];
  readonly details: unknown;
};

export function decodeListing(body: string): Listing | undefined {
  return decode(Listing, body);
}

export function decodeSingle(body: string): Item | undefined {
  return decode(Single, body)?.secret;
}

export function decodeLogin(body: string): LoggedIn | undefined {
  const answer = decode(LoggedIn, body);
  // It becomes a header: anything but printable ASCII would break the next request instead of this one.
  return answer !== undefined && /^[\x21-\x7e]+$/.test(answer.accessToken) ? answer : undefined;
}

export function decodeClaims(json: string): Claims | undefined {
  return decode(Claims, json);
}

export function decodeRefusal(body: string): Refusal | undefined {
  const refusal = decode(Refusal, body);
  if (refusal === undefined) return undefined;
  const issues = Issues.decode(refusal.message);
  return {
    error: typeof refusal.error === 'string' ? refusal.error : '',
    message: typeof refusal.message === 'string' ? refusal.message : '',
    reqId: typeof refusal.reqId === 'string' ? refusal.reqId : undefined,
    fields: issues._tag === 'Right' ? issues.right.map(({ path }) => path.join('.')) : [],
    details: refusal.details,
  };
}

function decode<A>(codec: t.Type<A>, body: string): A | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const decoded = codec.decode(value);
  return decoded._tag === 'Right' ? decoded.right : undefined;
}
