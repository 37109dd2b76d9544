// From a file to a Config, or to one ConfigError with all its problems. All I/O comes in through `readFile`.

import type { LineCounter } from 'yaml';
import { printable } from '../core/naming.ts';
import type { Config } from './config.ts';
import type { Env, ReadFile } from './surroundings.ts';
import { crossChecks } from './findings/checks.ts';
import { decodeFindings } from './findings/decode.ts';
import { mapOf } from './findings/check-parts.ts';
import { handedOver, placesOf } from './places.ts';
import type { ProviderSection } from './provider-section.ts';
import { describe, onOneLine } from './findings/finding.ts';
import type { Finding } from './findings/finding.ts';
import { hintFor, severityOf } from './findings/hints.ts';
import type { IssueCode } from './findings/hints.ts';
import { inspect } from './findings/inspect.ts';
import { ConfigError } from './findings/issue.ts';
import type { LocatedIssue } from './findings/issue.ts';
import { Excerpts, locate, type Place } from './findings/position.ts';
import { assemble, fileCodec } from './sections/file.ts';
import { assembleOwn, NO_OWN_PROVIDERS, OWN_SECTIONS } from './sections/own-providers.ts';
import { assembleProviders, providersCodec } from './sections/providers.ts';
import { reasonOf } from './schema/secret-field.ts';
import { parseYaml } from './findings/syntax.ts';
import type { Parsed } from './findings/syntax.ts';

type PlaceOptions = {
  /** `--config`; else PSI_CONFIG, else the scope's default. */
  readonly path?: string | undefined;
  readonly env: Env;
  readonly uid: number;
};

export type LoadOptions = PlaceOptions & {
  readonly readFile: ReadFile;
  /** The kinds of providers that the file may name. */
  readonly kinds: readonly ProviderSection[];
};

/** A file that is good, whatever there is to say about it. */
export type Loaded = {
  readonly config: Config;
  readonly warnings: readonly LocatedIssue[];
  /** What was read. */
  readonly content: Uint8Array;
};

/** Fails with ConfigError only. */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  return (await readConfig(options)).config;
}

/** Fails with ConfigError only. */
export async function readConfig(options: LoadOptions): Promise<Loaded> {
  const file = configFile(options);
  const content = await contentOf(file, options.readFile);
  const text = textOf(file, content);
  const parsed = parseYaml(text);
  if (!parsed.ok) throw failed(file, syntaxIssues(file, parsed));
  if (parsed.value === null || parsed.value === undefined) throw wholeFile(file, 'EMPTY_FILE', 'is empty');

  const { kinds } = options;
  const entries = mapOf(mapOf(parsed.value)['providers']);
  const codec = fileCodec(providersCodec(entries, [...kinds, ...OWN_SECTIONS]));
  const decoded = codec.decode(parsed.value);
  const inspection = inspect(parsed.doc, parsed.follow, codec);
  const errors = decoded._tag === 'Left' ? decodeFindings(decoded.left) : [];
  const findings = [...errors, ...inspection.findings, ...crossChecks(parsed.value, kinds)];
  const issues = locateAll(findings, { file, text, parsed, visible: inspection.visible });
  if (decoded._tag === 'Left' || issues.some(({ severity }) => severity === 'error')) throw failed(file, issues);
  const { env, uid } = options;
  const config = assemble(decoded.right, { file, env, uid }, (common) => ({
    providers: assembleProviders(entries, kinds, common),
    own: assembleOwn(entries),
  }));
  return { config, warnings: issues, content };
}

async function contentOf(file: string, readFile: ReadFile): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const reason = reasonOf(cause);
    throw wholeFile(file, reason === 'does not exist' ? 'NO_FILE' : 'UNREADABLE', reason);
  }
}

function textOf(file: string, content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw wholeFile(file, 'NOT_UTF8', 'is not UTF-8');
  }
}

/** What holds where no file can be read: no providers, no workloads, the places that the unit names, everything else at its default. */
export function defaultConfig(options: PlaceOptions): Config {
  const { env, uid } = options;
  return {
    ...assemble({}, { file: configFile(options), env, uid }, () => ({ providers: new Map(), own: NO_OWN_PROVIDERS })),
    ...handedOver(env),
  };
}

/** Which file is read: `--config`, PSI_CONFIG (an empty one counts as unset), the default of the scope. */
export function configFile({ path, env, uid }: PlaceOptions): string {
  if (path !== undefined && path !== '') return path;
  const fromEnv = env['PSI_CONFIG'];
  return fromEnv !== undefined && fromEnv !== '' ? fromEnv : placesOf(env, uid).configFile;
}

type Source = {
  readonly file: string;
  readonly text: string;
  readonly parsed: Parsed & { ok: true };
  readonly visible: ReadonlyMap<number, number>;
};

function locateAll(findings: readonly Finding[], { file, text, parsed, visible }: Source): readonly LocatedIssue[] {
  const { doc, lines } = parsed;
  const excerpts = new Excerpts(doc, text, visible);
  return findings
    .map((finding) => ({ finding, place: locate(doc, finding.path, finding.atKey) }))
    .sort((a, b) => a.place.start - b.place.start)
    .map(({ finding, place }) => {
      const { code, path, expected, suggestion, meant } = finding;
      // Only if both agree: the field is public, and so is the place (not reached through an alias of something else).
      const shown = finding.visible === true && visible.has(place.start);
      return {
        code,
        severity: severityOf(code),
        path: path.map((segment) => printable(String(segment))).join('.'),
        file,
        ...positionOf(lines, place),
        expected: onOneLine(expected),
        got: onOneLine(finding.got ?? describe(finding.actual, shown)),
        hint: onOneLine(hintFor(code, suggestion ?? (shown ? meant : undefined))),
        excerpt: excerpts.at(place),
      };
    });
}

// Without an excerpt: where the syntax is broken, nobody can tell what on the line is a secret.
function syntaxIssues(file: string, parsed: Parsed & { ok: false }): readonly LocatedIssue[] {
  return parsed.problems
    .toSorted((a, b) => a.place.start - b.place.start)
    .map(({ place, got, hint }) => {
      const position = positionOf(parsed.lines, place);
      const words = { expected: 'valid YAML', got, hint: hint ?? hintFor('SYNTAX') };
      return { code: 'SYNTAX', severity: 'error', path: '', file, ...position, ...words };
    });
}

function positionOf(lines: LineCounter, { start }: Place): { readonly line: number; readonly column: number } {
  const { line, col: column } = lines.linePos(start);
  return { line, column };
}

function failed(file: string, issues: readonly LocatedIssue[]): ConfigError {
  const errors = issues.filter(({ severity }) => severity === 'error');
  const count = errors.length === 1 ? '1 problem' : `${String(errors.length)} problems`;
  const [first] = errors;
  const at = first === undefined ? '' : ` (the first at line ${String(first.line)})`;
  return new ConfigError(`${count} in ${file}${at}`, issues, first?.hint ?? hintFor('SYNTAX'));
}

function wholeFile(file: string, code: IssueCode, reason: string): ConfigError {
  const hint = hintFor(code);
  const issue: LocatedIssue = {
    code,
    severity: 'error',
    path: '',
    file,
    line: 1,
    column: 1,
    expected: 'a configuration file',
    got: `a file that ${reason}`,
    hint,
  };
  return new ConfigError(`the configuration file ${file} ${reason}`, [issue], hint);
}
