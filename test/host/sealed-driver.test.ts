// PSI as the driver of all that a host gives to Podman, sealed to its TPM: each thing that people do with a secret has the same outcome as with
// Podman's own file driver, which does it beside, and no value lies on the disk.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import type { SealedList } from '../../src/sealed/reports.ts';
import { psiHostSupport, sleeper, type PsiHost } from './psi-host.ts';
import { startSealedHost } from './sealed-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

/** Of one length, so that sizes are equal, and in each name and value. */
const PREFIX = { file: 'drvfile', shell: 'drvseal' } as const;
type Driver = keyof typeof PREFIX;

/** Words of the scripts. `$n` begins each name and stands in each value, `$d` is the driver, `$s` the socket of a podman.service. */
const WORDS = `
value() { printf 'canary-%s %s' "$n" "$1"; }
say() { "$@"; echo "exit $?"; }
bare() { podman run --rm --network=none "$@"; }
shown() { podman secret inspect --showsecret --format '{{.Spec.Name}}: {{.SecretData}} {{.Spec.Labels}}' "$@"; echo "exit $?"; }
names() { podman secret ls --format '{{.Name}}' | grep "^$n-" | sort; }
live() { name=$1; shift; podman run -d --network=none --stop-timeout 0 --name "$name" "$@" localhost/psi-busybox:test sleep infinity >/run/out; echo "exit $?"; }
api() { curl -sS --unix-socket "$s" -H 'content-type: application/octet-stream' -w ' status %{http_code}\\n' "$@"; }
hex() { sed "s/$n/PREFIX/g" | od -An -tx1; }
B=localhost/psi-busybox:test
`;

/** With the file driver Podman is as if nobody had ever named another. */
const WORDS_OF: Readonly<Record<Driver, string>> = {
  file: `n=${PREFIX.file} d=file s=/run/plain.sock; podman() { CONTAINERS_CONF=/etc/plain.conf command podman "$@"; }`,
  shell: `n=${PREFIX.shell} d=shell s=/run/podman/podman.sock`,
};

