// Every shell block of README and docs is run from its text by a test, or says why not.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DOC_STAGES } from '../../hosts/doc-stages.ts';
import {
  commandsOf,
  docBlocks,
  docPages,
  docText,
  indentedCommands,
  scriptOf,
  shellBlocks,
} from '../../hosts/doc-blocks.ts';

const ROOT = join(import.meta.dirname, '../../..');
const blocks = await docBlocks();

test('every shell block has a mark', () => {
  const bare = blocks.filter(({ run, notRun }) => run === undefined && notRun === undefined);
  assert.deepEqual(
    bare.map(({ page, line }) => `${page}:${String(line)}`),
    [],
  );
  assert.ok(blocks.length > 20, 'they are found at all');
});

test('no command is shown by an indent alone, where no mark would be asked for', async () => {
  for (const page of await docPages()) assert.deepEqual(indentedCommands(await docText(page)), [], page);
});

test('every name of a mark is of one block, and of a stage', () => {
  const names = blocks.flatMap(({ run }) => run ?? []);
  assert.deepEqual(names.toSorted(), Object.keys(DOC_STAGES).toSorted());
});

test('every stage is followed by the test that it names', async () => {
  for (const [name, path] of Object.entries(DOC_STAGES)) {
    assert.ok(
      (await readFile(join(ROOT, path), 'utf8')).includes(`follow('${name}'`),
      `${path} does not follow ${name}`,
    );
  }
});

test('a reason is a reason', () => {
  for (const { page, line, notRun } of blocks) {
    if (notRun !== undefined) assert.ok(notRun.length > 15, `${page}:${String(line)}: ${notRun}`);
  }
});

const PAGE = `text

<!-- run: one -->

\`\`\`sh
first \\
  goes on
# no command
second | third
\`\`\`

\`\`\`
output
\`\`\`

1. <!-- run: elsewhere -->
   text

   \`\`\`bash
   bare
   \`\`\`

<!-- not run: needs a moon -->
~~~console
$ moon
~~~
`;

test('blocks are found with their marks, whatever fence and indent they have', () => {
  assert.deepEqual(
    shellBlocks('p.md', PAGE).map(({ line, text, run, notRun }) => [line, text, run, notRun]),
    [
      [5, 'first \\\n  goes on\n# no command\nsecond | third\n', 'one', undefined],
      [19, 'bare\n', undefined, undefined],
      [24, '$ moon\n', undefined, 'needs a moon'],
    ],
  );
  assert.throws(() => shellBlocks('p.md', '```sh\nls\n'), /p\.md:1/);
  assert.deepEqual(indentedCommands('text\n\n    podman run x\n    other\n\n```\n\n    podman no\n```\n'), [
    'podman run x',
  ]);
});

test('a command takes its lines with it', () => {
  assert.deepEqual(commandsOf(shellBlocks('p.md', PAGE)[0]?.text ?? ''), ['first \\\n  goes on', 'second | third']);
  assert.deepEqual(commandsOf('a |\n  b\n\nc &&\n  d\n'), ['a |\n  b', 'c &&\n  d']);
});

test('a script ends at the first exit status that is not as it should be', () => {
  assert.equal(
    scriptOf(["a 'b'"], () => 3),
    `a 'b'\ns=$?; [ "$s" = 3 ] || { printf '%s\\n' 'exit status '"$s"', not 3: a '\\''b'\\''' >&2; exit 99; }\n`,
  );
});
