// The variables that a container gets from its quadlet, by the rules of Podman: env files, over them Environment=, over both Secret= with
// type=env. Each name comes once, with what counts in the end; what psi cannot read for sure is refused under its name.

import type { ProviderWords } from '../../core/provider-words.ts';
import { PsiError } from '../../core/error.ts';
import { folderOf } from '../../host/layout.ts';
import { isEnvName, isVariableName, printable, type Refusal } from '../../core/naming.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { claimOf, type SecretUse } from '../../core/workload.ts';
import type { EnvFileLine } from '../env-file/podman.ts';
import { parseSecretOption } from './secret-option.ts';
import { expand, type UnitNames } from './specifiers.ts';
import { liveLines, type LiveLine, type QuadletUnit } from './unit.ts';
import type { Word } from './words.ts';

/** What one variable comes to. `from` is `FILE:LINE`. */
export type Setting =
  | { readonly kind: 'value'; readonly key: string; readonly value: SecretValue; readonly from: string }
  | { readonly kind: 'secret'; readonly key: string; readonly secret: string; readonly from: string }
  | ({ readonly kind: 'refused'; readonly key: string; readonly from: string } & Refusal);

/** A file that a container gets of a secret. */
export type MountedSecret = { readonly use: SecretUse; readonly secret: string; readonly from: string };

export type Environment = {
  readonly settings: readonly Setting[];
  /** None where files are left alone. */
  readonly files: readonly MountedSecret[];
  /** What was passed over, for people: lines without effect, mounted secrets. */
  readonly notes: readonly string[];
};

/** One word of EnvironmentFile=. */
export type EnvFileRef = { readonly path: string; readonly at: LiveLine; readonly word: Word };

/** Throws BAD_REQUEST where a path is not sure: what such a file holds could take precedence over anything. */
export function envFileRefs(unit: QuadletUnit, names: UnitNames): readonly EnvFileRef[] {
  const folder = folderOf(unit.parts[0]?.file.path ?? '/');
  return liveLines(unit, 'EnvironmentFile').flatMap((at) =>
    at.words.map((word) => {
      // A specifier at the start is where Podman resolves no relative path.
      const relative = !word.text.startsWith('/') && !/^%[^%]/.test(word.text);
      const { text: path, unclear } = expand(word.text, names);
      const why = word.unclear ?? unclear ?? (relative || path?.startsWith('/') ? undefined : 'it is not absolute');
      if (why !== undefined || path === undefined) {
        throw new PsiError('BAD_REQUEST', `${at.place}: the path in EnvironmentFile= is not sure: ${String(why)}`, {
          hint: 'write the path out, then import again; nothing was imported',
        });
      }
      return { path: relative ? `${folder}/${path.replace(/^(?:\.\/)+/, '')}` : path, at, word };
    }),
  );
}

export type EnvFiles = ReadonlyMap<string, readonly EnvFileLine[]>;

export function environmentOf(
  unit: QuadletUnit,
  names: UnitNames,
  envFiles: EnvFiles,
  words: ProviderWords,
  { files: takesFiles }: { readonly files: boolean } = { files: false },
): Environment {
  refuseOtherWays(unit);
  const byKey = new Map<string, Setting>();
  const files: MountedSecret[] = [];
  const notes: string[] = [];
  const put = (setting: Setting): void => {
    byKey.set(setting.key, nameable(setting));
  };
  for (const { path } of envFileRefs(unit, names)) {
    for (const line of envFiles.get(path) ?? []) put(fromEnvFile(path, line));
  }
  for (const at of liveLines(unit, 'Environment')) {
    if (at.ignored !== undefined) notes.push(`${at.place}: ${at.ignored}`);
    for (const word of at.words) {
      if (!word.text.includes('=')) {
        notes.push(`${at.place}: a word without \`=\` is left as it is (blanks in a value need quotes)`);
        // From 5.6 on Podman takes such a variable from its own environment, before that it ignores the word.
        if (byKey.has(word.text)) put(refused(word.text, at.place, PASSED_ON));
      } else put(fromWord(word, at.place, names));
    }
  }
  for (const at of liveLines(unit, 'Secret')) {
    if (at.ignored !== undefined) notes.push(`${at.place}: ${at.ignored}`);
    for (const word of at.words) {
      const file = takesFiles ? fileOf(word, at.place, names) : undefined;
      if (file) files.push(file);
      const setting = file ? undefined : fromSecret(word, at.place, names, words);
      if (typeof setting === 'string') notes.push(setting);
      else if (setting) put(setting);
    }
  }
  return { settings: [...byKey.values()], files: mounted(files), notes };
}