/** What is done, in POSIX sh. Each case stands by itself. */
const SAME: Readonly<Record<string, string>> = {
  'from stdin': 'value one | say podman secret create $n-stdin -; shown $n-stdin',
  'from a file, with its line end':
    'value one >/run/body; echo >>/run/body; say podman secret create $n-file /run/body; rm /run/body; bare --secret $n-file $B cat /run/secrets/$n-file',
  'from the environment':
    'V=$(value one); export V; say podman secret create --env $n-env V; shown $n-env; say podman secret create --env $n-none NOT_SET',
  'with the driver named': 'value one | say podman secret create --driver $d $n-named -; shown $n-named',
  'from a file that is not there, and with names that Podman refuses':
    'say podman secret create $n-none /nowhere; for name in a/b a,b a=b ""; do value one | say podman secret create "$name" -; done; names | grep none',
  'a name that is taken':
    'value one | say podman secret create $n-taken -; value two | say podman secret create $n-taken -; shown $n-taken',
  labels:
    'value one | say podman secret create --label a=b --label "c=d e" $n-labels -; shown $n-labels; value two | say podman secret create --replace --label z=1 $n-labels -; shown $n-labels',
  'replaced, and what is read then':
    'value one | say podman secret create $n-replace -; shown $n-replace; value two | say podman secret create --replace $n-replace -; shown $n-replace; bare --secret $n-replace,type=env,target=V $B sh -c \'echo "$V"\'; names | grep -c replace',
  'replaced though it is new, and others are there':
    'value one | say podman secret create $n-beside -; value two | say podman secret create --replace $n-fresh -; shown $n-fresh; shown $n-beside; names | grep -c -e beside -e fresh',
  'removed, one and several, again, and one that was never there':
    'for i in 1 2 3; do value $i | podman secret create $n-gone$i - >/run/out; done; say podman secret rm $n-gone1; say podman secret rm $n-gone2 $n-gone3; say podman secret rm $n-gone1; say podman secret rm --ignore $n-gone1; say podman secret exists $n-gone1; shown $n-gone1; names | grep gone',
  'removed and made again':
    'value one | podman secret create $n-again - >/run/out; say podman secret rm $n-again; value two | say podman secret create $n-again -; shown $n-again',
  'inspected without its value, by name and by id':
    "value one | podman secret create --label a=b $n-inspect - >/run/out; for w in $n-inspect $(podman secret inspect --format '{{.ID}}' $n-inspect); do podman secret inspect $w | jq 'del(.[].CreatedAt, .[].UpdatedAt, .[].Spec.Driver)'; done; say podman secret exists $n-inspect; podman secret ls --filter name=$n-inspect --format '{{.Name}} {{.Driver}}' | sed \"s/$d$/DRIVER/\"",
  'as large as Podman takes, one byte more, and nothing':
    'for size in 511999 512000 0 1; do { value one; head -c 511999 /dev/zero | tr "\\0" x; value end; } | head -c $size | say podman secret create $n-size$size -; done; bare --secret $n-size511999 --secret $n-size1 $B cat /run/secrets/$n-size511999 /run/secrets/$n-size1 | sed "s/$n/PREFIX/" | sha256sum; podman secret inspect --showsecret --format "{{.SecretData}}" $n-size511999 | wc -c',
  'bytes that are no text':
    '{ value one; printf \'\\000\\001\\002\\377\\376\\r\\n\\n\\033[0m\\200\'; } | say podman secret create $n-bytes -; bare --secret $n-bytes --secret $n-bytes,type=env,target=V $B sh -c \'cat "$1"; printf "|%s" "$V"\' sh /run/secrets/$n-bytes | hex; shown $n-bytes | hex',
  'JSON of somebody': `printf '{"user":"canary-%s","password":"p"}' $n | say podman secret create $n-json -; shown $n-json`,
  'fifty at once, and a start with all of them':
    'for i in $(seq 50); do value $i | podman secret create $n-many$i - >/run/out.$d.$i & done; wait; names | grep -c many; bare $(for i in $(seq 50); do echo --secret $n-many$i,type=env,target=V$i; done) $B env | grep "^V[0-9]" | sort; say podman secret rm $(for i in $(seq 50); do echo $n-many$i; done) | wc -l; names | grep many',
  'variables and files with target, owner and mode':
    "value one | podman secret create $n-use - >/run/out; bare --secret $n-use,type=env --secret $n-use,type=env,target=V --secret $n-use,target=sub/file,uid=1000,gid=1001,mode=0400 $B sh -c 'env | grep canary | sort; stat -c \"%n %u %g %a\" /run/secrets/sub/file; cat /run/secrets/sub/file'; bare --user 1000 --secret source=$n-use,type=mount,target=/srv/file,uid=1000,mode=0440 $B sh -c 'stat -c \"%n %u %g %a\" /srv/file; cat /srv/file'; bare --secret $n-use $B stat -c '%u %g %a' /run/secrets/$n-use; say bare --secret $n-use,type=env,mode=0400 $B true; say bare --secret $n-none $B true; say bare --secret $n-none,type=env $B true",
  'in a running container: replaced, started again, removed':
    "value one | podman secret create $n-live - >/run/out; live $n-live --secret $n-live --secret $n-live,type=env,target=V; all() { podman exec $n-live sh -c 'echo \"$V\"; cat \"$1\"; echo' sh /run/secrets/$n-live; tr '\\0' '\\n' </proc/$(podman inspect --format '{{.State.Pid}}' $n-live)/environ | grep ^V=; }; all; value two | say podman secret create --replace $n-live -; all; say podman restart $n-live; all; say podman secret rm $n-live; say podman exec $n-live true; tr '\\0' '\\n' </proc/$(podman inspect --format '{{.State.Pid}}' $n-live)/environ | grep ^V=; podman rm -f -t 0 $n-live >/run/out",
  'made and started later':
    'value one | podman secret create $n-later - >/run/out; podman create --network=none --name $n-later --secret $n-later,type=env,target=V $B sh -c \'echo "$V"\' >/run/out; value two | say podman secret create --replace $n-later -; say podman start -a $n-later; podman secret rm $n-later >/run/out; say podman start -a $n-later; podman rm $n-later >/run/out',
  'by the REST API':
    'value one | api --data-binary @- "http://d/v5.0.0/libpod/secrets/create?name=$n-rest&labels=%7B%22a%22%3A%22b%22%7D"; curl -sS --unix-socket $s "http://d/v5.0.0/libpod/secrets/$n-rest/json?showsecret=true" | jq -c "del(.CreatedAt, .UpdatedAt, .Spec.Driver)"; value two | api --data-binary @- "http://d/v5.0.0/libpod/secrets/create?name=$n-rest"; value two | api --data-binary @- "http://d/v5.0.0/libpod/secrets/create?name=$n-rest&replace=true"; shown $n-rest; head -c 512000 /dev/zero | api --data-binary @- "http://d/v5.0.0/libpod/secrets/create?name=$n-rest2"; printf "" | api --data-binary @- "http://d/v5.0.0/libpod/secrets/create?name=$n-rest2"; api -X DELETE "http://d/v5.0.0/libpod/secrets/$n-rest"; api -X DELETE "http://d/v5.0.0/libpod/secrets/$n-rest"; api "http://d/v5.0.0/libpod/secrets/$n-rest/exists"',
  "by Docker's API":
    'printf \'{"Name":"%s-docker","Data":"%s","Labels":{"a":"b"}}\' $n "$(value one | base64 -w0)" >/run/body; for i in 1 2; do curl -sS --unix-socket $s -H "content-type: application/json" -w " status %{http_code}\\n" --data-binary @/run/body http://d/v1.41/secrets/create; done; rm /run/body; shown $n-docker; api -X DELETE http://d/v1.41/secrets/$n-docker; names | grep docker',
  'by a quadlet':
    'value one | podman secret create $n-quadlet - >/run/out; systemctl start $n.service; podman exec systemd-$n sh -c \'echo "$V"; cat /srv/file; stat -c %a /srv/file\'; value two | say podman secret create --replace $n-quadlet -; systemctl restart $n.service; podman exec systemd-$n sh -c \'echo "$V"; cat /srv/file\'; systemctl stop $n.service',
};

