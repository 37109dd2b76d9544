// A quadlet as something to import: its files read, its variables worked out, its Podman secrets resolved if that is asked for. Whatever
// could change a value and cannot be read stops the run before anything is written.

import { PsiError, toPsiError } from '../../core/error.ts';
import type { ImportEntry, ImportSource, RefusedEntry } from '../import/entry.ts';
import type { ProviderWords } from '../../core/provider-words.ts';
import { isEnvName, printable } from '../../core/naming.ts';
import type { SecretUse } from '../../core/workload.ts';
import { parseEnvFile, type EnvFileLine } from '../env-file/podman.ts';
import {
  environmentOf,
  envFileRefs,
  type Environment,
  type EnvFileRef,
  type EnvFiles,
  type MountedSecret,
  type Setting,
} from './environment.ts';
import { parseQuadlet } from './file.ts';
import { unitNames, type UnitHost, type UnitNames } from './specifiers.ts';
import { liveLines, type QuadletUnit } from './unit.ts';
import type { QuadletFiles } from './quadlet-files.ts';
import type { HeldValue } from '../secret-values.ts';
import { isPsisOwn, type PodmanReader } from '../import/podman.ts';

export type QuadletReader = PodmanReader & {
  readonly words: ProviderWords;
  readonly files: QuadletFiles;
  /** What to run where a file cannot be seen from here. */
  readonly elsewhere: (path: string) => string | undefined;
};

export type QuadletFound = {
  readonly unit: QuadletUnit;
  readonly names: UnitNames;
  readonly envFiles: EnvFiles;
  readonly envFileRefs: readonly EnvFileRef[];
  readonly source: ImportSource;
  /** What each entry of the source is in the container. */
  readonly uses: ReadonlyMap<string, readonly SecretUse[]>;
  readonly notes: readonly string[];
};

export type QuadletQuestion = {
  readonly path: string;
  readonly manager: UnitHost;
  readonly resolveSecrets: boolean;
};

export async function readQuadlet(deps: QuadletReader, question: QuadletQuestion): Promise<QuadletFound> {
  const { path, manager, resolveSecrets } = question;
  const unitFile = path.slice(path.lastIndexOf('/') + 1);
  if (!/.\.container$/.test(unitFile)) {
    throw new PsiError('USAGE', `${printable(path)} is no .container file`, {
      hint: `psi ${deps.words.group} import quadlet /etc/containers/systemd/myapp.container --project P --path /myapp`,
    });
  }
  const { unit, names } = await mergedUnit(deps.files, path, manager);
  const refs = envFileRefs(unit, names);
  const envFiles = await readEnvFiles(deps, refs);
  const found = environmentOf(unit, names, envFiles, deps.words, { files: resolveSecrets });
  const resolved = await resolve(deps, found, resolveSecrets);
  return { unit, names, envFiles, envFileRefs: refs, ...resolved, notes: [...found.notes, ...resolved.notes] };
}

/** The quadlet with its drop-ins, but for PSI's own. */
export async function mergedUnit(
  files: Pick<QuadletFiles, 'read'>,
  path: string,
  manager: UnitHost,
): Promise<{ readonly unit: QuadletUnit; readonly names: UnitNames }> {
  const texts = await files.read(path);
  const unit: QuadletUnit = {
    parts: [{ ...texts.unit, shared: false }, ...texts.dropIns].map(({ path: file, text, shared }) => {
      return { file: parseQuadlet(file, text), shared };
    }),
  };
  const unitFile = path.slice(path.lastIndexOf('/') + 1);
  return { unit, names: unitNames(unitFile, liveLines(unit, 'ServiceName').at(-1)?.words[0]?.text, manager) };
}

async function readEnvFiles(deps: QuadletReader, refs: readonly EnvFileRef[]): Promise<EnvFiles> {
  const files = new Map<string, readonly EnvFileLine[]>();
  for (const { path, at } of refs) {
    if (files.has(path)) continue;
    const bytes = await deps.files.readEnvFile(path).catch((thrown: unknown) => {
      const error = toPsiError(thrown);
      const hint = deps.elsewhere(path) ?? error.hint;
      throw new PsiError(error.code, `${at.place}: ${error.message}; nothing was imported`, {
        ...(hint !== undefined && { hint }),
        cause: error,
      });
    });
    const file = parseEnvFile(bytes);
    if (file.broken !== undefined) {
      const where = `${printable(path)}:${String(file.broken)}`;
      throw new PsiError('BAD_REQUEST', `${where}: ${file.reason}; nothing was imported`, {
        hint: `podman does not start a container with it either; mend the line (named at ${at.place})`,
      });
    }
    files.set(path, file.lines);
  }
  return files;
}

