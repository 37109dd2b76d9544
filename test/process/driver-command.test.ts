// The commands that PSI gave to Podman, run as Podman runs them on a host where something is amiss: what reaches the container, and the line
// that reaches the journal of its unit. The curl of the host is a double of an earlier one, or none.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { oldCurl, type OldCurl } from '../doubles/old-curl/old-curl.ts';
import type { DriverFace } from '../fakes/podman.fake.ts';
import { hastyCurl, inFront, runDriverCommand, socketOfNobody, type Ran } from '../hosts/driver-command.ts';
import { ask } from '../hosts/psi-process.ts';
import { said, stage, type Observed } from './observed/stage.ts';

const VALUE = ' two lines \\n "quoted" $HOME `x` ü \u0001\nwith a line end\n\n';

type Host = {
  readonly it: Observed;
  /** PATH of what Podman runs. */
  readonly on: { path: string };
  /** By its own lookup command, at a start of the workload. */
  readonly lookup: (more?: { readonly without?: 'dac_override' }) => Promise<Ran>;
};

/** One secret, registered by the driver's commands themselves. */
async function host(t: TestContext): Promise<Host> {
  const on = { path: process.env['PATH'] ?? '' };
  const driver: DriverFace = {
    store: (id, body, { store = '' }) => orFail(runDriverCommand(store, { id, stdin: body, path: on.path })),
    delete: (id, { delete: remove = '' }) => orFail(runDriverCommand(remove, { id, path: on.path })),
  };
  const it = await stage(t, { folders: { '/app': { A: VALUE } }, driver });
  return {
    it,
    on,
    lookup: async ({ without } = {}) => {
      const [secret] = await it.podman.list();
      assert.ok(secret, 'nothing is registered');
      const command = secret.options['lookup'] ?? '';
      const shell = without === undefined ? undefined : await shellWithout(it.options.dir, without);
      return runDriverCommand(command, { id: secret.id, path: on.path, ...(shell !== undefined && { shell }) });
    },
  };
}

async function orFail(ran: Promise<Ran>): Promise<void> {
  const { code, stdout } = await ran;
  // Podman's own output would begin with it.
  assert.equal(stdout.length, 0);
  if (code !== 0) throw new Error(`exit status ${String(code)}`);
}

/** Root writes to every socket; without this right it is the owner like any other. */
async function shellWithout(dir: string, right: string): Promise<string> {
  const path = join(await mkdtemp(join(dir, 'shell-')), 'sh');
  await writeFile(path, `#!/bin/sh\nexec setpriv --bounding-set=-${right} /bin/sh "$@"\n`, { mode: 0o755 });
  return path;
}

const withCurl = async ({ it, on }: Host, version: OldCurl): Promise<void> => {
  on.path = inFront(await oldCurl(it.options.dir, version));
};

for (const version of ['7.63.0', '7.74.0', '7.76.0'] as const) {
  test(`curl ${version}: registered by it, the value alone comes out, and a failure says what to look at`, async (t) => {
    const stood = await host(t);
    await withCurl(stood, version);
    const registered = await stood.it.setup();
    assert.equal(registered.code, 0, said(registered));
    const good = await stood.lookup();
    assert.deepEqual([good.code, good.stdout.toString(), good.stderr], [0, VALUE, '']);
    stood.it.remove('/app', 'A');
    const failed = await stood.lookup();
    assert.deepEqual([failed.code, failed.stdout.length], [22, 0]);
    const reason =
      version === '7.76.0' ? /^psi: app--A: .+/ : new RegExp(`^psi: refused, and curl ${version} is too old`);
    assert.match(failed.stderr, reason);
    assert.match(failed.stderr, /\(lookup failed, status 22; more: journalctl -u psi\.service\)\n$/);
    assert.doesNotMatch(failed.stderr, /%|unknown/);
    const status = await stood.it.psi.cli('status');
    assert.match(status.stdout, new RegExp(`^curl of the host: ${version.replaceAll('.', '\\.')}`, 'm'));
    assert.equal(said(registered).includes(`curl ${version} on this host`), version !== '7.76.0', said(registered));
  });
}