/** Of two files at one place the container gets the later. All files of one secret are one file of Podman's, as its last line has it. */
function mounted(files: readonly MountedSecret[]): readonly MountedSecret[] {
  const last = new Map(files.map(({ secret, use }) => [secret, use]));
  const byClaim = new Map(files.map((file) => [claimOf(file.use), file]));
  return [...byClaim.values()].map(({ use: { target }, ...file }) => {
    return { ...file, use: { kind: 'mount', ...last.get(file.secret), target } };
  });
}

const PASSED_ON: Refusal = {
  reason: 'podman takes its value from its own environment',
  hint: 'give it a value there, or leave it as it is',
};

function fromEnvFile(path: string, { line, key, value }: EnvFileLine): Setting {
  const from = `${printable(path)}:${String(line)}`;
  return value === undefined ? refused(key, from, PASSED_ON) : { kind: 'value', key, value, from };
}

function fromWord(word: Word, from: string, names: UnitNames): Setting {
  const key = word.text.slice(0, word.text.indexOf('='));
  const value = expand(word.text.slice(key.length + 1), names);
  const unclear = word.unclear ?? value.unclear;
  if (unclear !== undefined || value.text === undefined) {
    return refused(key, from, {
      reason: String(unclear),
      hint: 'write the value out there, or set it at the provider by hand',
    });
  }
  return { kind: 'value', key, value: SecretValue.fromText(value.text), from };
}

/** A text is a note: the word sets no variable. */
function fromSecret(word: Word, from: string, names: UnitNames, { group }: ProviderWords): Setting | string {
  const { text, unclear } = expand(word.text, names);
  const option = parseSecretOption(text ?? word.text);
  const why = word.unclear ?? unclear;
  if (!option) return `${from}: podman takes no such Secret=; it is left as it is`;
  if (option.variable === undefined) {
    return `${from}: the secret is mounted as a file and left as it is (\`psi ${group} import podman-secret\` takes its value)`;
  }
  const { name: secret, variable: key } = option;
  if (why !== undefined) return refused(key, from, { reason: why, hint: 'write the name of the secret out' });
  return { kind: 'secret', key, secret, from };
}

/** undefined: the word is no file, or not sure. */
function fileOf(word: Word, from: string, names: UnitNames): MountedSecret | undefined {
  const { text } = expand(word.text, names);
  const option = word.unclear === undefined && text !== undefined ? parseSecretOption(text) : undefined;
  return option?.kind === 'mount' ? { use: option.use, secret: option.name, from } : undefined;
}

function refused(key: string, from: string, refusal: Refusal): Setting {
  return { kind: 'refused', key, from, ...refusal };
}

/** A key of the provider's is a variable of that name; of a secret, `keys` can make any. */
function nameable(setting: Setting): Setting {
  if (isEnvName(setting.key) || (setting.kind === 'secret' && isVariableName(setting.key))) return setting;
  return refused(setting.key, setting.from, {
    reason: 'psi sets variables of letters, digits and `_` only',
    hint: 'rename the variable, or leave it where it is',
  });
}

/** Variables that come with PodmanArgs= take precedence and are read by nobody here. */
function refuseOtherWays(unit: QuadletUnit): void {
  for (const { words, place } of liveLines(unit, 'PodmanArgs')) {
    if (
      !words.some(({ text }) =>
        /^(?:-[ditPq]*e|--(?:env|env-file|env-merge|unsetenv|unsetenv-all|secret)(?:=|$))/.test(text),
      )
    )
      continue;
    throw new PsiError('BAD_REQUEST', `${place}: PodmanArgs= sets or removes variables`, {
      hint: 'write them as Environment=, EnvironmentFile= or Secret= lines, then import again; nothing was imported',
    });
  }
}
