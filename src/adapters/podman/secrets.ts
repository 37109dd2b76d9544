// The secret registry over Podman's REST API. Every secret gets its driver and options explicitly: a running podman.service keeps the
// configuration it started with, and would hand a body to the wrong driver. Must not be called while a driver request is answered.

import { PsiError, toPsiError } from '../../core/error.ts';
import { isSecretId, printable } from '../../core/naming.ts';
import { onceMore } from '../../core/retry.ts';
import { sameOptions, type RegisteredSecret } from '../../registration/registered-secret.ts';
import type { NewSecret, RegistryFeatures, SecretRegistry } from '../../registration/secret-registry.ts';
import { decodeCreated, decodeListing, decodeSecret } from './codec.ts';
import { isMissing, refusal } from './errors.ts';
import { createPodmanApi, type ApiAnswer, type PodmanApi } from './modem.ts';

export type PodmanOptions = {
  readonly socketPath: string;
  /** For one call. Podman may wait for its lock while lookups of a starting container run, each up to curl's own limit. */
  readonly timeoutMs?: number;
};

const DEFAULT_TIMEOUT_MS = 60_000;

/** Any version in the path works on any server from 4 to 6; without one the path does not exist. */
const SECRETS = '/v4.0.0/libpod/secrets';

export function createSecretRegistry(options: PodmanOptions): SecretRegistry {
  return new PodmanSecrets(createPodmanApi({ timeoutMs: DEFAULT_TIMEOUT_MS, ...options }));
}

class PodmanSecrets implements SecretRegistry {
  readonly #api: PodmanApi;

  constructor(api: PodmanApi) {
    this.#api = api;
  }

