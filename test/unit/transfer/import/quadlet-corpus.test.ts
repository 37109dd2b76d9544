// Each quadlet of the corpus imported, rewritten, and set up from the lines that the import printed: the container has the same variables and
// files afterwards, with the same values, owners and modes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INFISICAL_WORDS } from '../../../../src/adapters/infisical/provider-words.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import { claimOf, type SecretUse } from '../../../../src/core/workload.ts';
import { importQuadlet, type QuadletReport } from '../../../../src/transfer/import/quadlet.ts';
import { importSecrets } from '../../../../src/transfer/import/secrets.ts';
import { parseQuadlet } from '../../../../src/transfer/quadlet/file.ts';
import { parseSecretOption } from '../../../../src/transfer/quadlet/secret-option.ts';
import { expand, unitNames } from '../../../../src/transfer/quadlet/specifiers.ts';
import { liveLines, type QuadletUnit } from '../../../../src/transfer/quadlet/unit.ts';
import { corpusText, corpusValue, QUADLET_CORPUS, type CorpusQuadlet } from '../../../hosts/quadlet-corpus.ts';
import { FakeClock } from '../../../fakes/clock.fake.ts';
import { FakeQuadletFiles } from '../../../fakes/quadlet-files.fake.ts';
import { FakeSecretSource } from '../../../fakes/secret-source.fake.ts';
import { FakeSecretWriter } from '../../../fakes/secret-writer.fake.ts';
import { load, PROVIDER } from '../../config/support.ts';
import { setupStage } from '../../registration/setup-stage.ts';
import { SYSTEM } from '../quadlet/stage.ts';

