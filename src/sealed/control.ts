// `psi sealed …`: sealed values, and the secrets with which Podman hands them out. Answers plain data; export alone gives a value.

import type { SealedMapping } from '../core/mapping.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { EXIT, exitCode } from '../core/exit.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { encodeMapping } from '../core/mapping.ts';
import { SecretValue } from '../core/secret-value.ts';
import { isoTime, isoTimeOrNull } from '../core/time.ts';
import { keyReport } from '../sealing/key-report.ts';
import type { KeyWrapper } from '../sealing/key-wrapper.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import { isPsiOptions } from '../registration/driver-command/options.ts';
import type { HeaderFile } from '../registration/driver-command/header-file.ts';
import type { RegisteredSecret } from '../registration/registered-secret.ts';
import { assertStored, type CommandsOfNow } from '../registration/replaces.ts';
import type { SecretRegistry } from '../registration/secret-registry.ts';
import type { SealedInUse } from './host-values.ts';
import { givenName, idAtBirth, isOfPodman } from './names.ts';
import type { RemoveReport, ResealedReport, RestoreReport, SealedList, SealedStatus, StoreReport } from './reports.ts';
import type { RecoverableFile, SealedAt, SealedFiles } from './sealed-files.ts';
import { noSuchValue } from './values.ts';

export type SealedSettings = SealedInUse & {
  readonly files: SealedFiles;
  readonly own: readonly KeyWrapper[];
  readonly recovery: readonly string[];
  readonly keepDeletedMs: number;
};

export type SealedControlDeps = {
  /** Of the config that the service runs with now; undefined: it has no provider of kind sealed. */
  readonly sealed: () => SealedSettings | undefined;
  readonly mappings: Pick<
    MappingTable,
    'get' | 'learnNames' | 'nameOf' | 'ofSealed' | 'put' | 'readRest' | 'saveNames'
  >;
  readonly registry: SecretRegistry;
  readonly headerFile: Pick<HeaderFile, 'holds' | 'write'>;
  /** What a secret that is made now gets. */
  readonly commands: () => CommandsOfNow;
  /** Why the commands of Podman would not come to this process; undefined: they do. */
  readonly unreachable: () => Promise<PsiError | undefined>;
};

/** A key that was unwrapped elsewhere, of one file. */
export type RecoveredKey = SealedAt & { readonly fileId: string; readonly dataKey: SecretValue };

type Registered = Pick<StoreReport, 'registered' | 'problem'>;

type Named = Failure & { readonly name: string };

export class SealedControl {
  readonly #deps: SealedControlDeps;

  constructor(deps: SealedControlDeps) {
    this.#deps = deps;
  }

