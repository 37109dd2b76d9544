import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { refuseKey, secretName } from '../../../src/core/naming.ts';
import {
  DROP_IN_MARK,
  dropInFileName,
  dropInText,
  isPsiDropIn,
  secretLines,
} from '../../../src/registration/drop-in.ts';
import type { DropInSecret } from '../../../src/registration/drop-in.ts';

type Entry = { readonly section: string; readonly key: string; readonly value: string };

/** A unit file as systemd and quadlet read it: continuation lines, comments, sections; then `%%` and `$$` as ExecStart= does. */
function parseUnit(text: string): readonly Entry[] {
  const entries: Entry[] = [];
  let section = '';
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith(';')) continue;
    const header = /^\[(.*)\]$/.exec(trimmed);
    if (header !== null) {
      section = header[1] ?? '';
      continue;
    }
    const at = trimmed.indexOf('=');
    assert.ok(at > 0, `no assignment: ${trimmed}`);
    entries.push({ section, key: trimmed.slice(0, at).trimEnd(), value: trimmed.slice(at + 1).trimStart() });
  }
  return entries;
}

/** One `Secret=` as Podman sees it: split at blanks, unescaped, split at commas and then at the first `=`. */
function parseSecret(value: string): DropInSecret {
  assert.doesNotMatch(value, /[\s"'\\]/);
  const plain = value.replace(/%(.)/g, (_all, next: string) =>
    next === '%' ? '%' : assert.fail(`specifier %${next}`),
  );
  const text = plain.replace(/\$(.)?/g, (_all, next?: string) => (next === '$' ? '$' : assert.fail('a variable')));
  const [name = '', ...rest] = text.split(',');
  const options = new Map(rest.map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
  const kind = options.get('type') === 'mount' ? 'mount' : 'env';
  const mode = options.get('mode');
  const secret = { name, kind, target: options.get('target') ?? '' } as const;
  return mode === undefined ? secret : { ...secret, mode };
}

const order = (a: DropInSecret, b: DropInSecret) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom('%', '$', '{', '}', '[', ']', '#', ';', 'h', 'n', '-', '@', '\\', '\n', '"', ',', '=', ' '),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  minLength: 1,
  maxLength: 24,
});
const envKey = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);
const unitName = fc.constantFrom(
  'psi-infisical-setup.service',
  'db.service',
  'net@%i.target',
  'dev-a\\x2db.mount',
  'psi.socket',
);

const accepted = fc.oneof(
  envKey.map((key): DropInSecret => ({ name: secretName('app', key), kind: 'env', target: key })),
  fc
    .tuple(hostile, fc.constantFrom(undefined, '0400', '444'))
    .filter(([key]) => refuseKey('app', key, key, 'mount') === undefined && !/\s/.test(key))
    .map(([key, mode]): DropInSecret => {
      const secret = { name: secretName('app', key), kind: 'mount', target: key } as const;
      return mode === undefined ? secret : { ...secret, mode };
    }),
);

