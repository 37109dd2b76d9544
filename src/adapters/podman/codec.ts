// Podman's answers about secrets, checked before use. Knows the shapes of 4.3 to 6.0; decides nothing.

import * as t from 'io-ts';
import { WORKLOAD_LABEL, type RegisteredSecret } from '../../registration/registered-secret.ts';

const Options = t.union([t.record(t.string, t.string), t.null, t.undefined]);

const Secret = t.type({
  ID: t.string,
  UpdatedAt: t.string,
  Spec: t.intersection([
    t.type({ Name: t.string, Driver: t.type({ Name: t.string, Options }) }),
    t.partial({ Labels: Options }),
  ]),
});

/** Podman leaves empty data out, and before 4.7 any data. */
const Shown = t.intersection([Secret, t.partial({ SecretData: t.string })]);

const Created = t.type({ ID: t.string });

const Refusal = t.type({ cause: t.string, message: t.string });

const Words = t.union([t.readonlyArray(t.string), t.null, t.undefined]);

const Containers = t.union([t.readonlyArray(t.type({ Id: t.string })), t.null]);

const Container = t.type({
  Name: t.string,
  Config: t.type({
    Secrets: t.union([t.readonlyArray(t.type({ Name: t.string, ID: t.string })), t.null, t.undefined]),
    CreateCommand: Words,
  }),
});

const ExecCreated = t.type({ Id: t.string });

const ExecEnded = t.type({ ExitCode: t.number, Running: t.boolean });

/** `null` is how Go spells an empty list. */
const Listing = t.union([t.readonlyArray(Secret), t.null]);

export type Refused = { readonly cause: string; readonly message: string };

/** All secrets; undefined: the text is no such answer. */
export function decodeListing(text: string): readonly RegisteredSecret[] | undefined {
  const listing = decode(Listing, text);
  return listing === undefined ? undefined : newestPerName(listing ?? []).map(toRegistered);
}

export function decodeSecret(text: string): RegisteredSecret | undefined {
  const secret = decode(Secret, text);
  return secret && toRegistered(secret);
}

/** A secret with its value. The value is as Go wrote it: what was no UTF-8 is U+FFFD by now. */
export function decodeShown(
  text: string,
): { readonly id: string; readonly name: string; readonly data: string | undefined } | undefined {
  const shown = decode(Shown, text);
  return shown && { id: shown.ID, name: shown.Spec.Name, data: shown.SecretData };
}

export function decodeCreated(text: string): string | undefined {
  return decode(Created, text)?.ID;
}

/** Their ids; undefined: the text is no such answer. */
export function decodeContainers(text: string): readonly string[] | undefined {
  const containers = decode(Containers, text);
  return containers === undefined ? undefined : (containers ?? []).map(({ Id }) => Id);
}

/** What of a container names secrets: those that it has as files, by name and id, and the command that made it. */
export type ShownContainer = {
  readonly name: string;
  readonly secrets: readonly string[];
  readonly command: readonly string[];
};

export function decodeContainer(text: string): ShownContainer | undefined {
  const shown = decode(Container, text);
  if (!shown) return undefined;
  const { Secrets, CreateCommand } = shown.Config;
  const secrets = (Secrets ?? []).flatMap(({ Name, ID }) => [Name, ID]);
  return { name: shown.Name, secrets, command: CreateCommand ?? [] };
}

export function decodeExecCreated(text: string): string | undefined {
  return decode(ExecCreated, text)?.Id;
}

/** Undefined: it runs on, or the text is no such answer. */
export function decodeExecEnded(text: string): number | undefined {
  const session = decode(ExecEnded, text);
  return session?.Running === false ? session.ExitCode : undefined;
}

export function decodeRefusal(text: string): Refused | undefined {
  return decode(Refusal, text);
}

function decode<A>(codec: t.Type<A>, text: string): A | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const decoded = codec.decode(value);
  return decoded._tag === 'Right' ? decoded.right : undefined;
}

type WireSecret = t.TypeOf<typeof Secret>;

/**
 * From 5.1 on a replace whose delete command fails leaves the old entry under the same name. Podman finds the new one by name; the old
 * one must not be removed by its id, because that takes the name away from the new one too. So it is left alone and not shown.
 */
function newestPerName(secrets: readonly WireSecret[]): readonly WireSecret[] {
  const byName = new Map<string, WireSecret>();
  for (const secret of secrets) {
    const other = byName.get(secret.Spec.Name);
    if (!other || Date.parse(other.UpdatedAt) <= Date.parse(secret.UpdatedAt)) byName.set(secret.Spec.Name, secret);
  }
  return [...byName.values()];
}

function toRegistered(secret: WireSecret): RegisteredSecret {
  const { Name, Driver, Labels } = secret.Spec;
  const workload = Labels?.[WORKLOAD_LABEL];
  return {
    ...{ id: secret.ID, name: Name, driver: Driver.Name, options: Driver.Options ?? {} },
    ...(workload !== undefined && { workload }),
  };
}
