// The secret registry port on the fake Podman, for tests of use cases. Same meaning of errors as the adapter's, no HTTP.
import { PsiError } from '../../src/core/error.ts';
import { sameOptions } from '../../src/registration/registered-secret.ts';
import type {
  NewSecret,
  RegisteredSecret,
  RegistryFeatures,
  SecretRegistry,
} from '../../src/registration/secret-registry.ts';
import type { FakePodman, Write } from './podman.fake.ts';
import { PodmanRefusal } from './podman.fake.ts';

export type RegistryCall = 'features' | 'list' | 'create' | 'replace';

export class FakeSecretRegistry implements SecretRegistry {
  readonly podman: FakePodman;
  readonly #plans: { readonly call: RegistryCall; readonly before: () => Promise<void> }[] = [];

  constructor(podman: FakePodman) {
    this.podman = podman;
  }

  /** Write calls that reached Podman. */
  get writes(): readonly Write[] {
    return this.podman.writes;
  }

  /** The next call of this kind fails before Podman does anything. */
  failNext(
    call: RegistryCall,
    error = new PsiError('HOST', 'podman failed on request of the test', { retry: 'later' }),
  ): void {
    this.#plans.push({ call, before: () => Promise.reject(error) });
  }

  /** The next call of this kind waits until the returned function is called. */
  holdNext(call: RegistryCall): () => void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#plans.push({ call, before: () => promise });
    return () => {
      resolve(undefined);
    };
  }

  features(): Promise<RegistryFeatures> {
    return this.#call('features', () => Promise.resolve(this.#features()));
  }

  list(): Promise<readonly RegisteredSecret[]> {
    return this.#call('list', async () => {
      const byName = new Map<string, RegisteredSecret>();
      for (const { id, name, driver, options } of await this.podman.list())
        byName.set(name, { id, name, driver, options });
      return [...byName.values()];
    });
  }

  create(secret: NewSecret): Promise<string> {
    return this.#call('create', () => this.#create(secret, false));
  }

  replace(current: RegisteredSecret, secret: NewSecret): Promise<string> {
    return this.#call('replace', async () => {
      const found = await this.#find(current.id);
      if (found?.name !== secret.name) {
        throw new PsiError('HOST', `podman has no ${secret.name} with the id it had before`, { retry: 'now' });
      }
      try {
        if (this.#features().replace) return await this.#create(secret, true);
        await this.podman.remove(current.id);
        return await this.#create(secret, false);
      } catch (thrown) {
        if (await this.#find(current.id)) throw thrown;
        throw new PsiError('HOST', 'the old one is gone', { retry: 'later', cause: thrown });
      }
    });
  }

  #features(): RegistryFeatures {
    const since47 = this.podman.atLeast(4, 7);
    const names = { plain: !since47, longest: this.podman.atLeast(4, 6) ? 253 : 64 };
    return { version: this.podman.version, dropIns: this.podman.atLeast(5, 0), names, replace: since47 };
  }

  async #create(secret: NewSecret, replace: boolean): Promise<string> {
    const { name, options, labels } = secret;
    const body = new TextEncoder().encode(secret.body);
    const id = await this.podman.create({ name, driver: 'shell', options, labels, body, replace });
    const made = await this.#find(id);
    if (made?.driver === 'shell' && sameOptions(options, made.options)) return id;
    await this.podman.remove(id);
    throw new PsiError('HOST', `podman made ${name} with other settings than asked for`);
  }

  async #find(id: string): Promise<RegisteredSecret | undefined> {
    return (await this.podman.list()).find((secret) => secret.id === id);
  }

  async #call<T>(call: RegistryCall, work: () => Promise<T>): Promise<T> {
    const index = this.#plans.findIndex((plan) => plan.call === call);
    const [plan] = index === -1 ? [] : this.#plans.splice(index, 1);
    await plan?.before();
    try {
      return await work();
    } catch (thrown) {
      throw thrown instanceof PodmanRefusal ? translated(thrown) : thrown;
    }
  }
}

function translated(refusal: PodmanRefusal): PsiError {
  if (refusal.reason === 'secret name in use')
    return new PsiError('CONFLICT', 'the name is in use', { cause: refusal });
  const transient = /^exit status (?!22$)|^no such secret$|^no secret data/.test(refusal.reason);
  return new PsiError('HOST', refusal.message, { retry: transient ? 'later' : 'no', cause: refusal });
}
