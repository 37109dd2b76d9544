// The frozen commands, run by the real `sh` and `curl` as Podman runs them, against a small server on a Unix socket.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import {
  hastyCurl,
  inFront,
  NO_HELPER,
  runDriverCommand,
  socketOfNobody,
  where,
  type Ran,
} from '../hosts/driver-command.ts';
import { oldCurl, OLD_CURLS } from '../doubles/old-curl/old-curl.ts';
import { driverMaxTimeSeconds, driverOptions, isPsiOptions } from '../../src/registration/driver-command/options.ts';

const ID = 'd0a530acce22815a7778d156f';
const BINARY = Buffer.from([0, 255, 10, 13, 34, 39, 36, 10, 10]);
const LARGE = Buffer.from('0123456789abcdef'.repeat(3840) + '\n');
const HINT = 'the provider is not reachable since 10:02: see `psi status` 100% "now"';

type Seen = { method: string; url: string; authorization: string | undefined; body: Buffer };

/** Those that are `/bin/sh` somewhere, by their paths: Debian, Fedora, Alpine. */
const SHELLS = (await Promise.all(['dash', 'bash', 'busybox'].map(where))).filter((path) => path !== '');

const run = (command: string, id: string, stdin = ''): Promise<Ran> => runDriverCommand(command, { id, stdin });

/** As PSI refuses its own commands: the reason is the type. */
function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'content-type': `psi: ${reason}` }).end();
}