test('curl 7.61: no value rather than one with a message in it, and the line says why', async (t) => {
  const stood = await host(t);
  const { it, on } = stood;
  await it.registered();
  await withCurl(stood, '7.61.0');
  // Somebody's command that is right with any curl is served.
  const [secret] = await it.podman.list();
  const plain = `curl -sf --unix-socket '${it.psi.socket}' http://localhost/lookup/$SECRET_ID`;
  const foreign = await runDriverCommand(plain, { id: secret?.id ?? '', path: on.path });
  assert.deepEqual([foreign.code, foreign.stdout.toString()], [0, VALUE]);
  const refused = await stood.lookup();
  assert.deepEqual([refused.code, refused.stdout.toString().includes(VALUE)], [22, false]);
  assert.match(
    refused.stderr,
    /^psi: refused, and curl 7\.61\.0 is too old .+\(before 7\.63 that is why\): update curl /m,
  );
  const status = await it.psi.cli('status');
  assert.match(status.stdout, /problem .*curl 7\.61\.0 on this host is too old/);
  assert.match(status.stdout, /update curl on the host to 7\.63 or later/);
  it.set('/app', 'B', 'another');
  const setup = await it.setup();
  assert.notEqual(setup.code, 0);
  assert.match(said(setup), /curl 7\.61\.0 on this host: too old: before 7\.63/);
  // What the hint says.
  on.path = process.env['PATH'] ?? '';
  assert.equal((await stood.lookup()).stdout.toString(), VALUE);
  assert.equal((await it.setup()).code, 0);
  assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem/);
});

test('no socket, one of the wrong mode, one that nobody serves: named at once, with what to run', async (t) => {
  const { it, lookup } = await host(t);
  await it.registered();
  const { socket } = it.psi;
  await chmod(socket, 0);
  const closed = await lookup({ without: 'dac_override' });
  await chmod(socket, 0o600);
  await rename(socket, `${socket}.away`);
  const absent = await lookup();
  await socketOfNobody(socket);
  const deaf = await lookup();
  await rename(`${socket}.away`, socket);
  assert.deepEqual(
    [closed, absent, deaf].map(({ code, stdout, stderr }) => [code, stdout.length, stderr.split(' (lookup failed')[0]]),
    [
      [7, 0, `psi: no right to write to ${socket}: run systemctl restart psi.socket`],
      [7, 0, `psi: there is no socket at ${socket}: run systemctl restart psi.socket`],
      [7, 0, `psi: nobody listens at ${socket}, or this user may not call: run systemctl restart psi.socket`],
    ],
  );
  assert.equal((await lookup()).stdout.toString(), VALUE);
});

test('without curl the line says so', async (t) => {
  const { it, on, lookup } = await host(t);
  await it.registered();
  on.path = join(it.options.dir, 'nothing');
  const { code, stdout, stderr } = await lookup();
  assert.deepEqual([code, stdout.length], [127, 0]);
  assert.match(stderr, /^psi: no curl on this host that runs: install curl /m);
});

test('a PSI that does not answer is waited for, and for two seconds alone where it has failed to start', async (t) => {
  const { it, on, lookup } = await host(t);
  await it.registered();
  const curl = await hastyCurl(it.options.dir);
  on.path = inFront(curl.folder);
  const marker = join(dirname(it.psi.socket), 'start-failed');
  process.kill(it.psi.pid, 'SIGSTOP');
  try {
    const slow = await lookup();
    assert.deepEqual([slow.code, slow.stdout.length], [28, 0]);
    assert.match(slow.stderr, /^psi: no answer at \S+ within 20 s: run systemctl status psi\.service /);
    await writeFile(marker, 'psi.service could not pull its image\nrun journalctl -u psi.service\n');
    const failed = await lookup();
    assert.deepEqual([failed.code, failed.stdout.length], [28, 0]);
    assert.match(
      failed.stderr,
      /^psi: no answer at \S+ within 2 s: .+\npsi: psi\.service could not pull its image run journalctl/,
    );
  } finally {
    process.kill(it.psi.pid, 'SIGCONT');
  }
  // One that was left behind harms nobody.
  const good = await lookup();
  assert.deepEqual([good.code, good.stdout.toString(), good.stderr], [0, VALUE, '']);
  assert.deepEqual(await curl.waits(), ['20', '2', '2']);
});

test('the commands that an earlier PSI froze are replaced by the next setup, and work until then', async (t) => {
  const { it, lookup } = await host(t);
  await it.registered();
  const [now] = await it.podman.list();
  assert.ok(now);
  const earlier = (verb: string, more: string): string =>
    `curl -q -sf --max-time 20 --unix-socket '${it.psi.socket}' -w '%{onerror}%{stderr}psi: %header{psi-hint}\\n' ${more}"http://localhost/${verb}/$SECRET_ID"`;
  const mapping = { provider: 'infisical', project: 'main', path: '/app', key: 'A' };
  const options = {
    lookup: earlier('lookup', ''),
    store: earlier('store', '--data-binary @- '),
    delete: earlier('delete', '-X DELETE '),
    list: 'true',
  };
  const { name, driver, labels } = now;
  await it.podman.create({ name, driver, labels, options, body: Buffer.from(JSON.stringify(mapping)), replace: true });
  assert.equal((await lookup()).stdout.toString(), VALUE);
  assert.equal((await it.setup()).code, 0);
  const [then] = await it.podman.list();
  assert.deepEqual(then?.options, now.options);
  assert.equal((await ask(it.psi.socket, 'GET', '/healthz')).status, 200);
  assert.equal((await lookup()).stdout.toString(), VALUE);
});
