// The traps of a host that ran the Python PSI, by number: each is a step, a refusal or a line of the plan. What the order of steps
// and runs that were cut short have to do with is in migrate.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migrate, type MigrateReport } from '../../../src/migrate/migrate.ts';
import { unitFile } from '../../../src/host/units/unit-file.ts';
import { isPsiDropIn } from '../../../src/registration/drop-in.ts';
import { OldHost } from './old-host.ts';

type Trap = {
  readonly name: string;
  /** What of it is on the host. */
  readonly lay?: (host: OldHost) => void;
  readonly mode?: 'native' | 'container';
  /** Lines `what target: why` of steps, in this order. */
  readonly steps?: readonly RegExp[];
  readonly notes?: readonly RegExp[];
  readonly refusals?: readonly RegExp[];
  readonly after?: (host: OldHost, report: MigrateReport) => void | Promise<void>;
};

const INFISICAL = 'providers:\n  infisical:\n    auth: {method: gcp, identity_id: i}\n    projects: {main: {id: p}}\n';

function dropIn(host: OldHost, unit: string, lines: string): string {
  const path = `${host.places.unitDir}/${unit}.d/admin.conf`;
  host.put(path, `[Service]\n${lines}\n`);
  return path;
}

const TRAPS: Readonly<Record<number, Trap>> = {
  1: {
    name: 'their end takes the folder of the socket: it is kept, and the unit stopped before its file goes',
    steps: [
      /^write \/run\/systemd\/system\/psi-secrets\.service\.d\/.*: the old server takes its folder/,
      /^stop psi-secrets\.service/,
      /^socket psi\.socket: whatever the old server did/,
      /^remove .*\/psi-secrets\.container/,
    ],
  },
  2: {
    name: 'their start steals the path: nothing that starts them is left when this psi takes it',
    steps: [
      /^stop psi-infisical-refresh\.timer/,
      /^stop psi-infisical-setup\.service/,
      /^socket psi\.socket: lookups come/,
    ],
    after: (host) => {
      assert.equal(host.answering(), 'psi');
    },
  },
  3: {
    name: 'the order of the stops, the smart card daemon last',
    lay: (host) => {
      host.smartCards();
    },
    steps: [
      /^stop psi-infisical-refresh\.timer/,
      /^stop psi-infisical-setup\.service/,
      /^stop psi-secrets\.service/,
      /^stop pcscd\.service/,
      /^stop pcscd-socket-volume\.service/,
      /^remove .*\/pcscd\.container/,
    ],
  },
  4: {
    name: 'the same names: theirs go before ours are written, and links of theirs too',
    mode: 'native',
    steps: [
      /^remove .*\/timers\.target\.wants\/psi-infisical-refresh\.timer/,
      /^remove \/etc\/systemd\/system\/psi-infisical-setup\.service/,
      /^install psi/,
      /^remove .*\/multi-user\.target\.wants\/psi-secrets\.service/,
    ],
  },
  5: {
    name: 'a shadowed setup stays active: ours is restarted, and not started',
    steps: [/^restart psi-infisical-setup\.service/],
  },
  6: {
    name: "the admin's drop-ins for the same names are moved away",
    lay: (host) => {
      dropIn(host, 'psi-infisical-setup.service', 'TimeoutStartSec=5');
      dropIn(host, 'psi-secrets.service', 'CPUQuota=10%');
    },
    steps: [
      /^move .*\/psi-infisical-setup\.service\.d\/admin\.conf to .*\.python: it was made for the old/,
      /^move .*\/psi-secrets\.service\.d\/admin\.conf to/,
    ],
    after: (host) => {
      const left = [...host.tree.files.keys()].filter((path) => /psi-.*\.d\/.*\.conf$/.test(path));
      assert.deepEqual(left, []);
    },
  },
  7: {
    name: 'commands are frozen in each secret: the setup replaces them under their names',
    steps: [/^setup the secrets of all workloads: each gets the commands of this psi under its name/],
    after: (host, { left }) => {
      assert.deepEqual(left, []);
      assert.match(host.secrets[0]?.options['lookup'] ?? '', /psi-lookup/);
    },
  },
  8: {
    name: 'Podman replaces nothing without an answer: the path is that of before, and this psi answers first',
    steps: [/^start psi\.service/, /^stop psi-secrets/, /^setup the secrets/],
  },
  9: {
    name: 'the token of a credential is carried, although no config says it',
    lay: (host) => {
      host.put(host.places.configFile, INFISICAL);
      dropIn(host, 'psi-secrets.service', 'LoadCredentialEncrypted=psi-socket-token:/etc/psi/token.cred');
    },
    steps: [
      /^link \/etc\/credstore\.encrypted\/psi-socket-token to \/etc\/psi\/token\.cred/,
      /^write \/etc\/psi\/config\.yaml:/,
    ],
    after: (host) => {
      assert.match(
        host.tree.files.get('/etc/psi/config.yaml') ?? '',
        /socket_token:\n {2}credential: psi-socket-token/,
      );
    },
  },
  10: {
    name: 'a psi.conf that is an error of theirs, or that they wrote, goes; secrets are asked for their own commands',
    lay: (host) => {
      host.put(host.places.defaultDriver, 'Error: no config');
      const mapping = '{"provider": "infisical", "project": "main", "path": "/app", "key": "B"}';
      host.secret('app--B', mapping, host.oldOptions('canary-of-before'));
    },
    steps: [/^remove .*\/containers\.conf\.d\/psi\.conf/],
    notes: [/psi\.conf: each secret has its own commands/, /^app--B: its commands send another token.*psi setup/],
  },
  11: {
    name: 'a cache that begins as ours does is set aside before ours starts',
    steps: [/^move \/var\/lib\/psi\/cache\.enc to \/var\/lib\/psi\/cache\.enc\.python/, /^start psi\.service/],
    notes: [/cache\.enc: this psi does not read that cache.*the provider has to answer/],
  },
  12: {
    name: 'in native mode it was never filled',
    mode: 'native',
    lay: (host) => {
      host.put('/var/lib/psi/cache.enc', `PSIC\u0001\u0001${'x'.repeat(136)}`);
    },
    notes: [/cache\.enc: that cache was never filled/],
  },
  13: {
    name: 'a key that no TPM sealed',
    lay: (host) => {
      const head = Buffer.from('5a1c6a86df9d4096b1d5a65e0862f19a', 'hex');
      host.put('/etc/psi/cache.key', Buffer.concat([head, Buffer.alloc(40, 7)]).toString('base64'));
    },
    notes: [/^cache\.backend: .*by no TPM.*backend: credential/],
  },
  14: {
    name: 'renewals that never worked',
    lay: (host) => {
      const web = 'project: main, profile_id: f, common_name: n, output: {cert: /c/a, key: /c/b, chain: /c/d}';
      host.put(host.places.configFile, `${INFISICAL}    tls: {certificates: {web: {${web}}}}\n`);
    },
    steps: [/^start psi-tls-renew\.timer/],
    notes: [/^tls: renewals of the Python PSI have not worked.*psi infisical tls status/],
  },
  15: {
    name: 'no timer of theirs is no sign: the config says whether there is a cache',
    lay: (host) => {
      host.tree.files.delete(host.unitPath('psi-infisical-refresh.timer'));
      host.tree.links.clear();
      host.running.delete('psi-infisical-refresh.timer');
      host.reload();
    },
    steps: [/^start psi-infisical-refresh\.timer/],
  },
  16: {
    name: 'secrets of the HSM, which have any name, are known by their mapping',
    lay: (host) => {
      host.secret('.my key', '{"provider": "nitrokeyhsm", "blob": "AQA="}');
    },
    notes: [/^\.my key: its value is sealed by nitrokeyhsm, which is not among the providers: .*here as there/],
    after: (host) => {
      assert.ok(host.secrets.some(({ name }) => name === '.my key'));
    },
  },
  17: {
    name: 'a mapping with a long blob is read as what it is',
    lay: (host) => {
      host.put(host.places.configFile, `${INFISICAL}  nitrokeyhsm: {}\n`);
      host.secret('long', `{"provider": "nitrokeyhsm", "blob": "${'A'.repeat(82_000)}"}`);
    },
    notes: [/^long: its value is sealed by the token of nitrokeyhsm, which opens it here too/],
  },
  18: {
    name: 'files of the state folder that Podman does not list are nothing; a secret that no workload has stays and is named',
    lay: (host) => {
      host.put('/var/lib/psi/my-hsm-name', '{"provider": "nitrokeyhsm", "blob": "AQA="}');
      host.put('/var/lib/psi/0123456789abcdef012345678', 'orphan');
      host.secret('gone--X', '{"provider": "infisical", "project": "main", "path": "/", "key": "X"}');
    },
    notes: [/^gone--X: no workload of the config has it: it stays.*psi prune/],
    after: (host) => {
      assert.ok(host.tree.files.has('/var/lib/psi/my-hsm-name'));
      assert.ok(host.secrets.some(({ name }) => name === 'gone--X'));
    },
  },
  19: {
    name: 'variables of drop-ins hold, and so does what was valid in the file (config.test.ts has it row by row)',
    lay: (host) => {
      host.put('/etc/psi/psi.env', 'PSI_CACHE={"refresh_interval":"2h"}\nOTHER=1\n');
      dropIn(
        host,
        'psi-secrets.service',
        'EnvironmentFile=-/etc/psi/psi.env\nEnvironment="PSI_SOCKET_TOKEN=canary-of-the-unit" A=b',
      );
      dropIn(host, 'psi-infisical-setup.service', 'Environment=PSI_LOG_LEVEL=debug');
    },
    steps: [/^write \/etc\/psi\/psi-socket-token/, /^write \/etc\/psi\/config\.yaml:/],
    notes: [
      /^PSI_CACHE: it went over cache/,
      /^psi-infisical-setup\.service: it has a PSI_LOG_LEVEL/,
      /^psi-socket-token: it stood in a unit in the clear/,
    ],
    after: (host) => {
      const text = host.tree.files.get('/etc/psi/config.yaml') ?? '';
      assert.match(text, /refresh_interval: 2h/);
      assert.match(text, /socket_token:\n {2}file: \/etc\/psi\/psi-socket-token/);
      assert.equal(host.tree.files.get('/etc/psi/psi-socket-token'), 'canary-of-the-unit\n');
      assert.equal(host.modes.get('/etc/psi/psi-socket-token'), 0o600);
    },
  },
  20: {
    name: 'labels of one container',
    notes: [/^\/var\/lib\/psi: with SELinux .*restorecon -RF \/var\/lib\/psi/],
  },
  21: {
    name: 'what a token sealed is looked at before its last copy elsewhere goes',
    lay: (host) => {
      host.put(host.places.configFile, `${INFISICAL}  nitrohsm: {public_key_cache: /x.der}\n`);
      host.secret('hsm', '{"provider": "nitrohsm", "blob": "AQA="}');
    },
    notes: [/^hsm: its value is sealed by the token of nitrohsm, .*before its last copy.*--showsecret hsm/],
    after: (host) => {
      assert.match(host.tree.files.get('/etc/psi/config.yaml') ?? '', /nitrohsm:\n {4}kind: nitrokeyhsm\n/);
    },
  },
  22: {
    name: 'access tokens of before go',
    steps: [/^remove \/var\/lib\/psi\/\.token\.45ff188bfaa7\.json: .*does not tell its server/],
  },
};