  async store(text: string, value: SecretValue): Promise<StoreReport> {
    const name = givenName(text);
    const { provider, values } = this.#inUse();
    const missed = await values.store(name, value);
    return {
      name,
      bytes: value.byteLength,
      ...(await this.#registered(name, provider)),
      missed: missed.map(({ error }) => failureOf(error)),
    };
  }

  async list(): Promise<SealedList> {
    const { files, values } = this.#inUse();
    const [there, aside, asked] = await Promise.all([files.list(), files.listAside(), this.#askPodman()]);
    return {
      secrets: there.map(({ name, bytes, storedAt }) => ({
        name,
        bytes,
        storedAt: isoTime(storedAt),
        podman: asked.secrets && namesOf(this.#secretsOf(name, asked.secrets)),
      })),
      aside: aside
        .toSorted((a, b) => b.asideAt - a.asideAt)
        .map((one) => ({ name: one.name, asideAt: isoTime(one.asideAt), goesAt: isoTime(values.goesAt(one)) })),
      problem: asked.problem,
    };
  }

  /** With Podman's secrets that have the value, which go first: no start may find one whose value is gone. */
  async remove(text: string): Promise<RemoveReport> {
    const { values } = this.#inUse();
    const listed = await this.#listed();
    const name = await this.#found(text, listed);
    const secrets = this.#secretsOf(name, listed);
    for (const secret of secrets) await this.#deps.registry.remove(secret);
    const removed = await values.remove(name);
    const gone = await values.newestAside(name).catch(() => undefined);
    if (!removed && secrets.length === 0) throw noSuchValue(`the name ${text}`);
    return { name, podman: namesOf(secrets), goesAt: isoTimeOrNull(gone && values.goesAt(gone)) };
  }

  /** `as`: under another name, for what Podman was given: its secret is gone, and nobody asks for the id any more. */
  async restore(name: string, as: string | undefined): Promise<RestoreReport> {
    const { provider, files, values } = this.#inUse();
    const to = as === undefined ? name : givenName(as);
    const found = await values.newestAside(name);
    if (isOfPodman(to)) await this.#mapped(to, provider);
    if (to === name) await values.restore(name);
    else await values.store(to, await files.readAt(found));
    const registered: Registered = isOfPodman(to)
      ? { registered: 'there', problem: null }
      : await this.#registered(to, provider);
    return { name: to, asideAt: isoTime(found.asideAt), ...registered };
  }

  async export(text: string): Promise<{ readonly name: string; readonly value: SecretValue }> {
    const { files, values } = this.#inUse();
    const direct = (await files.list()).some(({ name }) => name === text);
    const name = direct ? text : await this.#found(text, await this.#listed());
    return { name, value: await values.read(name) };
  }

  /** `verify`: opens each. */
  async status({ verify }: { readonly verify: boolean }): Promise<SealedStatus> {
    const { provider, fromPodman, keepDeletedMs, recovery, files, own } = this.#inUse();
    const [there, aside] = await Promise.all([files.list(), files.listAside()]);
    const keys = await Promise.all(own.map(async (one) => keyReport(one.backend, await one.describe())));
    const failures: Named[] = [];
    const unsealed: string[] = [];
    if (verify) files.forgetKeys();
    for (const { name } of there) {
      try {
        if ((await files.lacking(name)).length > 0) unsealed.push(name);
        if (verify) await files.read(name);
      } catch (thrown) {
        failures.push({ name, ...failureOf(toPsiError(thrown)) });
      }
    }
    return {
      ...{ provider, fromPodman, recovery, keys, unsealed, failures },
      keepDeletedSeconds: keepDeletedMs / 1000,
      secrets: there.length,
      aside: aside.length,
      verified: verify,
      exit: exitOf(failures, unsealed.length > 0),
    };
  }

  /** Each anew, in use or aside, for the recipients that the config names now. */
  async reseal(): Promise<ResealedReport> {
    const { files } = this.#inUse();
    return this.#sealAnew((at) => () => files.readAt(at));
  }

  /** Those that a recovery key opens, and how many there are beside. */
  async recoverable(): Promise<{ readonly files: readonly RecoverableFile[]; readonly others: number }> {
    const { files } = this.#inUse();
    const all = await everyOne(files);
    const found: RecoverableFile[] = [];
    // What is wrong with the others, the recovery itself says.
    for (const at of all) found.push(...(await files.recoverable(at).then(asList, () => [])));
    return { files: found, others: all.length - found.length };
  }

  /**
   * Opened with keys that were unwrapped elsewhere, and sealed for what is there now. What there is no key of is well if this host opens it,
   * and else a failure: at the end nothing is left out in silence.
   */
  async recover(keys: readonly RecoveredKey[]): Promise<ResealedReport> {
    const { files } = this.#inUse();
    const given = new Map(keys.map((key) => [placeOf(key), key]));
    return this.#sealAnew((at) => {
      const key = given.get(placeOf(at));
      return key ? () => files.readWith(at, key.fileId, key.dataKey) : () => files.readAt(at);
    });
  }

  async #sealAnew(reading: (at: SealedAt) => () => Promise<SecretValue>): Promise<ResealedReport> {
    const { files, values } = this.#inUse();
    files.renewKey();
    const failures: Named[] = [];
    const done: SealedAt[] = [];
    for (const at of await everyOne(files)) {
      try {
        const [first] = await values.rewrite(at, reading(at));
        if (first) throw first.error;
        done.push(at);
      } catch (thrown) {
        const error = toPsiError(thrown);
        // Removed meanwhile.
        if (error.code !== 'NOT_FOUND') failures.push({ name: titleOf(at), ...failureOf(error) });
      }
    }
    const inUse = done.filter(({ asideAt }) => asideAt === null);
    return {
      sealed: inUse.map(({ name }) => ({ name, podman: this.#knownNames(name) })),
      aside: done.length - inUse.length,
      failures,
      exit: exitOf(failures, false),
    };
  }

  #knownNames(name: string): readonly string[] {
    const { mappings } = this.#deps;
    return mappings.ofSealed(name).flatMap((id) => asList(mappings.nameOf(id)));
  }

  /**
   * Podman's secret of the same name, which hands it out. That it cannot be made leaves the value stored: it is said, and done by the next
   * try.
   */
  async #registered(name: string, provider: string): Promise<Registered> {
    try {
      return { registered: await this.#register(name, { provider, name }), problem: null };
    } catch (thrown) {
      return { registered: null, problem: failureOf(notRegistered(name, toPsiError(thrown))) };
    }
  }

  async #register(name: string, mapping: SealedMapping): Promise<'created' | 'there'> {
    const { registry, mappings } = this.#deps;
    const there = (await this.#listed()).find((secret) => secret.name === name);
    if (there && this.#isOf(there, name)) return 'there';
    if (there) throw nameTaken(name);
    await this.#assertReachable();
    const { options } = this.#deps.commands();
    const id = await registry.create({ name, body: encodeMapping(mapping), options, labels: {} });
    assertStored(mappings, id, name);
    mappings.learnNames([{ id, name }]);
    await mappings.saveNames();
    return 'created';
  }

  async #assertReachable(): Promise<void> {
    const { unreachable, headerFile, commands } = this.#deps;
    const problem = await unreachable();
    if (problem) throw problem;
    const { socketToken } = commands();
    if (socketToken && !(await headerFile.holds(socketToken))) await headerFile.write(socketToken);
  }

  async #askPodman(): Promise<{
    readonly secrets: readonly RegisteredSecret[] | null;
    readonly problem: Failure | null;
  }> {
    try {
      return { secrets: await this.#listed(), problem: null };
    } catch (thrown) {
      return { secrets: null, problem: failureOf(toPsiError(thrown)) };
    }
  }

  async #listed(): Promise<readonly RegisteredSecret[]> {
    const { mappings, registry } = this.#deps;
    await mappings.readRest();
    const listed = await registry.list();
    mappings.learnNames(listed);
    return listed;
  }

  /** People know the name that Podman has for a value which it was given. */
  async #found(text: string, listed: readonly RegisteredSecret[]): Promise<string> {
    const { files } = this.#inUse();
    if ((await files.list()).some(({ name }) => name === text)) return text;
    const secret = listed.find(({ name, id }) => name === text || id === text);
    const mapping = secret && this.#deps.mappings.get(secret.id);
    if (mapping && 'name' in mapping) return mapping.name;
    throw noSuchValue(`the name ${text}`);
  }

  #secretsOf(name: string, listed: readonly RegisteredSecret[]): readonly RegisteredSecret[] {
    return listed.filter((secret) => this.#isOf(secret, name));
  }

  #isOf(secret: RegisteredSecret, name: string): boolean {
    return isOfPsi(secret) && this.#deps.mappings.ofSealed(name).some((one) => one === secret.id);
  }