describe('driver commands', () => {
  let dir: string;
  let server: Server;
  let seen: Seen[] = [];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "psi $driver's-"));
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        seen.push({ method, url, authorization: headers.authorization, body: Buffer.concat(chunks) });
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(join(dir, 'psi.sock'), resolve));
    await socketOfNobody(join(dir, 'deaf.sock'));
  });

  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(dir, { recursive: true });
  });

  const commands = (change: { socket?: string; maxTimeSeconds?: number; headerFile?: string } = {}) => {
    seen = [];
    const socket = join(dir, change.socket ?? 'psi.sock');
    return driverOptions({
      socket,
      maxTimeSeconds: change.maxTimeSeconds ?? 20,
      headerFile: change.headerFile,
      helper: NO_HELPER,
    });
  };
  const serve = (body: Buffer | string) => {
    answer = (_request, response) => response.end(body);
  };

  for (const [what, value] of [
    ['a binary', BINARY],
    ['a 60 KB', LARGE],
    ['an empty', Buffer.alloc(0)],
  ] as const) {
    it(`prints ${what} value byte for byte and nothing else`, async () => {
      serve(value);
      const { code, stdout, stderr } = await run(commands().lookup, ID);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.ok(stdout.equals(value));
      assert.deepEqual(seen[0], {
        method: 'GET',
        url: `/lookup/${ID}`,
        authorization: undefined,
        body: Buffer.alloc(0),
      });
    });
  }

  it('prints one line with the hint of psi when the lookup is refused', async () => {
    answer = (_request, response) => {
      refuse(response, 503, HINT);
    };
    const { code, stdout, stderr } = await run(commands().lookup, ID);
    assert.equal(code, 22);
    assert.equal(stdout.length, 0);
    assert.equal(stderr, `psi: ${HINT} (lookup failed, status 22; more: journalctl -u psi.service)\n`);
  });

  it('prints one line when nobody listens, the answer is cut short, or it takes too long', async () => {
    answer = (request) => request.socket.destroy();
    const cut = await run(commands().lookup, ID);
    answer = () => undefined;
    const slow = await run(commands({ maxTimeSeconds: 0.2 }).lookup, ID);
    const absent = await run(commands({ socket: 'absent.sock' }).lookup, ID);
    assert.deepEqual([cut.code, slow.code, absent.code], [52, 28, 7]);
    for (const { stdout, stderr } of [cut, slow, absent]) {
      assert.equal(stdout.length, 0);
      assert.match(stderr, /^psi: [^\n]+: run [^\n]+ \(lookup failed, [^\n]+; more: journalctl -u psi.service\)\n$/);
    }
  });

  for (const shell of SHELLS) {
    it(`names the cause and what to run, in ${basename(shell)}`, async () => {
      serve(BINARY);
      const lookup = (change: Parameters<typeof commands>[0], path?: string): Promise<Ran> =>
        runDriverCommand(commands(change).lookup, { id: ID, shell, ...(path !== undefined && { path }) });
      const good = await lookup({});
      assert.deepEqual([good.code, good.stdout, good.stderr], [0, BINARY, '']);
      const absent = await lookup({ socket: 'absent.sock' });
      const deaf = await lookup({ socket: 'deaf.sock' });
      answer = () => undefined;
      const slow = await lookup({ maxTimeSeconds: 0.2 });
      answer = (_request, response) => {
        refuse(response, 503, HINT);
      };
      const refused = await lookup({});
      const old = await lookup({}, inFront(await oldCurl(dir, '7.74.0')));
      const noCurl = await lookup({}, join(dir, 'nothing'));
      const at = (name: string): string => join(dir, name);
      const restart = 'run systemctl restart psi.socket';
      assert.deepEqual(
        [absent, deaf, slow, refused, old, noCurl].map(({ code, stdout, stderr }) => {
          assert.equal(stdout.length, 0);
          const line = stderr.split('\n').at(-2) ?? '';
          return [code, line.replace(/ \(lookup failed, status \d+; more: journalctl -u psi\.service\)$/, '')];
        }),
        [
          [7, `psi: there is no socket at ${at('absent.sock')}: ${restart}`],
          [7, `psi: nobody listens at ${at('deaf.sock')}, or this user may not call: ${restart}`],
          [28, `psi: no answer at ${at('psi.sock')} within 0.2 s: run systemctl status psi.service`],
          [22, `psi: ${HINT}`],
          [22, 'psi: refused, and curl 7.74.0 is too old to show why (before 7.63 that is why): update curl'],
          [127, 'psi: no curl on this host that runs: install curl'],
        ],
      );
    });

    it(`waits two seconds where psi has failed to start, and prints why after a failure alone, in ${basename(shell)}`, async () => {
      const marker = join(dir, 'start-failed');
      const curl = await hastyCurl(await mkdtemp(join(dir, 'hasty-')));
      const lookup = (): Promise<Ran> =>
        runDriverCommand(commands().lookup, { id: ID, shell, path: inFront(curl.folder) });
      await writeFile(marker, 'the image is gone \\n100%s\nrun `podman pull it`\n');
      try {
        answer = () => undefined;
        const failed = await lookup();
        assert.equal(failed.code, 28);
        assert.match(failed.stderr, /^psi: no answer at [^\n]+ within 2 s: run [^\n]+\n/);
        assert.equal(failed.stderr.split('\n')[1], 'psi: the image is gone \\n100%s run `podman pull it`');
        serve(BINARY);
        const good = await lookup();
        assert.deepEqual([good.code, good.stdout, good.stderr], [0, BINARY, '']);
        answer = (_request, response) => {
          refuse(response, 503, HINT);
        };
        assert.doesNotMatch((await lookup()).stderr, /image/);
        assert.deepEqual(await curl.waits(), ['2', '2', '2']);
      } finally {
        await rm(marker);
      }
      serve(BINARY);
      await lookup();
      assert.deepEqual(await curl.waits(), ['2', '2', '2', '20']);
    });
  }

  for (const version of OLD_CURLS) {
    it(`gives the value alone with curl ${version}`, async () => {
      const path = inFront(await oldCurl(dir, version));
      for (const value of [BINARY, LARGE, Buffer.alloc(0)]) {
        serve(value);
        const { code, stdout, stderr } = await runDriverCommand(commands().lookup, { id: ID, path });
        assert.deepEqual([code, stdout], [0, value]);
        // Before 7.63 it complains: psi does not answer it.
        assert.equal(stderr, version === '7.61.0' ? "curl: unknown --write-out variable: 'stderr'\n" : '');
      }
    });
  }

  it('stores what stands on stdin byte for byte and prints nothing', async () => {
    serve('');
    const { code, stdout, stderr } = await run(commands().store, ID, '{"a":"ü\\n"}\n\n');
    assert.deepEqual({ code, stdout: stdout.length, stderr }, { code: 0, stdout: 0, stderr: '' });
    assert.equal(seen[0]?.method, 'POST');
    assert.equal(seen[0].url, `/store/${ID}`);
    assert.equal(seen[0].body.toString(), '{"a":"ü\\n"}\n\n');
  });

  it('deletes by id, and fails without a word when Podman gives none: it goes on and stores', async () => {
    serve('');
    const command = commands().delete;
    await run(command, ID);
    assert.deepEqual([seen[0]?.method, seen[0]?.url], ['DELETE', `/delete/${ID}`]);
    const { code, stderr } = await run(command, '');
    assert.deepEqual([code, stderr, seen.length], [22, '', 1]);
    answer = (_request, response) => {
      refuse(response, 503, 'the state folder is full');
    };
    assert.match((await run(command, ID)).stderr, /^psi: the state folder is full \(delete failed/);
  });

  it('lists', async () => {
    serve(`${ID}\n`);
    const { stdout } = await run(commands().list, '');
    assert.equal(stdout.toString(), `${ID}\n`);
    assert.equal(seen[0]?.url, '/list');
  });

  it('sends the token of the header file as it is when the command runs, and never holds it', async () => {
    serve('value');
    const headerFile = join(dir, "it's $a.hdr");
    const { lookup } = commands({ headerFile });
    await writeFile(headerFile, 'Authorization: Bearer first\n');
    await run(lookup, ID);
    await writeFile(headerFile, 'Authorization: Bearer second\n');
    await run(lookup, ID);
    assert.deepEqual(
      seen.map((request) => request.authorization),
      ['Bearer first', 'Bearer second'],
    );
  });

  it('fails with a line of its own when the header file is missing', async () => {
    // curl 7 asks without the token then, and psi answers 401; curl 8 does not ask at all.
    answer = (_request, response) => {
      refuse(response, 401, 'run psi install');
    };
    const { code, stdout, stderr } = await run(commands({ headerFile: join(dir, 'absent.hdr') }).lookup, ID);
    assert.ok(code === 22 || code === 26);
    assert.equal(stdout.length, 0);
    assert.match(
      stderr,
      /psi: (?:run psi install|curl cannot read .+absent\.hdr: run podman exec psi psi setup) \(lookup failed/,
    );
  });

  it('refuses a path with a line end', () => {
    assert.throws(
      () => driverOptions({ socket: '/run/a\nb', maxTimeSeconds: 20, headerFile: undefined, helper: NO_HELPER }),
      {
        code: 'CONFIG_INVALID',
      },
    );
  });

  it('leaves an ordinary command easy to read', () => {
    const { lookup, list } = driverOptions({
      socket: '/run/psi/psi.sock',
      maxTimeSeconds: 20,
      headerFile: '/var/lib/psi/driver.hdr',
      helper: '/usr/local/libexec/psi/psi-lookup',
    });
    assert.equal(
      lookup,
      'curl () { s=$2 u=$3 t=20 h=/var/lib/psi/driver.hdr p=/usr/local/libexec/psi/psi-lookup q="run systemctl status psi.service" e=; ' +
        '[ ! -x "$p" ] || { cd /proc; ' +
        'PATH=- "$p" lookup --socket "$s" --header "$h" --max-time $t --errors-to 3 --begun 4; c=$?; ' +
        'case $c in 90) exit;; 9[1-6]) exit $c;; ' +
        '142) e="psi: $p did not end in time: $q";; ' +
        '*) read -r a <&4 || e="psi: $p was ended while it wrote the value: start the workload again";; esac; ' +
        '} 3>&2 2>/dev/null 4</proc/sys/kernel/ostype; }; ' +
        'curl --unix-socket /run/psi/psi.sock "http://localhost/lookup/$SECRET_ID" \n' +
        'm=/run/psi/start-failed r="run systemctl restart psi.socket"; ' +
        '[ ! -f "$m" ] || t=2; ' +
        '[ "$e" ] || if [ ! -S "$s" ]; then c=7 e="psi: there is no socket at $s: $r"; ' +
        'elif [ ! -w "$s" ]; then c=7 e="psi: no right to write to $s: $r"; ' +
        `else command curl -q -sf -H 'x-psi-command: 4' -H "@$h" --max-time $t --unix-socket "$s" ` +
        `-w '%{stderr}%{content_type}' "$u" && exit; c=$? e=; case $c in ` +
        '7) e="psi: nobody listens at $s, or this user may not call: $r";; ' +
        '22) v=$(command curl -q -V); case $v in "curl 7."[1-6]?.*|"curl 7.7"[0-5].*) ' +
        'e="psi: refused, and ${v%% (*} is too old to show why (before 7.63 that is why): update curl";; esac;; ' +
        '26) e="psi: curl cannot read $h: run podman exec psi psi setup";; ' +
        '28) e="psi: no answer at $s within $t s: $q";; ' +
        '126|127) e="psi: no curl on this host that runs: install curl";; ' +
        '*) e="psi: the call at $s broke off: $q";; esac; fi; ' +
        `printf '%s\\n' "$e (lookup failed, status $c; more: journalctl -u psi.service)" >&2; ` +
        `if [ $c != 22 ] && [ -f "$m" ]; then a= b=; { read -r a; read -r b; } <"$m"; printf 'psi: %.400s %.400s\\n' "$a" "$b" >&2; fi; ` +
        'exit $c',
    );
    assert.match(list, / http:\/\/localhost\/list$/);
  });

  it('is short: each process of Podman reads those of all secrets', () => {
    const all = driverOptions({
      socket: '/run/psi/psi.sock',
      maxTimeSeconds: 20,
      headerFile: '/var/lib/psi/driver.hdr',
      helper: '/usr/local/libexec/psi/psi-lookup',
    });
    assert.ok(JSON.stringify(all).length < 2_650, String(JSON.stringify(all).length));
  });

  it('looks at the units of a user where the socket is that of a user', () => {
    const { lookup, delete: remove } = driverOptions({
      socket: '/run/user/1000/psi/psi.sock',
      maxTimeSeconds: 20,
      headerFile: undefined,
      helper: NO_HELPER,
    });
    for (const command of [lookup, remove]) {
      assert.doesNotMatch(command, /systemctl (?!--user)|journalctl (?!--user)/);
      assert.match(command, /systemctl --user .+journalctl --user -u psi\.service/);
    }
  });
});

