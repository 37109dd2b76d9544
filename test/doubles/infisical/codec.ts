// Decodes seeds and control requests with io-ts. Reports paths only: a seed holds secret values.
import { isLeft } from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import { GENERATIONS } from './generations.ts';

const place = t.intersection([t.type({ project: t.string, environment: t.string }), t.partial({ path: t.string })]);

const action = t.keyof({ describe: null, readValue: null, create: null, edit: null, delete: null });
const kind = t.keyof({
  login: null,
  renew: null,
  revoke: null,
  status: null,
  list: null,
  get: null,
  write: null,
  folders: null,
  project: null,
  certificates: null,
  unknown: null,
});

const identity = t.intersection([
  t.type({ clientId: t.string, clientSecret: t.string }),
  t.partial({
    accessTokenTtl: t.number,
    accessTokenMaxTtl: t.number,
    accessTokenUsesLimit: t.number,
    clientSecretTtl: t.number,
    clientSecretUsesLimit: t.number,
    projects: t.readonlyArray(t.string),
    builtInRole: t.boolean,
    trusted: t.partial({ login: t.readonlyArray(t.string), token: t.readonlyArray(t.string) }),
    denials: t.readonlyArray(
      t.intersection([
        t.type({ actions: t.readonlyArray(action) }),
        t.partial({ project: t.string, environment: t.string, path: t.string, key: t.string }),
      ]),
    ),
  }),
]);

const project = t.intersection([
  t.type({ id: t.string }),
  t.partial({ slug: t.string, environments: t.readonlyArray(t.string) }),
]);

export const secretCodec = t.intersection([
  place,
  t.type({ key: t.string, value: t.string }),
  t.partial({
    comment: t.string,
    type: t.keyof({ shared: null, personal: null }),
    skipMultilineEncoding: t.boolean,
  }),
]);

export const secretAddressCodec = t.intersection([place, t.type({ key: t.string })]);

const importLink = t.intersection([place, t.type({ fromEnvironment: t.string }), t.partial({ fromPath: t.string })]);

export const knobsCodec = t.partial({
  latencyMs: t.number,
  limits: t.partial({ read: t.number, write: t.number, secrets: t.number, total: t.number }),
  retryAfterHeader: t.boolean,
  outage: t.keyof({ none: null, hang: null, reset: null, redis: null, database: null, refuse: null }),
  status: t.number,
  malformed: t.keyof({ none: null, html: null, truncated: null, 'cut-off': null, 'wrong-shape': null, empty: null }),
  only: t.readonlyArray(kind),
  folders: t.readonlyArray(t.string),
  emptyLists: t.boolean,
  unreadableInList: t.keyof({ refuse: null, hide: null }),
  approvals: t.boolean,
  unknownRoutes: t.keyof({ fastify: null, html: null }),
});

export const failNextCodec = t.intersection([
  t.type({ count: t.number, status: t.number }),
  t.partial({
    body: t.unknown,
    contentType: t.string,
    headers: t.record(t.string, t.string),
    only: t.readonlyArray(kind),
  }),
]);

export const profileCodec = t.type({ id: t.string, project: t.string });

export const pkiKnobsCodec = t.partial({
  mode: t.keyof({ sync: null, external: null, approval: null }),
  doneAfterLooks: t.number,
  outcome: t.keyof({ issued: null, failed: null, rejected: null }),
  status: t.string,
  errorMessage: t.string,
  wrongKey: t.boolean,
  longestMs: t.number,
  backdatedMs: t.number,
  ended: t.boolean,
  deny: t.readonlyArray(t.keyof({ 'issue-cert': null, read: null, 'read-private-key': null })),
  policy: t.string,
  showsRenewals: t.boolean,
});

export const generationCodec = t.keyof(GENERATIONS);

/** `secrets` is the long form; `values` the short one: project → environment → path → key → value. */
export const seedCodec = t.partial({
  generation: generationCodec,
  identities: t.readonlyArray(identity),
  projects: t.readonlyArray(project),
  profiles: t.readonlyArray(profileCodec),
  values: t.record(t.string, t.record(t.string, t.record(t.string, t.record(t.string, t.string)))),
  secrets: t.readonlyArray(secretCodec),
  folders: t.readonlyArray(place),
  imports: t.readonlyArray(importLink),
  knobs: knobsCodec,
});

export type Seed = t.TypeOf<typeof seedCodec>;
export type KnobChange = t.TypeOf<typeof knobsCodec>;

export class UndecodableError extends Error {}

export function decode<A>(codec: t.Decoder<unknown, A>, input: unknown): A {
  const result = codec.decode(input);
  if (!isLeft(result)) return result.right;
  const paths = result.left.map(({ context }) =>
    context
      .map(({ key }) => key)
      .filter((key) => key !== '')
      .join('.'),
  );
  throw new UndecodableError(`not understood at: ${[...new Set(paths)].join(', ')}`);
}