type Resolved = Pick<QuadletFound, 'source' | 'uses' | 'notes'>;

async function resolve(
  deps: QuadletReader,
  { settings, files }: Environment,
  resolveSecrets: boolean,
): Promise<Resolved> {
  const entries: ImportEntry[] = [];
  const refused: RefusedEntry[] = [];
  const notes: string[] = [];
  const uses = new Map<string, readonly SecretUse[]>();
  for (const setting of settings) {
    const { key, from } = setting;
    if (setting.kind === 'refused') {
      refused.push({ key: showable(key), from, reason: setting.reason, hint: setting.hint });
    } else if (setting.kind === 'value') {
      const text = setting.value.exposeExactText();
      const reason = text === undefined ? 'the value is not valid UTF-8' : text.includes('\0') ? HOLDS_NUL : undefined;
      if (reason === undefined) entries.push({ key, value: setting.value, from });
      else refused.push({ key, from, reason, hint: 'podman itself does not hand it on as it is; set it by hand' });
    } else if (!resolveSecrets) {
      notes.push(`${from}: ${key} comes from a podman secret and is left as it is (--resolve-secrets imports it)`);
    }
  }
  for (const { key } of entries) uses.set(key, [{ kind: 'env', target: key }]);
  if (!resolveSecrets) return { source: { entries, refused }, uses, notes };
  const wanted = secretsIn(settings, files);
  const held = new Map((wanted.length > 0 ? await deps.registry.list() : []).map((secret) => [secret.name, secret]));
  for (const one of wanted) {
    const secret = held.get(one.secret);
    if (secret && isPsisOwn(secret)) {
      for (const { what, from } of one.uses) notes.push(`${from}: ${what} comes from psi already and is left as it is`);
      continue;
    }
    // One after another: Podman runs one driver command at a time.
    const answer = secret ? await deps.values.read(secret) : NO_SUCH_SECRET;
    const [first] = one.uses;
    if (answer.value && first) {
      const key = keyOf(one, uses);
      entries.push({ key, value: answer.value, from: first.from });
      uses.set(
        key,
        one.uses.map(({ use }) => use),
      );
    } else if (!answer.value) {
      const hint = 'see `podman secret ls`; set it by hand';
      refused.push(...one.uses.map(({ what, from }) => ({ key: showable(what), from, reason: answer.reason, hint })));
    }
  }
  return { source: { entries, refused }, uses, notes };
}

/** One secret of Podman's with all that the container gets of it. */
type Wanted = {
  readonly secret: string;
  readonly uses: readonly { readonly use: SecretUse; readonly from: string; readonly what: string }[];
};

function secretsIn(settings: readonly Setting[], files: readonly MountedSecret[]): readonly Wanted[] {
  const variables = settings.flatMap((setting) =>
    setting.kind === 'secret'
      ? [{ ...setting, use: { kind: 'env', target: setting.key } as const, what: setting.key }]
      : [],
  );
  const mounted = files.map((file) => ({ ...file, what: file.secret }));
  const bySecret = Map.groupBy([...variables, ...mounted], ({ secret }) => secret);
  return [...bySecret].map(([secret, uses]) => ({ secret, uses }));
}

/** The first variable; where there is none, the secret's own name, by which it is taken over. */
function keyOf({ secret, uses }: Wanted, taken: ReadonlyMap<string, unknown>): string {
  const variable = uses.find(({ use }) => use.kind === 'env' && isEnvName(use.target));
  const wished = variable?.use.target ?? secret;
  for (let count = 1; ; count += 1) {
    const key = count === 1 ? wished : `${wished}_${String(count)}`;
    if (!taken.has(key)) return key;
  }
}

const NO_SUCH_SECRET: HeldValue = { reason: 'podman has no secret of exactly this name' };
const HOLDS_NUL = 'the value holds a NUL byte';

/** What looks like an odd name may be a part of a value that was not quoted. */
function showable(key: string): string | undefined {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(key) ? key : undefined;
}
