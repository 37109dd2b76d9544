// The figures for node_exporter: a file that is whole at any moment, open to its user, by Prometheus's conventions, and never in the way of a start.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { stage, said, type Observed } from './observed/stage.ts';

type Figures = Observed & { readonly folder: string };

async function withFigures(t: TestContext, config: Readonly<Record<string, unknown>> = {}): Promise<Figures> {
  const it = await stage(t, { folders: { '/app': { A: 'a' } }, env: { PSI_METRICS_INTERVAL: '100ms' } });
  const folder = join(it.options.dir, 'collector');
  await mkdir(folder);
  await writeFile(join(folder, 'other.prom'), 'other 1\n');
  const killed = join(folder, '.psi.prom.0123456789ab.tmp');
  await writeFile(killed, 'half a');
  await utimes(killed, 1, 1);
  await it.restart(undefined, {
    ...it.options,
    config: { ...it.options.config, metrics: { textfile_dir: folder }, ...config },
  });
  return Object.assign(it, { folder });
}

const text = ({ folder }: Figures): Promise<string> => readFile(join(folder, 'psi.prom'), 'utf8').catch(() => '');

async function until(it: Figures, what: RegExp): Promise<string> {
  for (const end = performance.now() + 10_000; ;) {
    const now = await text(it);
    if (what.test(now)) return now;
    assert.ok(performance.now() < end, `never ${String(what)}: ${now}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

test('the figures are there for whoever collects them, and follow what happens', async (t) => {
  const it = await withFigures(t);
  await until(it, /^psi_provider_up\{provider="infisical"\} 1$/m);
  await it.registered();
  const at = /^psi_setup_last_success_timestamp_seconds (\S+)$/m.exec(
    await until(it, /^psi_setup_last_success_timestamp_seconds /m),
  );
  assert.ok(Math.abs(Number(at?.[1]) - Date.now() / 1000) < 60);
  assert.equal((await stat(join(it.folder, 'psi.prom'))).mode & 0o777, 0o644);
  it.front.answer = () => ({ status: 503, body: 'Service Unavailable' });
  await it.infisical.refuseConnections();
  assert.equal((await it.lookup('A')).ok, false);
  await until(it, /^psi_problems [1-9][^]*^psi_provider_up\{provider="infisical"\} 0$/m);
  await it.psi.stop();
  assert.deepEqual((await readdir(it.folder)).sort(), ['other.prom', 'psi.prom']);
});

test('each of them is by the conventions: a help, a type, no time, and `_total` at counters alone', async (t) => {
  const lines = (await until(await withFigures(t), /psi_mappings/)).split('\n').filter((line) => line !== '');
  const named = (word: string): Map<string, string> =>
    new Map(
      lines
        .flatMap((line) => (line.startsWith(`# ${word} `) ? [line.split(' ').slice(2)] : []))
        .map(([name = '', ...rest]) => [name, rest.join(' ')]),
    );
  const types = named('TYPE');
  for (const [name, help] of named('HELP')) assert.ok(help !== '' && types.has(name), name);
  for (const [name, type] of types) assert.equal(name.endsWith('_total'), type === 'counter', name);
  for (const line of lines.filter((one) => !one.startsWith('#'))) assert.match(line, /^psi_[a-z0-9_]+(?:\{.*\})? \S+$/);
});

test('a folder that is not there stops nothing: it is told with what mends it, until it is there', async (t) => {
  const it = await withFigures(t);
  await it.registered();
  // PSI writes into it meanwhile.
  await rm(it.folder, { recursive: true, maxRetries: 10 });
  for (const end = performance.now() + 10_000; ;) {
    const { code, stdout } = await it.psi.cli('status', '--quiet');
    if (code === 4) {
      assert.match(
        stdout,
        /^warning the figures for node_exporter are not as they should be: cannot write \S+psi\.prom: ENOENT\n +psi does not have that folder of the host: run `mkdir -p \S+`, then `/,
      );
      break;
    }
    assert.ok(performance.now() < end, stdout);
  }
  await mkdir(it.folder);
  await until(it, /psi_mappings/);
  // The file is there a moment before PSI knows that it is.
  let status = await it.psi.cli('status');
  for (const end = performance.now() + 10_000; status.code !== 0 && performance.now() < end;) {
    status = await it.psi.cli('status');
  }
  assert.equal(status.code, 0, said(status));
});
