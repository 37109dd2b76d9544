// Killed before any single change that a replacement makes on disk: whoever reads finds a pair that belongs together, the old or the new,
// and the next run finishes what was left.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { factsOfPair } from '../../src/adapters/files/certificate-pair.ts';
import type { CertificateMaterial } from '../../src/certificates/certificate-authority.ts';
import { makeMaterial, NOW } from '../doubles/infisical/pki-material.ts';
import { compileKillPoint } from '../doubles/kill-point/kill-point.ts';
import { run } from '../hosts/run.ts';
import { outputIn } from './certificate-write.ts';

const WRITER = join(import.meta.dirname, 'certificate-write.ts');

describe('a replacement that is killed', () => {
  let dir: string;
  let library: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'psi-kill-'));
    library = await compileKillPoint(dir);
  });
  after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));

  let count = 0;
  const place = async (): Promise<string> => {
    const root = join(dir, `place-${String((count += 1))}`);
    for (const name of ['certs', 'private']) await mkdir(join(root, name), { recursive: true });
    return root;
  };

  /** Writes at each place in turn, waiting for no disk. Answers whether it was killed. */
  const write = async (
    places: readonly string[],
    { certificate, chain, key }: CertificateMaterial,
    more: Readonly<Record<string, string>> = {},
  ): Promise<boolean> => {
    const input = JSON.stringify({ certificate, chain, key: key?.exposeText(), now: String(NOW) });
    const env = { PATH: process.env['PATH'], LD_PRELOAD: library, KILL_POINT_ROOT: dir, ...more };
    const { code, stderr } = await run([process.execPath, WRITER, ...places], { input, env });
    assert.match(stderr, /^(?:Killed\s*)?$/);
    return code !== 0;
  };

  const serialAt = async (root: string): Promise<string> => {
    const { cert, key } = outputIn(root);
    return factsOfPair(await readFile(cert, 'utf8'), await readFile(key, 'utf8'))?.serial ?? 'no pair';
  };
  const serialOf = ({ certificate, key }: CertificateMaterial): string =>
    factsOfPair(certificate, key?.exposeText() ?? '')?.serial ?? '';

  /** What a kill leaves at each step of one replacement. `old`: what was there before, undefined for nothing. */
  const everyStep = async (root: string, old: string | undefined): Promise<number> => {
    const copies = join(dir, `copies-${String((count += 1))}`);
    await mkdir(copies);
    const next = makeMaterial();
    const found = serialOf(next);
    assert.equal(await write([root], next, { KILL_POINT_ROOT: root, KILL_POINT_COPIES: copies }), false);
    const steps = (await readdir(copies)).map((name) => join(copies, name));
    const seen = new Set<string | undefined>();
    for (const step of steps) {
      const serial = await serialAt(step).catch(() => undefined);
      assert.ok([old, found].includes(serial), `${step}: ${String(serial)}`);
      seen.add(serial);
    }
    assert.deepEqual(seen, new Set([old, found]), 'both were seen');
    // The next run comes with another certificate, or with the same: it makes no difference to the files.
    const last = makeMaterial();
    assert.equal(await write(steps, last), false);
    for (const step of steps) {
      assert.equal(await serialAt(step), serialOf(last), step);
      const left = await Promise.all(['certs', 'private'].map((name) => readdir(join(step, name))));
      assert.deepEqual(left.flat().sort(), ['.psi-web', 'chain.pem', 'web.key', 'web.pem'], step);
      assert.equal((await readdir(join(step, 'certs/.psi-web'))).length, 2, step);
    }
    return steps.length;
  };

  test('where a certificate of PSI was leaves the old one or the new one', async () => {
    const [root, old] = [await place(), makeMaterial()];
    assert.equal(await write([root], old), false);
    const steps = await everyStep(root, serialOf(old));
    assert.ok(steps >= 20, `only ${String(steps)} steps were seen`);
  });

  const plainFiles = async (old: CertificateMaterial): Promise<string> => {
    const root = await place();
    const { cert, key, chain } = outputIn(root);
    await writeFile(cert, old.certificate);
    await writeFile(key, old.key?.exposeText() ?? '', { mode: 0o600 });
    await writeFile(chain, old.chain);
    return root;
  };

  test('where plain files were leaves the old pair or the new one', async () => {
    const old = makeMaterial();
    const steps = await everyStep(await plainFiles(old), serialOf(old));
    assert.ok(steps >= 40, `only ${String(steps)} steps were seen`);
  });

  test('where nothing was leaves nothing or the new one', async () => {
    const steps = await everyStep(await place(), undefined);
    assert.ok(steps >= 20, `only ${String(steps)} steps were seen`);
  });

  test('with SIGKILL leaves what the copies of the steps show', async () => {
    const [old, next] = [makeMaterial(), makeMaterial()];
    const armed = join(dir, 'armed');
    for (const step of [8, 22, 31, 44]) {
      const root = await plainFiles(old);
      await writeFile(armed, `step ${String(step)}`);
      assert.equal(await write([root], next, { KILL_POINT_ROOT: root, KILL_POINT_FILE: armed }), true, String(step));
      assert.ok([serialOf(old), serialOf(next)].includes(await serialAt(root)), String(step));
    }
  });
});