function said(remarks: MigrateReport['notes']): readonly string[] {
  return remarks.map(({ subject, reason, hint }) => `${subject}: ${reason}${hint === undefined ? '' : `; ${hint}`}`);
}

function assertEach(lines: readonly string[], patterns: readonly RegExp[] = []): void {
  for (const pattern of patterns)
    assert.ok(
      lines.some((line) => pattern.test(line)),
      `${String(pattern)} in\n${lines.join('\n')}`,
    );
}

for (const [number, trap] of Object.entries(TRAPS)) {
  test(`trap ${number}: ${trap.name}`, async () => {
    const host = new OldHost({ mode: trap.mode ?? 'container' });
    trap.lay?.(host);
    const report = await migrate(host.deps(), { apply: false });
    const steps = report.steps.map(({ what, target, why }) => `${what} ${target}: ${why}`);
    let from = 0;
    for (const pattern of trap.steps ?? []) {
      const at = steps.findIndex((line, index) => index >= from && pattern.test(line));
      assert.notEqual(at, -1, `${String(pattern)} after ${String(from)} in\n${steps.join('\n')}`);
      from = at + 1;
    }
    assertEach(said(report.notes), trap.notes);
    assertEach(said(report.refusals), trap.refusals);
    assert.equal(report.refusals.length > 0, trap.refusals !== undefined, said(report.refusals).join('\n'));
    assert.doesNotMatch(JSON.stringify(report), /canary/);
    if (trap.refusals !== undefined) {
      assert.deepEqual(report.steps, []);
      return;
    }
    const applied = await migrate(host.deps(), { apply: true });
    assert.equal(applied.failure, undefined);
    assert.deepEqual(host.failedLookups, []);
    await trap.after?.(host, applied);
  });
}

