// What every SecretRegistry keeps, on the fakes and on a real Podman.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { PsiError } from '../../src/core/error.ts';
import type {
  DriverOptions,
  NewSecret,
  RegisteredSecret,
  SecretRegistry,
} from '../../src/registration/secret-registry.ts';
import type { FakeDriverFace } from '../fakes/driver-face.fake.ts';

export type RegistryUnderTest = {
  readonly registry: SecretRegistry;
  /** What the driver commands of `options` reach. */
  readonly face: FakeDriverFace;
  readonly options: DriverOptions;
  /** Other text, same effect. */
  readonly otherOptions: DriverOptions;
  /** Makes a secret that is not PSI's. */
  readonly addForeign: (name: string) => Promise<void>;
  readonly stop: () => Promise<void>;
};

export function secretRegistryContract(
  name: string,
  start: () => Promise<RegistryUnderTest>,
  skip: string | false = false,
): void {
  describe(`secret registry: ${name}`, { skip }, () => {
    let on: RegistryUnderTest;
    let count = 0;
    const fresh = (): string => `contract--KEY_${String((count += 1))}`;
    const secret = (secretName: string, more: Partial<NewSecret> = {}): NewSecret => ({
      name: secretName,
      body: `body of ${secretName}`,
      options: on.options,
      labels: { 'psi.workload': 'contract' },
      ...more,
    });
    const byName = async (secretName: string): Promise<RegisteredSecret | undefined> =>
      (await on.registry.list()).find((listed) => listed.name === secretName);
    const made = async (secretName = fresh()): Promise<RegisteredSecret> => {
      await on.registry.create(secret(secretName));
      const listed = await byName(secretName);
      assert.ok(listed);
      return listed;
    };

    before(async () => {
      on = await start();
    });
    after(async () => {
      await on.stop();
    });
    beforeEach(() => {
      on.face.refuse.clear();
    });

    test('lists nothing where there is nothing', async () => {
      assert.deepEqual(await on.registry.list(), []);
    });

    test('names its version and what that version can', async () => {
      const features = await on.registry.features();
      const [, major = '', minor = ''] = /^(\d+)\.(\d+)\.\d/.exec(features.version) ?? [];
      const number = Number(major) * 100 + Number(minor);
      assert.deepEqual(features, {
        version: features.version,
        dropIns: number >= 500,
        names: { plain: number < 407, longest: number >= 406 ? 253 : 64 },
        replace: number >= 407,
      });
    });

    test('creates a secret whose body reaches the store command, and lists it as it was asked for', async () => {
      const secretName = fresh();
      const id = await on.registry.create(secret(secretName, { body: '{"key":"ü\\n\\"\'$%"}\n' }));
      assert.match(id, /^[0-9a-f]{25}$/);
      assert.equal(on.face.bodies.get(id), '{"key":"ü\\n\\"\'$%"}\n');
      assert.deepEqual(await byName(secretName), { id, name: secretName, driver: 'shell', options: on.options });
    });

    test('keeps options of any text as they are', async () => {
      const options = { ...on.options, list: `echo "a&b=c+d %41 'é' \\ \u{1f511}"\necho "\${X}"` };
      const id = await on.registry.create(secret(fresh(), { options }));
      assert.deepEqual((await on.registry.list()).find((listed) => listed.id === id)?.options, options);
    });

    test('lists secrets of other drivers beside its own', async () => {
      const [own, foreign] = [fresh(), fresh()];
      await on.registry.create(secret(own));
      await on.addForeign(foreign);
      assert.equal((await byName(own))?.driver, 'shell');
      assert.equal((await byName(foreign))?.driver, 'file');
    });

    test('refuses a name in use as CONFLICT and leaves its owner alone', async () => {
      const current = await made();
      await assert.rejects(
        on.registry.create(secret(current.name, { options: on.otherOptions })),
        failing('CONFLICT', 'no'),
      );
      assert.deepEqual(await byName(current.name), current);
      assert.equal(on.face.bodies.get(current.id), `body of ${current.name}`);
    });

    test('fails as HOST, which another try at once would not mend, and registers nothing when psi refuses the store', async () => {
      const secretName = fresh();
      on.face.refuse.add('store');
      await assert.rejects(on.registry.create(secret(secretName)), failing('HOST', 'no'));
      assert.equal(await byName(secretName), undefined);
      on.face.refuse.clear();
      await on.registry.create(secret(secretName));
    });

    test('fails as HOST for good when podman does not take the options or the body', async () => {
      const missing = secret(fresh(), { options: { ...on.options, list: '' } });
      await assert.rejects(on.registry.create(missing), failing('HOST', 'no'));
      await assert.rejects(on.registry.create(secret(fresh(), { body: '' })), failing('HOST', 'no'));
    });

    test('takes a name with @ exactly where its features say so', async () => {
      const { names } = await on.registry.features();
      const secretName = `worker@--${fresh()}`;
      const created = on.registry.create(secret(secretName));
      if (names.plain) return assert.rejects(created, failing('HOST', 'no'));
      const id = await created;
      const current = await byName(secretName);
      assert.equal(current?.id, id);
      await on.registry.replace(current, secret(secretName, { options: on.otherOptions }));
    });

    test('creates twenty secrets at once', async () => {
      const names = Array.from({ length: 20 }, fresh);
      const ids = await Promise.all(names.map((one) => on.registry.create(secret(one))));
      assert.deepEqual(
        ids.map((id) => on.face.bodies.get(id)),
        names.map((one) => `body of ${one}`),
      );
    });

    test('replaces options and body under the same name with a new id, and touches no other secret', async () => {
      const [current, other] = [await made(), await made()];
      const id = await on.registry.replace(current, secret(current.name, { options: on.otherOptions, body: 'new' }));
      assert.notEqual(id, current.id);
      assert.deepEqual(await byName(current.name), { ...current, id, options: on.otherOptions });
      assert.equal(on.face.bodies.get(id), 'new');
      assert.equal(on.face.bodies.has(current.id), false);
      assert.deepEqual(await byName(other.name), other);
    });

    test('replaces nothing when the old id is gone, and never sends an empty id to the delete command', async () => {
      const current = await made();
      await on.registry.replace(current, secret(current.name));
      const before = await on.registry.list();
      const calls = on.face.calls.length;
      await assert.rejects(on.registry.replace(current, secret(current.name)), failing('HOST', 'now'));
      await assert.rejects(
        on.registry.replace({ ...current, name: 'contract--GONE' }, secret('contract--GONE')),
        failing('HOST'),
      );
      assert.deepEqual(sorted(await on.registry.list()), sorted(before));
      assert.equal(on.face.calls.length, calls);
    });

    test('replaces nothing when the id belongs to another name or is only the beginning of one', async () => {
      const [current, other] = [await made(), await made()];
      const before = await on.registry.list();
      for (const id of [other.id, current.id.slice(0, 12), '', '../x', 'a/b', '?']) {
        await assert.rejects(on.registry.replace({ ...current, id }, secret(current.name)), failing('HOST'), id);
      }
      assert.deepEqual(sorted(await on.registry.list()), sorted(before));
    });

    test('says that the old secret is gone when the store command fails in a replace, and can create it again', async () => {
      const current = await made();
      on.face.refuse.add('store');
      await assert.rejects(on.registry.replace(current, secret(current.name)), (thrown) => {
        assert.match(psiError(thrown).message, /the old one is gone/);
        return failing('HOST', 'later')(thrown);
      });
      assert.equal(await byName(current.name), undefined);
      on.face.refuse.clear();
      await on.registry.create(secret(current.name));
    });

    test('keeps exactly one secret of the name, old or new, when the delete command fails in a replace', async () => {
      const current = await made();
      on.face.refuse.add('delete');
      const outcome = await on.registry
        .replace(current, secret(current.name, { options: on.otherOptions }))
        .catch((thrown: unknown) => {
          failing('HOST', 'later')(thrown);
          return psiError(thrown);
        });
      const listed = (await on.registry.list()).filter((one) => one.name === current.name);
      if (outcome instanceof PsiError) assert.deepEqual(listed, [current]);
      else assert.deepEqual(listed, [{ ...current, id: outcome, options: on.otherOptions }]);
    });
  });
}

function failing(code: string, retry?: string): (thrown: unknown) => true {
  return (thrown) => {
    const error = psiError(thrown);
    assert.equal(error.code, code, error.message);
    if (retry !== undefined) assert.equal(error.retry, retry, error.message);
    return true;
  };
}

function psiError(thrown: unknown): PsiError {
  assert.ok(thrown instanceof PsiError, String(thrown));
  return thrown;
}

function sorted(secrets: readonly RegisteredSecret[]): readonly RegisteredSecret[] {
  return secrets.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
