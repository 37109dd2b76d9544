// A quadlet from texts, and what comes of it. Not a test itself.
import { parseEnvFile, type EnvFileLine } from '../../../../src/transfer/env-file/podman.ts';
import { environmentOf, envFileRefs, type Environment } from '../../../../src/transfer/quadlet/environment.ts';
import { parseQuadlet } from '../../../../src/transfer/quadlet/file.ts';
import { rewrite, type Edit } from '../../../../src/transfer/quadlet/rewrite.ts';
import { specifiersOf, unitNames, type UnitHost } from '../../../../src/transfer/quadlet/specifiers.ts';
import type { QuadletUnit } from '../../../../src/transfer/quadlet/unit.ts';
import { INFISICAL_WORDS } from '../../../../src/adapters/infisical/provider-words.ts';

export type Texts = {
  readonly unit: string;
  /** By file name, in the order of merging. */
  readonly dropIns?: Readonly<Record<string, string>>;
  readonly shared?: Readonly<Record<string, string>>;
  readonly envFiles?: Readonly<Record<string, string>>;
};

export const SYSTEM: UnitHost = {
  scope: 'system',
  specifiers: specifiersOf('system', { HOME: '/srv/elsewhere' }, { uid: 0, name: 'root' }),
};
export const USER: UnitHost = {
  scope: 'user',
  specifiers: specifiersOf('user', { HOME: '/home/ann' }, { uid: 1000, name: 'ann' }),
};

const NAMES = unitNames('app.container', undefined, SYSTEM);

export function unitOf({ unit, dropIns = {}, shared = {} }: Texts): QuadletUnit {
  const part = (path: string, text: string, own: boolean): QuadletUnit['parts'][number] => ({
    file: parseQuadlet(path, text),
    shared: !own,
  });
  return {
    parts: [
      part('/q/app.container', `[Container]\n${unit}`, true),
      ...Object.entries(shared).map(([name, text]) => part(`/q/container.d/${name}`, `[Container]\n${text}`, false)),
      ...Object.entries(dropIns).map(([name, text]) =>
        part(`/q/app.container.d/${name}`, `[Container]\n${text}`, true),
      ),
    ],
  };
}

function envFilesOf({ envFiles = {} }: Texts): ReadonlyMap<string, readonly EnvFileLine[]> {
  return new Map(
    Object.entries(envFiles).map(([path, text]) => [path, parseEnvFile(new TextEncoder().encode(text)).lines ?? []]),
  );
}

export function environment(texts: Texts): Environment {
  return environmentOf(unitOf(texts), NAMES, envFilesOf(texts), INFISICAL_WORDS);
}

/** `KEY=value`, `KEY=<secret NAME>` or `KEY!reason`, each with where it stands. */
export function settings(texts: Texts): readonly string[] {
  return environment(texts).settings.map((setting) => {
    const text =
      setting.kind === 'value'
        ? `=${setting.value.exposeText()}`
        : setting.kind === 'secret'
          ? `=<secret ${setting.secret}>`
          : `!${setting.reason}`;
    return `${setting.key}${text} (${setting.from.replace('/q/', '')})`;
  });
}

export function edits(texts: Texts, confirmed: readonly string[]): readonly Edit[] {
  const unit = unitOf(texts);
  return rewrite({
    unit,
    names: NAMES,
    envFiles: envFilesOf(texts),
    envFileRefs: envFileRefs(unit, NAMES),
    confirmed: new Set(confirmed),
  });
}