test('every trap has its row', () => {
  assert.deepEqual(
    Object.keys(TRAPS).map(Number),
    Array.from({ length: 22 }, (_, index) => index + 1),
  );
});

test("the lines of a workload stay while its drop-in changes hands, and one that was changed by hand stays the operator's", async () => {
  const host = new OldHost();
  const path = `${host.places.systemdDir}/mine.container.d/50-secrets.conf`;
  const mine = '[Container]\nSecret=mine--A,type=env,target=A\nSecret=own,type=mount\n';
  host.put(path, mine);
  const report = await migrate(host.deps(), { apply: true });
  assertEach(said(report.notes), [/mine\.container\.d.*changed by hand.*psi setup/]);
  assert.equal(host.tree.files.get(path), mine);
  const taken = host.tree.files.get(`${host.places.systemdDir}/app.container.d/50-secrets.conf`) ?? '';
  assert.ok(isPsiDropIn(taken));
  assert.match(taken, /^Secret=app--A,type=env,target=A$/m);
});

test('secrets that the setup does not come to are left, and named', async () => {
  const host = new OldHost();
  host.put(`${host.places.systemdDir}/app.container.d/50-secrets.conf`, '[Container]\nVolume=/x\n');
  const { left, failure } = await migrate(host.deps(), { apply: true });
  assert.equal(failure, undefined);
  assertEach(said(left), [/^app--A: it has the commands of the Python PSI.*psi setup/]);
});

