// A provider that is a JSON file on disk: {"project": {"/folder": {"KEY": "value"}}}. No part of PSI: with it a test shows that a further
// kind of provider is one adapter and one line of wiring.

import { providerKind, providerSection } from '../../src/config/provider-section.ts';
import { mapOf } from '../../src/config/findings/check-parts.ts';
import { line } from '../../src/config/schema/fields.ts';
import { name } from '../../src/config/schema/name-fields.ts';
import { absolutePath } from '../../src/config/schema/path-fields.ts';
import { mapSection, section } from '../../src/config/schema/section.ts';
import { PsiError } from '../../src/core/error.ts';
import type { ProviderWords } from '../../src/core/provider-words.ts';
import type { Provider, ProviderTools } from '../../src/provider/provider.ts';
import type { Place } from '../../src/provider/secret-source.ts';
import { fetched } from './fetched.ts';
import { foldersIn } from './secret-source.fake.ts';

const KIND = 'json-file';
const WORDS: ProviderWords = {
  title: 'JSON file',
  name: 'the file',
  group: 'json-file',
  rights: { readValues: 'read', readKeys: 'read' },
};

export const jsonFileSection = providerSection({
  kind: KIND,
  words: WORDS,
  codec: section(
    { file: absolutePath },
    { projects: mapSection(name, section({ title: line('text (title in the file)', true) }, {}), 'project names') },
  ),
  assemble: ({ file, projects = {} }) => ({
    kind: KIND,
    path: file,
    projects: new Map(Object.entries(projects).map(([alias, { title }]) => [alias, { title, environment: undefined }])),
    certificates: undefined,
  }),
});

export type JsonFileConfig = ReturnType<typeof jsonFileSection.read>;

/** What the wiring would have as its one line. */
export const jsonFileKind = providerKind(jsonFileSection, () =>
  Promise.resolve({ openProvider: (config, tools) => Promise.resolve(openJsonFile(config, tools)) }),
);

function openJsonFile(config: JsonFileConfig, { clock, readFile }: ProviderTools): Provider {
  const foldersOf = async ({ project }: Place): Promise<readonly (readonly [string, string, string])[]> => {
    const title = config.projects.get(project)?.title ?? '';
    const text = new TextDecoder().decode(await readFile(config.path));
    return Object.entries(mapOf(mapOf(JSON.parse(text))[title])).flatMap(([path, keys]) =>
      Object.entries(mapOf(keys)).map(([key, value]) => [path, key, String(value)] as const),
    );
  };
  return {
    words: WORDS,
    source: {
      list: async (place, { recursive, values }) => {
        const within = (path: string): boolean => path === place.path || (recursive && path.startsWith(place.path));
        const found = (await foldersOf(place)).filter(([path]) => within(path));
        return found.map(([path, key, value]) => {
          return { path, key, fetched: values ? fetched(value, clock) : undefined };
        });
      },
      get: async (ref) => {
        const found = (await foldersOf(ref)).find(([path, key]) => path === ref.path && key === ref.key);
        if (!found) throw new PsiError('NOT_FOUND', `no secret ${ref.key} in the file`);
        return fetched(found[2], clock);
      },
      folders: async (place) =>
        foldersIn(
          place.path,
          (await foldersOf(place)).map(([path]) => path),
        ),
    },
    writer: undefined,
    authority: undefined,
    identities: () => [],
    close: () => undefined,
  };
}
