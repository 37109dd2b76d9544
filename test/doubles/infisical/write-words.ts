// What a refused write says, per server (rows 17, 25). 2025: seen on Infisical of June 2025; 2026: read in its source of 2026 where it
// differs; 2024: read in the source of July 2024.
import { ApiFailure } from './errors.ts';
import { folderNotFoundText } from './places.ts';
import type { Traits } from './generations.ts';
import type { Place, StoredSecret } from './model.ts';

/** A call for one secret and a batch are refused in different words. */
export type Call = 'single' | 'batch';

export interface WriteWords {
  readonly taken: (secrets: readonly StoredSecret[], call: Call) => ApiFailure;
  readonly notUpdated: (missing: readonly { readonly key: string }[], place: Place, call: Call) => ApiFailure;
  readonly notDeleted: (keys: readonly string[], found: readonly StoredSecret[], call: Call) => ApiFailure;
  /** `looker` is the function that looked for it: its name is the name of the error. */
  readonly noFolder: (place: Place, looker: string) => ApiFailure;
}

const YEAR_2025: WriteWords = {
  // The order is the database's.
  taken: (secrets, call) =>
    new ApiFailure(
      'bad-request',
      call === 'single' ? 'Secret already exist' : `Secret already exist: ${byId(secrets)}`,
    ),
  notUpdated: ([first, ...more], place, call) =>
    new ApiFailure(
      'not-found',
      call === 'single'
        ? `Secret with name ${first?.key ?? ''} not found`
        : `Secret does not exist: ${[first, ...more].map((each) => each?.key).join(', ')} in path ${place.path}`,
    ),
  notDeleted: (_keys, found, call) =>
    new ApiFailure(
      'not-found',
      call === 'single'
        ? 'Secret not found'
        : `One or more secrets does not exist: ${found.map(({ key }) => key).join(', ')}`,
    ),
  noFolder: (place, looker) =>
    looker === 'UpdateManySecret'
      ? new ApiFailure('not-found', 'Folder not found')
      : new ApiFailure('not-found', folderNotFoundText(place), { error: looker }),
};

const YEAR_2026: WriteWords = {
  ...YEAR_2025,
  taken: (secrets, call) =>
    new ApiFailure(
      'bad-request',
      call === 'single' ? 'Secret already exists' : `Secret already exists: ${secrets.map(({ key }) => key).join(',')}`,
    ),
};

const YEAR_2024: WriteWords = {
  taken: (secrets, call) =>
    new ApiFailure(
      'bad-request',
      call === 'single'
        ? 'Secret already exists'
        : `Secret already exists: ${secrets.map(({ key }) => key).join(', ')}`,
    ),
  notUpdated: ([first]) => new ApiFailure('bad-request', `Secret with name '${first?.key ?? ''}' not found`),
  notDeleted: (keys, found) => {
    const lost = keys.find((key) => !found.some((secret) => secret.key === key));
    return new ApiFailure('bad-request', `Secret with name '${lost ?? ''}' not found`);
  },
  noFolder: (place) => new ApiFailure('bad-request', folderNotFoundText(place)),
};

const WORDS: Readonly<Record<Traits['writeWords'], WriteWords>> = {
  '2024': YEAR_2024,
  '2025': YEAR_2025,
  '2026': YEAR_2026,
};

export function wordsOf({ writeWords }: Traits): WriteWords {
  return WORDS[writeWords];
}

function byId(secrets: readonly StoredSecret[]): string {
  return [...secrets]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ key }) => key)
    .join(',');
}