test('what installing this psi could not do is left, what it notes is a note', async () => {
  const host = new OldHost();
  host.said = {
    left: [{ subject: '/usr/local/bin/psi', reason: 'it is not written by psi', hint: 'mv it' }],
    notes: [{ subject: 'psi', reason: 'a credential is missing', hint: undefined }],
  };
  const { left, notes } = await migrate(host.deps(), { apply: true });
  assertEach(said(left), [/^\/usr\/local\/bin\/psi: it is not written by psi; mv it/]);
  assertEach(said(notes), [/^psi: a credential is missing/]);
});

test('a unit that names another config than the one that is read', async () => {
  const host = new OldHost();
  dropIn(host, 'psi-secrets.service', 'Environment=PSI_CONFIG=/srv/psi.yaml');
  const { refusals } = await migrate(host.deps(), { apply: true });
  assertEach(said(refusals), [
    /^\/etc\/psi\/config\.yaml: its unit has \/srv\/psi\.yaml.*psi --config \/srv\/psi\.yaml migrate/,
  ]);
});

test('an empty variable turned the token off: none is asked for, and that is said', async () => {
  const host = new OldHost();
  dropIn(host, 'psi-secrets.service', 'Environment=PSI_SOCKET_TOKEN=');
  const report = await migrate(host.deps(), { apply: false });
  assertEach(said(report.notes), [/^socket_token: PSI_SOCKET_TOKEN is empty/]);
  assert.doesNotMatch(report.config ?? '', /socket_token/);
});