describe('time limit of curl', () => {
  it('leaves 15 s for the start of psi and is never under 20 s', () => {
    assert.deepEqual([0, 5000, 5001, 30_000].map(driverMaxTimeSeconds), [20, 20, 21, 45]);
  });
});

describe('isPsiOptions', () => {
  it('knows its own commands, whatever socket and token file they name', () => {
    assert.ok(
      isPsiOptions(driverOptions({ socket: '/a b', maxTimeSeconds: 1, headerFile: "/it's", helper: NO_HELPER })),
    );
    assert.ok(
      isPsiOptions(
        driverOptions({ socket: '/run/psi/psi.sock', maxTimeSeconds: 20, headerFile: undefined, helper: NO_HELPER }),
      ),
    );
  });

  it('knows the commands of the Python PSI', () => {
    const python = (verb: string) => `curl -sf --unix-socket /run/psi/psi.sock http://localhost/${verb}/$SECRET_ID`;
    assert.ok(isPsiOptions({ lookup: python('lookup'), store: `${python('store')} -d @-`, delete: 'x', list: 'y' }));
  });

  it('knows the commands that it froze before they had a mark', () => {
    const first = (verb: string) =>
      `curl -q -sf --max-time 20 --unix-socket /run/psi/psi.sock -H @/var/lib/psi/driver.hdr -w '%{onerror}%{stderr}x\\n' "http://localhost/${verb}/$SECRET_ID"`;
    assert.ok(isPsiOptions({ lookup: first('lookup'), store: first('store'), delete: 'x', list: 'y' }));
  });

  it('knows a later shape by its mark', () => {
    const later = (verb: string) =>
      `/usr/local/libexec/psi-lookup ${verb} || curl -H 'x-psi-command: 12' http://psi/${verb}`;
    assert.ok(isPsiOptions({ lookup: later('lookup'), store: later('store'), delete: 'x', list: 'y' }));
    assert.equal(isPsiOptions({ lookup: later('lookup'), store: 'true' }), false);
  });

  it('is known by the PSI before it, which goes by the first word and the rest of the shape', () => {
    for (const headerFile of [undefined, "/it's"]) {
      const options = driverOptions({ socket: "/a b'c", maxTimeSeconds: 20, headerFile, helper: NO_HELPER });
      for (const verb of ['lookup', 'store'] as const) {
        const shape = new RegExp(`^curl .*--unix-socket .*http://localhost/${verb}/\\$\\{?SECRET_ID\\}?["']?(?: |$)`);
        assert.match(options[verb], shape);
      }
    }
  });

  it('takes nothing else for PSI', () => {
    const ours = driverOptions({ socket: '/s', maxTimeSeconds: 20, headerFile: undefined, helper: NO_HELPER });
    assert.equal(isPsiOptions({}), false);
    assert.equal(isPsiOptions({ path: '/var/lib/x' }), false);
    assert.equal(isPsiOptions({ ...ours, lookup: 'cat /x/$SECRET_ID' }), false);
    assert.equal(isPsiOptions({ ...ours, store: 'true' }), false);
    assert.equal(isPsiOptions({ ...ours, lookup: 'curl http://localhost/lookup/$SECRET_ID' }), false);
  });
});
