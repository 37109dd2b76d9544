// Which folders are at the provider, for one run: each parent is asked for its folders once, however many workloads it holds.

import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { printable } from '../core/naming.ts';
import { withRetries } from '../core/retry.ts';
import { isFolderName } from '../core/secret-path.ts';
import { PATTERN_NAME, holdsPlaceholder, placedIn } from '../core/workload-pattern.ts';
import { isMissingFolder, type Place, type SecretSource } from '../provider/secret-source.ts';
import type { SurveyEvent } from '../survey/events.ts';
import { HURRIED, LONGEST_ASKED_MS, ONCE, PATIENT, Patience, SETUP_PAUSES_MS } from '../survey/waits.ts';

export type FolderListsDeps = {
  readonly provider: string;
  readonly source: SecretSource | undefined;
  readonly clock: Clock;
  readonly emit: (event: SurveyEvent) => void;
  readonly signal: AbortSignal;
  /** `hurried`: workloads that are there from before wait for the end of the run. */
  readonly waits: 'patient' | 'hurried' | 'once';
};

/** What became of a path that was looked for. `unknown`: the folders in `parent` could not be listed. */
export type Looked =
  | { readonly kind: 'there' }
  | { readonly kind: 'missing'; readonly place: Place }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly parent: Place; readonly error: PsiError };

type Names = { readonly all: ReadonlySet<string>; readonly folded: ReadonlyMap<string, readonly string[]> };

const TIMEOUT_MS = { patient: 30_000, hurried: 10_000, once: 10_000 } as const;
const BOUNDS = { patient: PATIENT, hurried: HURRIED, once: ONCE } as const;

/** So many folders are named. */
const MOST_NAMED = 10;

export class FolderLists {
  readonly #deps: FolderListsDeps;
  readonly #patience: Patience;
  readonly #byPlace = new Map<string, Promise<Names | PsiError>>();
  readonly #notes: string[] = [];

  constructor(deps: FolderListsDeps) {
    this.#deps = deps;
    this.#patience = new Patience(BOUNDS[deps.waits]);
  }

  /** Folders whose names are asked for nowhere, as far as any were listed. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** Is the folder of a source of the pattern there, for this workload? From the first part that depends on the workload, level by level. */
  async look({ project, path }: Place, folder: string): Promise<Looked> {
    const parts = path.split('/').filter((part) => part !== '');
    const first = parts.findIndex(holdsPlaceholder);
    let parent = `/${parts.slice(0, first).join('/')}`;
    for (const part of parts.slice(first)) {
      const looked = await this.#lookIn({ project, path: parent }, placedIn(part, folder));
      if (looked.kind !== 'there') return looked;
      parent = below(parent, placedIn(part, folder));
    }
    return { kind: 'there' };
  }

  async #lookIn(parent: Place, name: string): Promise<Looked> {
    const names = await this.#in(parent);
    if (names instanceof PsiError) return { kind: 'unknown', parent, error: names };
    const place = { project: parent.project, path: below(parent.path, name) };
    if (!names.all.has(name)) return { kind: 'missing', place };
    const twins = names.folded.get(name.toLowerCase()) ?? [];
    if (twins.length < 2) return { kind: 'there' };
    const reason = `${placeText(parent)} holds folders whose names differ in case alone: ${twins.join(', ')}`;
    return { kind: 'refused', reason };
  }

  #in(parent: Place): Promise<Names | PsiError> {
    const key = JSON.stringify([parent.project, parent.path]);
    const known = this.#byPlace.get(key) ?? this.#withRetries(parent).catch(toPsiError);
    this.#byPlace.set(key, known);
    return known;
  }

  async #withRetries(parent: Place): Promise<Names> {
    const { clock, signal, emit, provider } = this.#deps;
    const onRetry = ({ message }: PsiError, waitMs: number): void => {
      emit({ event: 'retrying', workload: PATTERN_NAME, message, waitMs });
    };
    const budget = this.#patience.of(provider);
    const rule = { pausesMs: SETUP_PAUSES_MS, longestAskedMs: LONGEST_ASKED_MS, budget };
    const names = await withRetries(rule, { clock, signal, onRetry }, () => {
      emit({ event: 'listing', workload: PATTERN_NAME, ...parent });
      return this.#ask(parent);
    });
    this.#noteForeign(parent, names);
    const plain = names.filter(isFolderName);
    return { all: new Set(plain), folded: Map.groupBy(plain, (name) => name.toLowerCase()) };
  }

  async #ask(parent: Place): Promise<readonly string[]> {
    const { source, clock, signal, provider, waits } = this.#deps;
    if (!source) throw new PsiError('CONFIG_INVALID', `the provider ${provider} is not configured`);
    const bound = { ms: TIMEOUT_MS[waits], what: `the list of the folders in ${placeText(parent)}` };
    try {
      return await withDeadline(clock, bound, (deadline) => source.folders(parent, deadline), signal);
    } catch (thrown) {
      const error = toPsiError(thrown);
      if (isMissingFolder(error)) return [];
      throw error;
    }
  }

  #noteForeign(parent: Place, names: readonly string[]): void {
    const foreign = names.filter((name) => !isFolderName(name)).map((name) => `"${printable(name)}"`);
    if (foreign.length === 0) return;
    const more = foreign.length > MOST_NAMED ? ` and ${String(foreign.length - MOST_NAMED)} more` : '';
    const named = `${foreign.slice(0, MOST_NAMED).join(', ')}${more}`;
    this.#notes.push(`${placeText(parent)} holds folders that no quadlet gets by "*", for their names: ${named}`);
  }
}

export function placeText({ project, path }: Place): string {
  return `${project}:${printable(path)}`;
}

function below(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}
