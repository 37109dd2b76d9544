// What a route asks of the read model, in the words of no route. Types only.
import type { Identity, SecretType } from './model.ts';

export interface ReadRequest {
  readonly identity: Identity;
  readonly projectId: string;
  readonly environment: string;
  readonly path: string;
  readonly viewValue: boolean;
  readonly expand: boolean;
  readonly imports: boolean;
}

export interface ListRequest extends ReadRequest {
  readonly recursive: boolean;
  readonly personal: boolean;
  readonly tagSlugs: readonly string[];
}

export interface GetRequest extends ReadRequest {
  readonly name: string;
  readonly type: SecretType;
  readonly version: number | undefined;
}

/** What to do with an unreadable value in the listed folder: the Node server refuses, the Go port hides. */
export type UnreadableInList = 'refuse' | 'hide';
