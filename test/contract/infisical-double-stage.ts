// One observed case: a request that is told in the words of either version of the API, and what has to come back.
import assert from 'node:assert/strict';
import { DEV } from '../doubles/infisical/sample.ts';
import { at } from '../doubles/infisical/talk.ts';
import type { InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import type { Generation } from '../doubles/infisical/model.ts';
import type { Answer, Talk } from '../doubles/infisical/talk.ts';

type Server = '2025' | '2025-v4' | 'graft-2026' | '2026-read' | '2025-read';

export type Case = {
  /** Of the table of observed differences; undefined: found later. */
  readonly row: number | undefined;
  readonly seen: Server;
  readonly what: string;
  readonly on: readonly Generation[];
  readonly set?: (double: InfisicalDouble) => void;
  readonly ask: (stage: Stage) => Promise<Answer>;
  readonly status: number;
  /** By dotted path into the body. A pattern is matched, everything else is equal. */
  readonly has?: Readonly<Record<string, unknown>>;
  readonly lacks?: readonly string[];
  readonly headers?: Readonly<Record<string, string | null>>;
};

type Query = Readonly<Record<string, string>>;

/** The same requests in the words of either version of the API. */
export class Stage {
  readonly double: InfisicalDouble;
  readonly talk: Talk;
  readonly #v4: boolean;

  constructor(double: InfisicalDouble, talk: Talk) {
    this.double = double;
    this.talk = talk;
    this.#v4 = double.generation === 'v4' || double.generation === '2025-v4';
  }

  get secrets(): string {
    return this.#v4 ? '/api/v4/secrets' : '/api/v3/secrets/raw';
  }

  get batch(): string {
    return this.#v4 ? '/api/v4/secrets/batch' : '/api/v3/secrets/batch/raw';
  }

  get folders(): string {
    return this.#v4 ? '/api/v2/folders' : '/api/v1/folders';
  }

  /** Project and environment, unless they are named otherwise. */
  place(more: Query = {}): Query {
    return { [this.#v4 ? 'projectId' : 'workspaceId']: DEV.project, environment: DEV.environment, ...more };
  }

  project(id: string, more: Query = {}): Query {
    return this.place({ [this.#v4 ? 'projectId' : 'workspaceId']: id, ...more });
  }

  list(more: Query = {}): Promise<Answer> {
    return this.talk.get(`${this.secrets}?${this.#reading(more)}`);
  }

  get(name: string, more: Query = {}): Promise<Answer> {
    return this.talk.get(`${this.secrets}/${encodeURIComponent(name)}?${this.#reading(more)}`);
  }

  create(name: string, secretValue: string, more: Query = {}): Promise<Answer> {
    return this.talk.send('POST', `${this.secrets}/${encodeURIComponent(name)}`, this.place({ secretValue, ...more }));
  }

  createMany(secrets: readonly object[], more: Query = {}): Promise<Answer> {
    return this.talk.send('POST', this.batch, { ...this.place(more), secrets });
  }

  makeFolder(name: string, more: Query = {}): Promise<Answer> {
    return this.talk.send('POST', this.folders, this.place({ name, ...more }));
  }

  #reading(more: Query): string {
    const flags = { expandSecretReferences: 'true', include_imports: 'true', includeImports: 'true' };
    return new URLSearchParams({ ...this.place(), ...flags, ...more }).toString();
  }
}

function valueAt(body: unknown, path: string): unknown {
  return at(body, ...path.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step)));
}

export function check(answer: Answer, { status, has = {}, lacks = [], headers = {} }: Case): void {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  for (const [path, expected] of Object.entries(has)) {
    const found = valueAt(answer.body, path);
    if (expected instanceof RegExp) assert.match(String(found), expected, path);
    else assert.deepEqual(found, expected, path);
  }
  for (const path of lacks) assert.equal(valueAt(answer.body, path), undefined, path);
  for (const [name, expected] of Object.entries(headers)) assert.equal(answer.headers.get(name), expected, name);
}
