// What Infisical's answers must look like before PSI believes them; decoding fails as a whole, never half-way.

import { setImmediate as nextTurn } from 'node:timers/promises';
import * as t from 'io-ts';
import { slicesOf } from './slices.ts';

const text = t.union([t.string, t.null, t.undefined]);

const Item = t.intersection([
  t.type({ secretKey: t.string }),
  // Servers of before March 2025 have no `secretValueHidden`, single answers of 2024 no `secretPath`.
  t.partial({
    secretValue: text,
    secretPath: text,
    type: text,
    secretValueHidden: t.union([t.boolean, t.null, t.undefined]),
    version: t.union([t.number, t.null, t.undefined]),
  }),
]);
const Import = t.intersection([
  t.type({ secrets: t.readonlyArray(Item) }),
  t.partial({ environment: text, secretPath: text }),
]);
const Listing = t.intersection([
  t.type({ secrets: t.readonlyArray(Item) }),
  t.partial({ imports: t.union([t.readonlyArray(Import), t.null, t.undefined]) }),
]);
const Folders = t.type({ folders: t.readonlyArray(t.type({ name: t.string })) });
const Single = t.type({ secret: Item });
const Written = t.type({ secrets: t.readonlyArray(Item) });
const Held = t.type({ approval: t.partial({ id: text, slug: text }) });
const ProjectAnswer = t.type({ workspace: t.type({ slug: t.string }) });
const LoggedIn = t.intersection([
  t.type({ accessToken: t.string }),
  t.partial({ expiresIn: t.union([t.number, t.null, t.undefined]) }),
]);
/** Renewals by an authority further away come with empty texts. */
const Issued = t.intersection([
  t.type({ certificate: t.string, certificateId: t.string }),
  t.partial({ certificateChain: text, issuingCaCertificate: text, privateKey: text, certificateRequestId: text }),
]);
const Ordered = t.intersection([
  t.type({ certificate: t.union([Issued, t.null]) }),
  t.partial({ certificateRequestId: text, status: text }),
]);
const Requested = t.intersection([
  t.type({ status: t.string }),
  t.partial({ certificateId: text, errorMessage: text, pendingMessage: text }),
]);
const Recorded = t.type({
  certificate: t.partial({ status: text, notBefore: text, notAfter: text, latestRenewalCertificateId: text }),
});
const Bundle = t.intersection([
  t.type({ certificate: t.string }),
  t.partial({ certificateChain: text, privateKey: text }),
]);
const Claims = t.partial({ iat: t.number, exp: t.number, iss: t.unknown, sub: t.unknown, aud: t.unknown });
const ServiceAccountKey = t.intersection([
  t.type({ client_email: t.string, private_key: t.string }),
  t.partial({ private_key_id: t.string }),
]);
const ServerRefusal = t.partial({ error: t.unknown, message: t.unknown, reqId: t.unknown, details: t.unknown });
const Issues = t.readonlyArray(t.type({ path: t.readonlyArray(t.union([t.string, t.number])) }));

export type Item = t.TypeOf<typeof Item>;
export type Import = t.TypeOf<typeof Import>;
export type Listing = t.TypeOf<typeof Listing>;
export type Written = t.TypeOf<typeof Written>;
export type Held = t.TypeOf<typeof Held>;
export type LoggedIn = t.TypeOf<typeof LoggedIn>;
export type Issued = t.TypeOf<typeof Issued>;
export type Ordered = t.TypeOf<typeof Ordered>;
export type Requested = t.TypeOf<typeof Requested>;
export type Recorded = t.TypeOf<typeof Recorded>['certificate'];
export type Bundle = t.TypeOf<typeof Bundle>;
export type Claims = t.TypeOf<typeof Claims>;

/** What a refusing server says. Proxies say it in HTML, and then there is none of it. */
export type ServerRefusal = {
  readonly error: string;
  readonly message: string;
  readonly reqId: string | undefined;
  /** Names of the request's fields that it finds invalid. */
  readonly fields: readonly string[];
  readonly details: unknown;
};

/** A long one in slices: 100,000 keys would keep all lookups waiting for a second. */
export async function decodeListing(body: string): Promise<Listing | undefined> {
  if (body.length < LONG) return decode(Listing, body);
  const secrets: Item[] = [];
  const items = slicesOf(body, 'secrets');
  let turn = 0;
  let next = items.next();
  for (; next.done !== true; next = items.next()) {
    const item = decode(Item, next.value);
    if (!item) return undefined;
    secrets.push(item);
    turn += next.value.length;
    if (turn < SLICE) continue;
    turn = 0;
    await nextTurn();
  }
  const rest = next.value === undefined ? undefined : decode(Listing, next.value);
  if (!rest) return undefined;
  // Nobody sends the key twice; where it is, the last one holds, as in all readers of JSON.
  return rest.secrets.length > 0 ? rest : { ...rest, secrets };
}

const LONG = 1024 * 1024;
const SLICE = 256 * 1024;

/** Their names. */
export function decodeFolders(body: string): readonly string[] | undefined {
  return decode(Folders, body)?.folders.map(({ name }) => name);
}

export function decodeSingle(body: string): Item | undefined {
  return decode(Single, body)?.secret;
}

/** A write answers 200 also where nothing is written: then it names the request that somebody has to approve. */
export function decodeWritten(body: string): Written | Held | undefined {
  return decode(Held, body) ?? decode(Written, body);
}

export function decodeProject(body: string): { readonly slug: string } | undefined {
  return decode(ProjectAnswer, body)?.workspace;
}

export function decodeLogin(body: string): LoggedIn | undefined {
  const answer = decode(LoggedIn, body);
  // It becomes a header: anything but printable ASCII would break the next request instead of this one.
  return answer !== undefined && /^[\x21-\x7e]+$/.test(answer.accessToken) ? answer : undefined;
}

export function decodeOrdered(body: string): Ordered | undefined {
  return decode(Ordered, body);
}

export function decodeRenewed(body: string): Issued | undefined {
  return decode(Issued, body);
}

export function decodeRequested(body: string): Requested | undefined {
  return decode(Requested, body);
}

export function decodeRecorded(body: string): Recorded | undefined {
  return decode(Recorded, body)?.certificate;
}

export function decodeBundle(body: string): Bundle | undefined {
  return decode(Bundle, body);
}

export function decodeClaims(json: string): Claims | undefined {
  return decode(Claims, json);
}

export function decodeServiceAccountKey(json: string): t.TypeOf<typeof ServiceAccountKey> | undefined {
  return decode(ServiceAccountKey, json);
}

export function decodeRefusal(body: string): ServerRefusal | undefined {
  const refusal = decode(ServerRefusal, body);
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
