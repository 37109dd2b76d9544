// The lookup helper as a file: static, hardened, small, for this machine and for arm64, where it runs under an emulator and does the same.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import { socketOfNobody } from '../hosts/driver-command.ts';
import {
  builtHelper,
  emulatedHelper,
  runHelper,
  serveRaw,
  type HelperRun,
  type Serve,
} from '../hosts/lookup-helper.ts';
import { must } from '../hosts/run.ts';

const dir = await mkdtemp(join(tmpdir(), 'psi-helper-'));
after(() => rm(dir, { recursive: true, force: true }));

const BUILDS = [
  { name: 'this machine', file: await builtHelper(), program: await builtHelper() },
  { name: 'arm64', file: await builtHelper('arm64'), program: await emulatedHelper() },
];

type Segment = { readonly type: string; readonly flags: string };

/** `readelf -lW`, a line each. */
const segments = (text: string): readonly Segment[] =>
  [...text.matchAll(/^ {2}([A-Z_]+) +0x\S+ 0x\S+ 0x\S+ 0x\S+ 0x\S+ ([RWE ]{3}) /gm)].map(
    ([, type = '', flags = '']) => ({
      type,
      flags,
    }),
  );

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nvalue';
const ends =
  (bytes: string): Serve =>
  (socket) =>
    socket.end(bytes);

for (const { name, file, program } of BUILDS) {
  describe(`for ${name}`, () => {
    const path = file.ok ? (file.argv[0] ?? '') : '';

    test(
      'no library and no loader of the host, and no memory that is written and run',
      {
        skip: file.ok ? false : file.reason,
      },
      async () => {
        const { stdout } = await must(['readelf', '--wide', '--file-header', '--segments', '--dynamic', path]);
        const found = segments(stdout);
        assert.ok(
          found.some(({ type }) => type === 'LOAD'),
          stdout,
        );
        assert.ok(!found.some(({ type }) => type === 'INTERP'), 'it asks for a loader');
        assert.doesNotMatch(stdout, /\(NEEDED\)/);
        // Anywhere in memory, and its table of functions is closed before it begins.
        assert.match(stdout, /^ +Type: +DYN /m);
        assert.match(stdout, /\(FLAGS_1\) +Flags: .*NOW.* PIE/);
        assert.ok(found.some(({ type }) => type === 'GNU_RELRO'));
        assert.ok(found.some(({ type, flags }) => type === 'GNU_STACK' && !flags.includes('E')));
        assert.deepEqual(
          found.filter(({ flags }) => flags.includes('W') && flags.includes('E')),
          [],
        );
        const { size, mode } = await stat(path);
        assert.ok(size < 100_000, `${String(size)} bytes`);
        assert.equal(mode & 0o111, 0o111);
        // The folder that it was built in is nobody's business.
        assert.ok(!(await readFile(path, 'latin1')).includes('packages/psi-lookup'));
      },
    );

    const skip = program.ok ? false : program.reason;
    const ask = async (
      t: TestContext,
      serve: Serve | 'nobody',
      verb = 'lookup',
      more: HelperRun = {},
      seconds = '20',
    ) => {
      const socket = join(await mkdtemp(join(dir, 's-')), 'psi.sock');
      if (serve === 'nobody') await socketOfNobody(socket);
      else await serveRaw(t, socket, serve);
      const argv = program.ok ? program.argv : [];
      const { code, stdout, stderr } = await runHelper(
        [...argv, verb, '--socket', socket, '--max-time', seconds],
        more,
      );
      return [code, stdout.toString(), stderr.replace(socket, 'SOCKET').split(' (')[0]];
    };

    test('it runs: a value, an input, and each kind of failure', { skip }, async (t) => {
      assert.deepEqual(await ask(t, ends(OK)), [90, 'value', '']);
      assert.deepEqual(await ask(t, ends(OK), 'store', { stdin: '{}' }), [90, '', '']);
      assert.deepEqual(await ask(t, ends(OK), 'health'), [0, 'value', '']);
      const refusal = 'HTTP/1.1 404 Not Found\r\ncontent-type: psi: gone\r\n\r\n';
      const broken = 'psi: the call at SOCKET broke off: run systemctl status psi.service';
      const late = 'psi: no answer at SOCKET within 1 s: run systemctl status psi.service';
      const nobody = 'psi: nobody listens at SOCKET, or this user may not call: run systemctl restart psi.socket';
      assert.deepEqual(await ask(t, ends(refusal)), [91, '', 'psi: gone']);
      assert.deepEqual(await ask(t, ends(OK.slice(0, -1))), [94, '', broken]);
      assert.deepEqual(await ask(t, (socket) => socket.write(OK.slice(0, -1)), 'lookup', {}, '1'), [93, '', late]);
      assert.deepEqual(await ask(t, 'nobody', 'lookup', {}, '1'), [92, '', nobody]);
    });
  });
}
