// The lookup command with a helper that it finds: one that works, one that is certain of a failure, and whatever else can lie at its path, under
// each shell that is `/bin/sh` somewhere. Who asked is told by the server.

import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { lookupCommand } from '../../src/registration/driver-command/lookup-command.ts';
import { endHelper, runDriverCommand, where, type CommandRun, type Ran } from '../hosts/driver-command.ts';
import { builtHelper } from '../hosts/lookup-helper.ts';

const VALUE = Buffer.from([0, 255, 10, 13, 34, 39, 36, 92, 110, 10, 10]);
/** More than the kernel takes before somebody reads. */
const LARGE = Buffer.alloc(900_000, 'large');
const TOKEN = 'Bearer canary-token';
const SHELLS = (await Promise.all(['dash', 'bash', 'busybox'].map(where))).filter((path) => path !== '');

const built = await builtHelper();
const foreign = await builtHelper('arm64');
const skip = built.ok ? false : built.reason;
const program = built.ok ? (built.argv[0] ?? '') : '';

const dir = await mkdtemp(join(tmpdir(), 'psi-command-'));
const socket = join(dir, "it's $a.sock");
const headerFile = join(dir, "it's $a.hdr");
/** User-Agent of each request. */
let asked: string[] = [];
let refusal: string | undefined;
let value = VALUE;

const server = createServer((request, response) => {
  asked.push(
    `${request.headers.authorization === TOKEN ? '' : 'without the token '}${request.headers['user-agent'] ?? ''}`,
  );
  if (refusal === undefined) response.writeHead(200, { 'content-length': value.length }).end(value);
  else response.writeHead(404, { 'content-type': refusal, 'content-length': 0 }).end();
});

before(async () => {
  await writeFile(headerFile, `Authorization: ${TOKEN}\n`);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});
after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true, force: true });
});

/** In a working directory of its own, which has to stay empty. */
async function lookup(
  shell: string,
  helper: string,
  at = socket,
  more: Partial<CommandRun> = {},
): Promise<Ran & { readonly by: string }> {
  asked = [];
  const command = lookupCommand({ socket: at, maxTimeSeconds: 20, headerFile, helper });
  const cwd = await mkdtemp(join(dir, 'cwd-'));
  const ran = await runDriverCommand(command, { id: 'abc', shell, cwd, ...more });
  assert.deepEqual(await readdir(cwd), []);
  return { ...ran, by: asked.join(' and ').replaceAll(/\/[\d.]+/g, '') };
}

const file = async (name: string, write: (path: string) => Promise<unknown>, mode = 0o755): Promise<string> => {
  const path = join(await mkdtemp(join(dir, "helper's $a-")), name);
  await write(path);
  await chmod(path, mode);
  return path;
};
const script = (text: string) => file('psi-lookup', (path) => writeFile(path, `#!/bin/sh\n${text}\n`));
const cut = (length: number) =>
  file('psi-lookup', async (path) => {
    await copyFile(program, path);
    await truncate(path, length);
  });

type Case = { readonly what: string; readonly helper: () => Promise<string>; readonly skip?: string };

/** Beside the ends of the file the places where the kernel, the loader and the program itself find that there is no more. */
const CUTS = [1, 3, 16, 63, 64, 300, 4095, 4096, 12_288, 20_000, 32_768, 40_960, 44_000];

const USELESS: readonly Case[] = [
  { what: 'none', helper: () => Promise.resolve(join(dir, 'nowhere/psi-lookup')) },
  { what: 'an empty one', helper: () => cut(0) },
  ...CUTS.map((length) => ({ what: `one that is cut after ${String(length)} bytes`, helper: () => cut(length) })),
  { what: 'zeros', helper: () => file('psi-lookup', (path) => writeFile(path, Buffer.alloc(46_000))) },
  {
    what: 'one of another architecture',
    helper: () => file('psi-lookup', (path) => copyFile(foreign.ok ? (foreign.argv[0] ?? '') : '', path)),
    ...(foreign.ok ? {} : { skip: foreign.reason }),
  },
  { what: 'one that may not be executed', helper: () => file('psi-lookup', (path) => copyFile(program, path), 0o644) },
  { what: 'a folder', helper: () => file('psi-lookup', (path) => mkdir(path)) },
  { what: 'one that ends well without a word', helper: () => script('exit 0') },
  { what: 'one that complains and ends', helper: () => script('echo nonsense >&2; exit 65') },
  {
    what: 'one of an interpreter that is not there',
    helper: () => file('psi-lookup', (path) => writeFile(path, '#!/none\n')),
  },
  ...['KILL', 'SEGV', 'BUS', 'TERM', 'PIPE'].map((signal) => ({
    what: `one that is ended by SIG${signal}`,
    helper: () => script(`kill -${signal} $$`),
  })),
];