/** What of an outcome is another one each time, or for each driver. */
function comparable(text: string, driver: Driver): string {
  return text
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'CONTAINER')
    .replaceAll(/\b[0-9a-f]{25}\b/g, 'ID')
    .replaceAll(PREFIX[driver], 'PREFIX');
}

const quadlet = (driver: Driver): string =>
  sleeper(
    `Secret=${PREFIX[driver]}-quadlet,type=env,target=V`,
    `Secret=${PREFIX[driver]}-quadlet,target=/srv/file,mode=0400`,
  );

/** A text within base64, wherever it stands. */
function base64Forms(text: string): readonly string[] {
  return [0, 1, 2].map((before) => {
    const all = Buffer.from(`${' '.repeat(before)}${text}`);
    return all
      .subarray(0, all.length - (all.length % 3))
      .toString('base64')
      .slice([0, 2, 3][before]);
  });
}

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startSealedHost({
    [`${PREFIX.file}.container`]: quadlet('file'),
    [`${PREFIX.shell}.container`]: quadlet('shell'),
  });
  const { host } = stage;
  await host.write('/etc/plain.conf', '[containers]\npids_limit = 0\n');
  await host.ok(
    'systemd-run --quiet --unit=plain --setenv=CONTAINERS_CONF=/etc/plain.conf podman system service --time=0 unix:///run/plain.sock',
  );
  await host.until('test -S /run/plain.sock');
});
after(async () => {
  if (support.ok) await stage.stop();
});

type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

async function outcome(driver: Driver, script: string): Promise<Outcome> {
  const { code, stdout, stderr } = await stage.host.run(`${WORDS}\n${WORDS_OF[driver]}\n${script}`);
  return { code, stdout: comparable(stdout, driver), stderr: comparable(stderr, driver) };
}

for (const [what, script] of Object.entries(SAME)) {
  test(`${what}: as with the file driver`, options, async () => {
    const plain = await outcome('file', script);
    const sealed = await outcome('shell', script);
    assert.deepEqual(sealed, plain);
  });
}

const NOT_MEANT = [
  '{"provider":"infisical","project":"main","path":"/","kye":"K"}',
  '{"provider":"infisical","project":"main","path":"app","key":"K"}',
  '{"provider":"sealed","name":"../db"}',
  '{"provider":"other","name":"db"}',
  '{"provider":"infisical","project":"main","path":"/","key":',
];