test('a config that this psi refuses is refused before anything is done', async () => {
  const host = new OldHost();
  host.refused = [{ subject: 'workloads.app', reason: 'this psi refuses it', hint: 'mend it' }];
  const report = await migrate(host.deps(), { apply: true });
  assert.deepEqual([report.applied, report.steps, host.calls], [false, [], []]);
  assertEach(said(report.refusals), [/^workloads\.app: this psi refuses it/]);
});

test('a unit of their name that is not theirs, and a server that no unit runs, refuse', async () => {
  const host = new OldHost();
  host.put(`${host.places.unitDir}/psi-web-setup.service`, '[Service]\nExecStart=/usr/bin/mine\n');
  const refused = await migrate(host.deps(), { apply: true });
  assertEach(said(refused.refusals), [
    /psi-web-setup\.service: it is named as a unit of the Python PSI, and is not one.*mv /,
  ]);

  const byHand = new OldHost();
  byHand.tree.files.delete(byHand.unitPath('psi-secrets.service'));
  const other = await migrate(byHand.deps(), { apply: true });
  assertEach(said(other.refusals), [
    /^\/run\/psi\/psi\.sock: a Python PSI answers there that no unit runs.*podman stop psi-secrets/,
  ]);
});

test('a host of this psi alone has nothing to move, whatever its config', async () => {
  const host = new OldHost();
  host.tree.files.clear();
  host.secrets.length = 0;
  host.put('/etc/psi/config.yaml', 'workloads: {"a--b": {}}\n');
  const report = await migrate(host.deps(), { apply: true });
  assert.deepEqual([report.steps, report.notes, report.refusals], [[], [], []]);
});

test('an image that is not on the host: the plan says so, and nothing is done', async () => {
  const host = new OldHost();
  host.images = ['localhost/psi:2'];
  const words = /^--image: localhost\/psi:latest is not on this host.*podman pull localhost\/psi:latest/;
  const planned = await migrate(host.deps(), { apply: false });
  assertEach(said(planned.notes), [words]);
  assert.notDeepEqual(planned.steps, []);
  const { refusals } = await migrate(host.deps(), { apply: true });
  assertEach(said(refusals), [words]);
  assert.deepEqual(host.calls, []);
  const named = host.deps();
  const other = await migrate({ ...named, image: { ...named.image, named: 'localhost/psi:2' } }, { apply: true });
  assert.deepEqual([other.refusals, other.failure], [[], undefined]);
});

test('a run that goes on takes the image of the unit that it wrote', async () => {
  const host = new OldHost();
  host.put(`${host.places.systemdDir}/psi.container`, unitFile('psi.container', [['Container', ['Image=a/b:1']]]));
  host.images = ['a/b:1'];
  const { refusals } = await migrate(host.deps(), { apply: true });
  assert.deepEqual(refusals, []);
});

test('a psi that does not start leaves the old server running, and says the way back', async () => {
  const host = new OldHost();
  const deps = host.deps();
  const start = (): Promise<void> => Promise.reject(new Error('no image'));
  const report = await migrate({ ...deps, units: { ...deps.units, start } }, { apply: true });
  assert.ok(host.running.has('psi-secrets.service'));
  assert.match(report.failure?.message ?? '', /^the migration ended at: start psi\.service: /);
  assert.match(
    report.failure?.hint ?? '',
    /psi migrate --apply` again.*or go back: `systemctl stop psi\.socket psi\.service; cp .*; rm -f .*90-psi-migrate\.conf; .*restart psi-secrets/,
  );
});