for (const shell of SHELLS) {
  describe(shell, () => {
    test('a helper is asked, and curl is not', { skip }, async () => {
      const ran = await lookup(shell, program);
      assert.deepEqual([ran.code, ran.stdout, ran.stderr, ran.by], [0, VALUE, '', 'psi-lookup']);
    });

    test('what PSI refuses is said once, and curl is not asked', { skip }, async () => {
      refusal = 'psi: app--A: \\n gone 100% `x` "now"; hint: set it';
      const ran = await lookup(shell, program).finally(() => {
        refusal = undefined;
      });
      assert.deepEqual([ran.code, ran.stdout.length, ran.by], [91, 0, 'psi-lookup']);
      assert.equal(
        ran.stderr,
        'psi: app--A: \\n gone 100% `x` "now"; hint: set it (lookup failed, status 22; more: journalctl -u psi.service)\n',
      );
    });

    test('without a PSI the two say the same, the reason of its failed starts too', { skip }, async () => {
      const folder = await mkdtemp(join(dir, 'down-'));
      const at = join(folder, 'psi.sock');
      for (const marker of [false, true]) {
        if (marker) await writeFile(join(folder, 'start-failed'), 'psi.service failed\nrun journalctl\nmore\n');
        const [own, curl] = [await lookup(shell, program, at), await lookup(shell, '/nonexistent', at)];
        assert.deepEqual([own.code, own.stdout.length, curl.code], [92, 0, 7]);
        assert.equal(own.stderr, curl.stderr);
        assert.match(own.stderr, /^psi: there is no socket at .+: run systemctl restart psi\.socket \(lookup failed, /);
        assert.equal(own.stderr.includes('psi: psi.service failed run journalctl\n'), marker);
      }
    });

    for (const status of [91, 92, 93, 94, 95, 96]) {
      test(`a failure that is certain (${String(status)}) ends the command`, async () => {
        const ran = await lookup(
          shell,
          await script(`echo 'psi: for a reason' >&3; echo more >&2; exit ${String(status)}`),
        );
        assert.deepEqual([ran.code, ran.stdout.length, ran.stderr, ran.by], [status, 0, 'psi: for a reason\n', '']);
      });
    }

    for (const [signal, status] of [
      ['SIGKILL', 137],
      ['SIGSEGV', 139],
      ['SIGTERM', 143],
    ] as const) {
      test(
        `one that ${signal} ends while it writes ends the command: no value is joined to the part of one`,
        { skip },
        async () => {
          value = LARGE;
          const ran = await lookup(shell, program, socket, {
            atFirstByte: async (pid) => {
              await endHelper(pid, signal);
              return true;
            },
          }).finally(() => {
            value = VALUE;
          });
          assert.ok(ran.stdout.length > 0 && ran.stdout.length < LARGE.length, `${String(ran.stdout.length)} bytes`);
          assert.deepEqual([ran.code, ran.by], [status, 'psi-lookup']);
          assert.equal(
            ran.stderr,
            `psi: ${program} was ended while it wrote the value: start the workload again ` +
              `(lookup failed, status ${String(status)}; more: journalctl -u psi.service)\n`,
          );
        },
      );
    }

    test('where the value is no longer taken the command ends', { skip }, async () => {
      value = LARGE;
      const ran = await lookup(shell, program, socket, { atFirstByte: () => Promise.resolve(false) }).finally(() => {
        value = VALUE;
      });
      assert.deepEqual([ran.code, ran.by], [96, 'psi-lookup']);
    });

    test('one that hangs, and so ends itself, ends the command: curl would wait as long once more', async () => {
      const ran = await lookup(shell, await script('kill -ALRM $$'));
      assert.deepEqual([ran.code, ran.stdout.length, ran.by], [142, 0, '']);
      assert.match(
        ran.stderr,
        /^psi: \S.*\/psi-lookup did not end in time: run systemctl status psi\.service \(lookup failed, status 142; /,
      );
    });

    for (const { what, helper, skip: lacks } of USELESS) {
      test(`${what}: the value comes by curl, and nothing is said`, { skip: lacks ?? skip }, async () => {
        const ran = await lookup(shell, await helper());
        assert.deepEqual([ran.code, ran.stdout, ran.stderr, ran.by], [0, VALUE, '', 'curl']);
      });
    }

    test('a helper of another version is asked as it always was', async () => {
      const words = join(dir, 'words');
      const ran = await lookup(shell, await script(`printf '%s|' "$@" >${words}; printf value; exit 90`));
      assert.deepEqual([ran.code, ran.stdout.toString(), ran.stderr, ran.by], [0, 'value', '', '']);
      assert.equal(
        await readFile(words, 'utf8'),
        `lookup|--socket|${socket}|--header|${headerFile}|--max-time|20|--errors-to|3|--begun|4|`,
      );
    });
  });
}

test('where there is no file by which the two know of each other, curl is asked', async () => {
  asked = [];
  const command = lookupCommand({ socket, maxTimeSeconds: 20, headerFile, helper: program });
  const ran = await runDriverCommand(command.replace('4</proc/sys/kernel/ostype', '4</nonexistent'), { id: 'abc' });
  assert.deepEqual([ran.code, ran.stdout, ran.stderr, asked.length], [0, VALUE, '', 1]);
  assert.match(asked[0] ?? '', /^curl/);
});

test('without a token there is no word about one', async () => {
  const helper = await script('echo "$@" >&3; exit 91');
  const command = lookupCommand({ socket: '/s', maxTimeSeconds: 7, headerFile: undefined, helper });
  const { stderr } = await runDriverCommand(command, { id: 'abc' });
  assert.equal(stderr, 'lookup --socket /s --max-time 7 --errors-to 3 --begun 4\n');
});
