// What the Python PSI's service was started with: its variables and credentials, as its unit and the admin's drop-ins have them.

import { splitWords } from '../transfer/quadlet/words.ts';

export type OldCredential =
  | { readonly kind: 'encrypted' | 'plain'; readonly path: string | undefined }
  /** Its value stands in the unit, in the clear or not. */
  | { readonly kind: 'inline'; readonly value: string }
  | { readonly kind: 'inline-encrypted' };

export type OldEnvironment = {
  /** `PSI_…` alone. */
  readonly variables: ReadonlyMap<string, string>;
  readonly credentials: ReadonlyMap<string, OldCredential>;
};

/** `files`: text of each that an `EnvironmentFile=` names. */
export function oldEnvironment(texts: readonly string[], files: ReadonlyMap<string, string>): OldEnvironment {
  let variables = new Map<string, string>();
  const credentials = new Map<string, OldCredential>();
  // A file goes over what stands in the unit, wherever its line is.
  const fromFiles = environmentFiles(texts).flatMap((path) => (files.get(path) ?? '').split('\n').flatMap(assignment));
  for (const [key, value] of texts.flatMap(settings)) {
    if (key === 'Environment') {
      if (value === '') variables = new Map();
      for (const { text } of splitWords(value).words) for (const one of assignment(text)) variables.set(...one);
    } else if (/^(?:Load|Set)Credential(?:Encrypted)?$/.test(key)) {
      const named = credential(key, value);
      if (named) credentials.set(...named);
    }
  }
  for (const one of fromFiles) variables.set(...one);
  return { variables, credentials };
}

export function environmentFiles(texts: readonly string[]): readonly string[] {
  let paths: string[] = [];
  for (const [key, value] of texts.flatMap(settings)) {
    if (key !== 'EnvironmentFile') continue;
    if (value === '') paths = [];
    else paths.push(value.replace(/^-/, ''));
  }
  return paths;
}

type Setting = readonly [key: string, value: string];

function settings(text: string): readonly Setting[] {
  const whole = text.replaceAll(/\\\n/g, ' ');
  return whole.split('\n').flatMap((line): readonly Setting[] => {
    const [, key, value = ''] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    return key === undefined ? [] : [[key, value]];
  });
}

function assignment(line: string): readonly Setting[] {
  const [, name, value = ''] = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
  if (name === undefined || !/^psi_/i.test(name)) return [];
  return [[name, value.trim().replace(/^(["'])(.*)\1$/, '$2')]];
}

function credential(key: string, value: string): readonly [string, OldCredential] | undefined {
  const [, name = '', rest] = /^([^:]+)(?::(.*))?$/.exec(value) ?? [];
  if (name === '') return undefined;
  if (key === 'SetCredentialEncrypted') return [name, { kind: 'inline-encrypted' }];
  if (key === 'SetCredential') return [name, { kind: 'inline', value: rest ?? '' }];
  const path = rest?.startsWith('/') === true ? rest : undefined;
  return [name, { kind: key === 'LoadCredential' ? 'plain' : 'encrypted', path }];
}
