// Whether a place may be named and is there, in the words of each server.
import { ApiFailure } from './errors.ts';
import { isPlainPath } from './paths.ts';
import type { Traits } from './generations.ts';
import type { Place } from './model.ts';

/** Seen on June 2025 (row 20); July 2024 checked nothing. */
export function requirePath(path: string, { strictPaths }: Traits): void {
  if (!strictPaths || isPlainPath(path)) return;
  throw new ApiFailure(
    'bad-request',
    'Invalid secret path. Only alphanumeric characters, dashes, and underscores are allowed.',
  );
}

export function folderNotFoundText(place: Place): string {
  return `Folder with path '${place.path}' in environment with slug '${place.environment}' not found`;
}

/** Of a single get; `error` is the name of the function that looked. */
export function folderNotFound(place: Place, error: string, { invertedStatuses }: Traits): ApiFailure {
  if (invertedStatuses) return new ApiFailure('bad-request', 'Folder not found');
  return new ApiFailure('not-found', folderNotFoundText(place), { error });
}

export function environmentNotFound(project: string, slug: string, { invertedStatuses }: Traits): ApiFailure {
  const kind = invertedStatuses ? 'bad-request' : 'not-found';
  return new ApiFailure(kind, `Environment with slug '${slug}' in project with ID '${project}' not found`);
}