  async features(): Promise<RegistryFeatures> {
    const answer = await this.#api({ method: 'GET', path: '/libpod/_ping' });
    const version = answer.headers['libpod-api-version'];
    const [, major, minor] = (typeof version === 'string' && /^(\d+)\.(\d+)/.exec(version)) || [];
    if (typeof version !== 'string' || major === undefined || minor === undefined) {
      throw new PsiError('HOST', `what answers on podman's API socket is no podman (status ${String(answer.status)})`, {
        hint: 'set `podman_socket` in the config to the socket of podman.socket',
      });
    }
    const atLeast = (wantedMajor: number, wantedMinor: number): boolean =>
      Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor);
    // The rules of 4.5 and of 4.6 stand in the sources of its tags.
    const names = { plain: !atLeast(4, 7), longest: atLeast(4, 6) ? 253 : 64 };
    return { version, dropIns: atLeast(5, 0), names, replace: atLeast(4, 7) };
  }

  async list(): Promise<readonly RegisteredSecret[]> {
    const what = 'list its secrets';
    const answer = await this.#api({ method: 'GET', path: `${SECRETS}/json` });
    return expected(what, answer, answer.status === 200 ? decodeListing(text(answer)) : undefined);
  }

  async create(secret: NewSecret): Promise<string> {
    return this.#verified(secret, await this.#post(`create ${secret.name}`, secret, {}), undefined);
  }

  async replace(current: RegisteredSecret, secret: NewSecret): Promise<string> {
    const { replace, version } = await this.features();
    await this.#assertUnchanged(current, secret.name);
    try {
      if (replace)
        return await this.#verified(
          secret,
          await this.#post(`replace ${secret.name}`, secret, { replace: 'true' }),
          current.id,
        );
      await this.#remove(current.id, `remove ${secret.name}`);
      // Until this succeeds no container that uses the secret can start, so it is tried once more at once, whatever it failed for.
      return await onceMore(
        () => this.create(secret),
        () => true,
      );
    } catch (thrown) {
      throw await this.#afterFailedReplace(current, toPsiError(thrown), version);
    }
  }

  async #post(what: string, secret: NewSecret, extra: Readonly<Record<string, string>>): Promise<string> {
    const answer = await this.#api({
      method: 'POST',
      path: `${SECRETS}/create`,
      query: {
        name: secret.name,
        driver: 'shell',
        // Podman silently takes the configured options if this is no JSON map.
        driveropts: JSON.stringify(secret.options),
        labels: JSON.stringify(secret.labels),
        ...extra,
      },
      body: new TextEncoder().encode(secret.body),
    });
    const id = answer.status === 200 ? decodeCreated(text(answer)) : undefined;
    return expected(what, answer, id !== undefined && isSecretId(id) ? id : undefined);
  }

  /**
   * Reads a new secret back. A wrong one is removed, as far as it is the one that was just made: with another driver the mapping would lie
   * somewhere else, under a command PSI did not choose. `before`: the id that the secret of this name had.
   */
  async #verified(secret: NewSecret, id: string, before: string | undefined): Promise<string> {
    const made = await this.#inspect(id);
    const isNew = made?.id === id && id !== before && made.name === secret.name;
    if (isNew && made.driver === 'shell' && sameOptions(secret.options, made.options)) return id;
    if (!isNew) throw anotherOne(secret.name, id, made);
    const left = await this.#remove(id, `remove ${secret.name}`).then(
      () => 'it was removed again',
      () => 'it could not be removed',
    );
    throw new PsiError(
      'HOST',
      `podman made ${secret.name} with other settings than asked for (driver ${made.driver}); ${left}`,
      { hint: LOOK_AGAIN, details: { id } },
    );
  }

  /** By id and in full: Podman also resolves prefixes of ids, and a replace of a name that is gone makes it delete another secret. */
  async #assertUnchanged(current: RegisteredSecret, name: string): Promise<void> {
    const found = isSecretId(current.id) ? await this.#inspect(current.id) : undefined;
    if (found?.id === current.id && found.name === name && found.driver === current.driver) return;
    throw new PsiError('HOST', `podman has no ${name} with the id it had before`, {
      hint: 'something else changes podman secrets at the same time; run `psi setup` again',
      retry: 'now',
      details: { id: current.id },
    });
  }

  async #inspect(id: string): Promise<RegisteredSecret | undefined> {
    const answer = await this.#api({ method: 'GET', path: `${SECRETS}/${id}/json` });
    if (isMissing(answer)) return undefined;
    return expected(`show the secret ${id}`, answer, answer.status === 200 ? decodeSecret(text(answer)) : undefined);
  }

  async #remove(id: string, what: string): Promise<void> {
    const answer = await this.#api({ method: 'DELETE', path: `${SECRETS}/${id}` });
    if (answer.status !== 204) throw refusal(what, answer);
  }

  /** Podman deletes before it stores, so the worst outcome of a failed replace is a missing secret: that has to be said. */
  async #afterFailedReplace(current: RegisteredSecret, error: PsiError, version: string): Promise<PsiError> {
    const left = await this.#inspect(current.id).catch(() => current);
    if (left) return error;
    const gone = `the old one is gone (podman ${version} deletes before it stores), so containers that use it cannot start`;
    return new PsiError('HOST', `${error.message}; ${gone}`, {
      hint: `run \`psi setup\` again; ${error.hint ?? 'see `journalctl -u podman.service`'}`,
      retry: 'later',
      cause: error,
      details: error.details,
    });
  }
}

const LOOK_AGAIN =
  '`systemctl restart podman.service`, look with `podman secret ls`, then run `podman exec psi psi setup` again';

/** Whose it is cannot be told, so it is left as it is. */
function anotherOne(name: string, id: string, made: RegisteredSecret | undefined): PsiError {
  const found = made ? `that of the secret ${printable(made.name)}` : 'of no secret';
  return new PsiError(
    'HOST',
    `podman says that it made ${name}, but the id that it gave is ${found}; nothing was removed`,
    {
      hint: LOOK_AGAIN,
      details: { id },
    },
  );
}

function text(answer: ApiAnswer): string {
  return answer.body.toString('utf8');
}

function expected<T>(what: string, answer: ApiAnswer, decoded: T | undefined): T {
  if (decoded === undefined) throw refusal(what, answer);
  return decoded;
}