/** Text of a quadlet and its drop-ins → what the container gets: claim → value, mode and owner. */
function container(
  name: string,
  texts: readonly (readonly [path: string, text: string])[],
  valueOf: (secret: string) => string,
): Readonly<Record<string, string>> {
  const unit: QuadletUnit = { parts: texts.map(([path, text]) => ({ file: parseQuadlet(path, text), shared: false })) };
  const names = unitNames(name, undefined, SYSTEM);
  const found = new Map<string, string>();
  const rights = new Map<string, string>();
  const files = new Map<string, string>();
  for (const { words } of liveLines(unit, 'Environment')) {
    for (const { text } of words) found.set(text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1));
  }
  for (const { words } of liveLines(unit, 'Secret')) {
    for (const { text } of words) {
      const option = parseSecretOption(expand(text, names).text ?? '') ?? assert.fail(text);
      const { mode = '0444', uid = 0, gid = 0 }: SecretUse = option.use;
      if (option.kind === 'env') found.set(claimOf(option.use), valueOf(option.name));
      else {
        files.set(claimOf(option.use), option.name);
        // Podman keeps one file for each of its secrets.
        rights.set(option.name, ` ${mode} ${String(uid)}:${String(gid)}`);
      }
    }
  }
  for (const [path, secret] of files) found.set(path, valueOf(secret) + String(rights.get(secret)));
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function imported(
  quadlet: CorpusQuadlet,
): Promise<{ files: FakeQuadletFiles; report: QuadletReport; source: FakeSecretSource }> {
  const files = new FakeQuadletFiles();
  files.texts.set(`/q/${quadlet.file}`, corpusText(quadlet));
  for (const [name, lines] of Object.entries(quadlet.dropIns ?? {})) {
    files.texts.set(`/q/${quadlet.file}.d/${name}`, ['[Container]', ...lines, ''].join('\n'));
  }
  const source = new FakeSecretSource();
  const writer = new FakeSecretWriter(source);
  const listed = JSON.stringify(quadlet).match(/[a-z@][\w.@-]*(?=,|"|\s)/g) ?? [];
  const registry = {
    list: () => Promise.resolve([...new Set(listed)].map((name) => ({ id: name, name, driver: 'file', options: {} }))),
  };
  const report = await importQuadlet(
    {
      files,
      registry,
      values: { read: ({ name }) => Promise.resolve({ value: SecretValue.fromText(corpusValue(name)) }) },
      elsewhere: () => undefined,
      provider: 'infisical',
      workloads: [],
      words: INFISICAL_WORDS,
      importSecrets: (request, emit) =>
        importSecrets({ source, writer, words: INFISICAL_WORDS, clock: new FakeClock() }, request, emit),
      list: (place) =>
        source
          .list(place, { recursive: false, values: true, signal: new AbortController().signal })
          .then((all) => all.map(({ key, fetched }) => ({ key, value: fetched?.value }))),
    },
    {
      path: `/q/${quadlet.file}`,
      place: { project: 'myproject', path: '/app' },
      manager: SYSTEM,
      resolveSecrets: true,
      conflict: 'fail',
      dryRun: false,
      rewrite: true,
      rewriteCommand: 'psi … --rewrite',
    },
    () => undefined,
  );
  return { files, report, source };
}

function textsOf(files: FakeQuadletFiles, file: string): readonly (readonly [string, string])[] {
  return [...files.texts]
    .filter(([path]) => path === `/q/${file}` || (path.startsWith(`/q/${file}.d/`) && path.endsWith('.conf')))
    .map(([path, text]) => [path, String(text)]);
}

test('the corpus has at least 150 secrets', () => {
  const words = QUADLET_CORPUS.flatMap(({ secrets, dropIns = {} }) => [...secrets, ...Object.values(dropIns).flat()]);
  assert.ok(words.length >= 150, String(words.length));
  assert.equal(new Set(QUADLET_CORPUS.map(({ file }) => file)).size, QUADLET_CORPUS.length);
});

for (const quadlet of QUADLET_CORPUS) {
  test(`${quadlet.file}: imported, rewritten and set up, the container is as before`, async () => {
    const before = container(
      quadlet.file,
      [
        [`/q/${quadlet.file}`, corpusText(quadlet)],
        ...Object.entries(quadlet.dropIns ?? {}).map(
          ([name, lines]) => [`/q/${quadlet.file}.d/${name}`, ['[Container]', ...lines, ''].join('\n')] as const,
        ),
      ],
      corpusValue,
    );
    const { files, report, source } = await imported(quadlet);
    assert.deepEqual(
      [report.exit, report.failure, report.editFailure],
      [0, null, null],
      JSON.stringify(report.results),
    );
    const rest = textsOf(files, quadlet.file);
    const left = rest.flatMap(([path, text]) =>
      liveLines({ parts: [{ file: parseQuadlet(path, text), shared: false }] }, 'Secret'),
    );
    assert.deepEqual(
      left.flatMap(({ words }) => words),
      [],
    );

    const config = await load(`${PROVIDER}${report.next?.config ?? ''}\n`);
    const stage = await setupStage();
    stage.target.workloads = [...config.workloads];
    const there = source.projects.get('myproject')?.get('/app') ?? new Map<string, string>();
    stage.folders['/app'] = Object.fromEntries([...there].map(([key, value]) => [key, String(value)]));
    const setup = await stage.run();
    assert.deepEqual([setup.outcome, setup.refused, setup.problems], ['done', [], []], JSON.stringify(setup.failures));
    const dropIn = stage.dropIns.files.get(quadlet.file) ?? assert.fail('no drop-in');
    const ids = new Map((await stage.registry.list()).map(({ name, id }) => [name, id]));
    const valueOf = (name: string): string => {
      const { path, key } = stage.mappings.placeOf(ids.get(name) ?? '') ?? assert.fail(name);
      return stage.folders[path]?.[key] ?? assert.fail(key);
    };
    const own = `/q/${quadlet.file}.d/50-secrets.conf`;
    assert.deepEqual(container(quadlet.file, [...rest, [own, dropIn]], valueOf), before);
  });
}