  /** Podman may have been ended while it removed the secret: it still has it then, and asks for what has no mapping any more. */
  async #mapped(name: string, provider: string): Promise<void> {
    const listed = await this.#listed();
    if (this.#secretsOf(name, listed).length > 0) return;
    const id = idAtBirth(name);
    if (id !== undefined && listed.some((one) => one.id === id && isOfPsi(one))) {
      return this.#deps.mappings.put(id, { provider, name });
    }
    throw new PsiError('BAD_REQUEST', `podman has no secret any more that would ask for ${name}`, {
      hint: `give it a name of its own: \`podman exec psi psi sealed restore ${name} --as NAME\``,
    });
  }

  #inUse(): SealedSettings {
    const sealed = this.#deps.sealed();
    if (sealed) return sealed;
    throw new PsiError('CONFIG_INVALID', 'the config has no provider of kind sealed', {
      hint: 'add it: `providers: {sealed: {recovery: age1…}}`, then `podman exec psi psi setup`; docs/sealed-secrets.md has all of it',
    });
  }
}

/** In use before aside: those are looked up. */
async function everyOne(files: SealedFiles): Promise<readonly SealedAt[]> {
  const [inUse, aside] = await Promise.all([files.list(), files.listAside()]);
  return [...inUse.map(({ name }) => ({ name, asideAt: null })), ...aside];
}

function placeOf({ name, asideAt }: SealedAt): string {
  return `${name}~${String(asideAt)}`;
}

function titleOf({ name, asideAt }: SealedAt): string {
  return asideAt === null ? name : `${name} (aside since ${isoTime(asideAt)})`;
}

function asList<T>(one: T | undefined): readonly T[] {
  return one === undefined ? [] : [one];
}

function isOfPsi({ driver, options }: RegisteredSecret): boolean {
  return driver === 'shell' && isPsiOptions(options);
}

function namesOf(secrets: readonly RegisteredSecret[]): readonly string[] {
  return secrets.map(({ name }) => name);
}

function exitOf(failures: readonly Named[], incomplete: boolean): number {
  const [first] = failures;
  if (first) return exitCode(first.code);
  return incomplete ? exitCode('KEY_UNAVAILABLE') : EXIT.DONE;
}

function nameTaken(name: string): PsiError {
  return new PsiError('CONFLICT', `podman has another secret ${name} already`, {
    hint: `\`podman secret inspect ${name}\` shows whose it is; remove it, or store the value under another name`,
  });
}

function notRegistered(name: string, { code, message, hint, retry, cause }: PsiError): PsiError {
  return new PsiError(code, `the value is stored, and podman has no secret ${name} for it: ${message}`, {
    hint: `${hint ?? 'see `journalctl -u podman.service`'}; then the same again`,
    retry,
    cause,
  });
}