describe('drop-in text', () => {
  it('has one line for each use of a secret, with the owner of a file, and escapes what would split a path', () => {
    const text = dropInText({
      unit: 'myapp.container',
      dependsOn: [],
      secrets: [
        { name: 'myapp--KEY', kind: 'env', target: 'KEY' },
        { name: 'myapp--KEY', kind: 'env', target: 'discovery.type' },
        { name: 'myapp--KEY', kind: 'mount', target: '/etc/my app/100%$"\\`\'=', uid: 0, gid: 999, mode: '0400' },
      ],
      kept: new Map([
        ['myapp--GONE', ['Secret=myapp--GONE,type=env,target=GONE', 'Secret=myapp--GONE,type=env,target=KEY']],
        ['myapp--KEY', ['Secret=myapp--KEY,type=env,target=OLD']],
      ]),
    });
    const lines = text.split('\n').filter((line) => line.startsWith('Secret='));
    assert.deepEqual(lines, [
      'Secret=myapp--GONE,type=env,target=GONE',
      'Secret=myapp--KEY,type=env,target=KEY',
      'Secret=myapp--KEY,type=env,target=discovery.type',
      'Secret=myapp--KEY,type=mount,target=/etc/my\\x20app/100%%$$\\x22\\x5c\\x60\\x27=,uid=0,gid=999,mode=0400',
    ]);
    assert.deepEqual(
      secretLines(text),
      new Map([
        ['myapp--GONE', lines.slice(0, 1)],
        ['myapp--KEY', lines.slice(1)],
      ]),
    );
  });

  it('keeps no line for a file that a secret of the run has, however its path is written', () => {
    const kept = 'Secret=myapp--OLD,type=mount,target=/run/secrets/a\\x20b,mode=0400';
    const text = (target: string): string =>
      dropInText({
        unit: 'myapp.container',
        dependsOn: [],
        secrets: [{ name: 'myapp--NEW', kind: 'mount', target }],
        kept: new Map([['myapp--OLD', [kept]]]),
      });
    assert.ok(!text('/run/secrets/a b').includes('myapp--OLD'));
    assert.ok(text('/run/secrets/b').includes(kept));
  });

  it('refuses in a path what no escape takes away, and an owner that is none', () => {
    const at = (secret: Partial<DropInSecret>) => () =>
      dropInText({
        unit: 'app.container',
        dependsOn: [],
        secrets: [{ name: 'a--B', kind: 'mount', target: '/x', ...secret }],
      });
    for (const char of ['\n', '\r', '\0', '\t', '\u00a0', '\u2028', '\u0085', ',', '\ud800']) {
      assert.throws(at({ target: `/a${char}b` }), { name: 'PsiError' }, JSON.stringify(char));
    }
    for (const id of [-1, 1.5, 4_294_967_296, Number.NaN]) {
      assert.throws(at({ uid: id }), { name: 'PsiError' });
      assert.throws(at({ gid: id }), { name: 'PsiError' });
    }
    assert.throws(at({ kind: 'env', target: 'B', uid: 0 }), { name: 'PsiError' });
  });

  it('orders after the socket, PSI and the units the workload depends on, with one line per secret', () => {
    const text = dropInText({
      unit: 'myapp.container',
      dependsOn: ['psi-infisical-setup.service', 'psi.socket'],
      secrets: [
        { name: 'myapp--tls.key', kind: 'mount', target: 'tls.key', mode: '0400' },
        { name: 'myapp--DB_HOST', kind: 'env', target: 'DB_HOST' },
        { name: 'myapp--A$B%h', kind: 'mount', target: 'A$B%h' },
      ],
    });
    assert.equal(
      text,
      [
        '# Written by PSI (psi setup). Changes here are overwritten.',
        '',
        '[Unit]',
        'Wants=psi.socket psi-infisical-setup.service',
        'After=psi.socket psi.service psi-infisical-setup.service',
        '',
        '[Container]',
        'Secret=myapp--A$$B%%h,type=mount,target=A$$B%%h',
        'Secret=myapp--DB_HOST,type=env,target=DB_HOST',
        'Secret=myapp--tls.key,type=mount,target=tls.key,mode=0400',
        '',
      ].join('\n'),
    );
    assert.ok(isPsiDropIn(text));
    assert.ok(text.startsWith(DROP_IN_MARK));
  });

  it('is read back as exactly the intended keys, whatever the accepted names are', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(accepted, { selector: (secret) => JSON.stringify(secret), maxLength: 12 }),
        fc.array(unitName, { maxLength: 4 }),
        (secrets, dependsOn) => {
          const text = dropInText({ unit: 'app.container', dependsOn, secrets });
          const entries = parseUnit(text);
          const ours = entries.filter((entry) => entry.key === 'Secret');
          assert.deepEqual(
            entries.map((entry) => `${entry.section}.${entry.key}`),
            ['Unit.Wants', 'Unit.After', ...ours.map(() => 'Container.Secret')],
          );
          assert.deepEqual(ours.map((entry) => parseSecret(entry.value)).sort(order), [...secrets].sort(order));
          assert.deepEqual(entries[0]?.value.split(' '), [...new Set(['psi.socket', ...dependsOn])]);
          assert.deepEqual(entries[1]?.value.split(' '), [...new Set(['psi.socket', 'psi.service', ...dependsOn])]);
        },
      ),
    );
  });

  it('is the same text whatever order the secrets came in', () => {
    fc.assert(
      fc.property(fc.array(accepted, { maxLength: 8 }), (secrets) => {
        const input = { unit: 'app.container', dependsOn: [] };
        const turned = dropInText({ ...input, secrets: [...secrets].reverse() });
        assert.equal(dropInText({ ...input, secrets }), turned);
      }),
    );
  });

  it('refuses any text that is no single word, wherever it stands', () => {
    const whole = { unit: 'app.container', dependsOn: [], secrets: [] };
    const blanks = ['\n', '\r', '\0', '\t', ' ', '\u00a0', '\u2028', '\u0085'];
    for (const bad of ['', ...[...blanks, '"', "'", '\\', ',', '=', '`', '\ud800'].map((char) => `A${char}B`)]) {
      const at = (secret: DropInSecret) => () => dropInText({ ...whole, secrets: [secret] });
      assert.throws(at({ name: bad, kind: 'env', target: 'A' }), { name: 'PsiError' }, JSON.stringify(bad));
      assert.throws(at({ name: 'a--B', kind: 'mount', target: bad }), { name: 'PsiError' }, JSON.stringify(bad));
      assert.throws(at({ name: 'a--B', kind: 'env', target: bad }), { name: 'PsiError' }, JSON.stringify(bad));
      assert.throws(at({ name: 'a--B', kind: 'mount', target: 'B', mode: bad }), { name: 'PsiError' });
    }
    for (const bad of ['', 'a', 'a b.service', 'a.service\nRequires=x.service', 'a.service]', '%.service']) {
      assert.throws(() => dropInText({ ...whole, dependsOn: [bad] }), { name: 'PsiError' }, bad);
    }
    assert.throws(() => dropInText({ ...whole, secrets: [{ name: 'a--B', kind: 'env', target: 'B', mode: '0400' }] }));
  });
});

/** Folders whose drop-ins Podman reads for one unit (GetUnitDropinPaths of its quadlet), as units. */
function applying(unit: string): readonly string[] {
  const [, prefix = '', instance] = /^([^@]*)(?:@(.*))?\.container$/.exec(unit) ?? [];
  const parts = prefix.split('-').slice(0, -1);
  const truncated = parts.map((_, count) => `${parts.slice(0, count + 1).join('-')}-`);
  const names = truncated.flatMap((start) => (instance === undefined ? [start] : [start, `${start}@`]));
  const template = instance === undefined || instance === '' ? [] : [`${prefix}@`];
  return [...new Set([...[...names, ...template].map((name) => `${name}.container`), unit])];
}

it('of drop-ins that are read for one unit together no two have one name, and the more specific comes later', () => {
  const part = fc.constantFrom('a', 'b', 'c1', '-');
  const stem = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => `x${parts.join('-')}`);
  const unit = fc.tuple(stem, fc.constantFrom('', '@', '@1', '@a-b')).map((parts) => `${parts.join('')}.container`);
  fc.assert(
    fc.property(unit, (one) => {
      const names = applying(one).map(dropInFileName);
      assert.equal(new Set(names).size, names.length, names.join());
      assert.deepEqual(names.toSorted().at(-1), names.at(-1));
    }),
  );
});