test('a body that was meant as a mapping and is none is refused, by the command and by the API', options, async () => {
  const { host } = stage;
  const before = await sealedNames();
  for (const body of NOT_MEANT) {
    const made = await host.run('podman secret create meant -', { input: body });
    assert.notEqual(made.code, 0, body);
    assert.match(made.stderr, /^psi: the body is no mapping written by psi, so it was not stored; hint: /m);
    const url = 'http://d/v5.0.0/libpod/secrets/create?name=meant';
    const asked = await host.ok(`${WORDS}\n${WORDS_OF.shell}; api --data-binary @- '${url}'`, { input: body });
    assert.match(asked, / status 500\n$/);
    assert.equal((await host.run('podman secret exists meant')).code, 1);
  }
  assert.deepEqual(await sealedNames(), before);
});

const list = async (): Promise<SealedList> =>
  answerOf((await stage.psi('sealed', 'list', '--json')).stdout) as SealedList;
const sealedNames = async (): Promise<readonly string[]> => (await list()).secrets.map(({ name }) => name);

/** Files below these folders that hold the text, as it is or in base64. */
async function holders(text: string): Promise<readonly string[]> {
  const forms = [text, ...base64Forms(text)].flatMap((form) => ['-e', form]);
  const folders = ['/var/lib/psi', '/var/lib/containers', '/etc', '/var/log', '/var/tmp', '/tmp', '/root'];
  const { stdout, code } = await stage.host.run(['grep', '-rlsaF', ...forms, ...folders]);
  // 2: a file went away meanwhile.
  assert.ok(code === 0 || code === 1 || code === 2);
  return stdout.split('\n').filter((line) => line !== '');
}

test('no plaintext is on the disk but in what running containers have of their own', options, async () => {
  const { host } = stage;
  const script = (driver: Driver): string =>
    `${WORDS}\n${WORDS_OF[driver]}; value disk | say podman secret create $n-disk -; live $n-disk --secret $n-disk --secret $n-disk,type=env,target=V`;
  for (const driver of ['file', 'shell'] as const) assert.match(await host.ok(script(driver)), /exit 0\n$/);
  const id = (await host.ok(`podman inspect --format '{{.Id}}' ${PREFIX.shell}-disk`)).trim();
  // That what is looked for would be found.
  const plain = await holders(`canary-${PREFIX.file}`);
  assert.ok(plain.includes('/var/lib/containers/storage/secrets/filedriver/secretsdata.json'), plain.join(' '));
  const copies = await holders(`canary-${PREFIX.shell}`);
  assert.notEqual(copies.length, 0);
  assert.deepEqual(
    copies.filter((path) => !path.includes(`/overlay-containers/${id}/userdata/`)),
    [],
  );
  await host.ok(`podman rm -f -t 0 ${PREFIX.shell}-disk ${PREFIX.file}-disk`);
  assert.deepEqual(await holders(`canary-${PREFIX.shell}`), []);
  // What containers print is theirs.
  const journal = await host.ok('journalctl --all -o cat -u psi.service -u podman.service');
  assert.deepEqual([journal.includes('psi serves'), journal.includes(`canary-${PREFIX.shell}`)], [true, false]);
});

test('what podman kube play makes a secret of never comes to a driver', options, async () => {
  const { host } = stage;
  const yaml = 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: of-kube\nstringData:\n  a: value\n';
  await host.ok('podman kube play -', { input: yaml });
  assert.equal(await host.ok("podman secret inspect --format '{{.Spec.Driver.Name}}' of-kube"), 'file\n');
  await host.ok('podman secret rm of-kube');
});

test("setup, status and prune leave alone what is somebody's own", options, async () => {
  const { host, psi, setup } = stage;
  const before = await host.ok('podman secret ls --quiet | sort');
  await setup();
  const pruned = await psi('prune', '--apply');
  assert.equal(pruned.code, 0, pruned.stdout + pruned.stderr);
  const status = await psi('status');
  assert.equal(status.code, 0, status.stdout + status.stderr);
  assert.equal(await host.ok('podman secret ls --quiet | sort'), before);
});
