import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../../src/core/error.ts';
import { refuseLaterReset } from '../../../../src/transfer/quadlet/rewrite.ts';
import { edits, unitOf, type Texts } from './stage.ts';

/** The unit after the edit, without its first line. */
const after = (texts: Texts, ...confirmed: readonly string[]): string | undefined =>
  edits(texts, confirmed)
    .find(({ path }) => path === '/q/app.container')
    ?.after.replace('[Container]\n', '');

test('what is confirmed goes, the rest stays byte for byte', () => {
  const unit =
    '# keep\r\nImage=x\r\nEnvironment=A=1\r\n\r\n  Environment = "B=x y"  C=3\nLabel=a=b\n# tail\nExec=run \\\n  it';
  assert.equal(
    after({ unit }, 'A', 'B'),
    '# keep\r\nImage=x\r\n\r\nEnvironment=C=3\nLabel=a=b\n# tail\nExec=run \\\n  it',
  );
});

test('nothing confirmed is nothing edited', () => {
  assert.deepEqual(edits({ unit: 'Environment=A=1\nSecret=x,type=env\n' }, []), []);
});

test('a continued line goes as a whole, and comments inside it stay', () => {
  assert.equal(after({ unit: 'Environment=A=1 \\\n# why\n  B=2\nImage=x\n' }, 'A', 'B'), '# why\nImage=x\n');
});

test('of a continued line the rest is put into one line', () => {
  assert.equal(
    after({ unit: 'Environment=A=1 \\\n  "B=2 \\\n  3" C=4\nImage=x\n' }, 'A'),
    'Environment="B=2 3" C=4\nImage=x\n',
  );
});

test('a rest that would continue into the next line stays with the line it was in', () => {
  assert.equal(after({ unit: 'Environment=B=x\\\\ A=1\nImage=x\n' }, 'A'), undefined);
});

test('an env file goes only if every variable of it is confirmed', () => {
  const texts = {
    unit: 'EnvironmentFile=/a /b\nEnvironmentFile=/c\n',
    envFiles: { '/a': 'A=1\n', '/b': 'A=1\nB=2\n' },
  };
  assert.equal(after(texts, 'A'), 'EnvironmentFile=/b\nEnvironmentFile=/c\n');
});

test('a secret that is a variable goes, a mounted one stays', () => {
  assert.equal(after({ unit: 'Secret=x,type=env,target=A y\nSecret=z,type=env\n' }, 'A', 'y', 'z'), 'Secret=y\n');
});

test('lines that an empty one takes back stay, they were not imported', () => {
  assert.equal(
    after({ unit: 'Environment=A=old\nEnvironment=\nEnvironment=A=new\n' }, 'A'),
    'Environment=A=old\nEnvironment=\n',
  );
});

test('drop-ins of the unit are edited too, those of several units never', () => {
  const found = edits(
    { unit: 'Image=x\n', dropIns: { 'a.conf': 'Environment=A=1\n' }, shared: { 'b.conf': 'Environment=B=1\n' } },
    ['A', 'B'],
  );
  assert.deepEqual(
    found.map(({ path, after: text }) => [path, text]),
    [['/q/app.container.d/a.conf', '[Container]\n']],
  );
});

test('says what goes, by place and name and without a value', () => {
  const [edit] = edits({ unit: 'Environment=A=s3cret B=1\nEnvironment=C=1\n' }, ['A', 'C']);
  assert.deepEqual(edit?.removed, ['/q/app.container:2 Environment= A', '/q/app.container:3 Environment= C']);
});

test('a drop-in that would take back the secrets of psi is a conflict', () => {
  const later = unitOf({ unit: '', dropIns: { '60-x.conf': 'Secret=\nSecret=a\n' } });
  assert.throws(
    () => {
      refuseLaterReset(later);
    },
    (error) => error instanceof PsiError && error.code === 'CONFLICT' && /40-x\.conf/.test(error.hint ?? ''),
  );
  refuseLaterReset(unitOf({ unit: 'Secret=\n', dropIns: { '10-x.conf': 'Secret=\n', '60-x.conf': 'Environment=\n' } }));
});
