// How a stored secret looks in an answer, per server and place. Owns the hidden-value placeholder.
import type { Traits } from './generations.ts';
import type { Place, StoredSecret } from './model.ts';

export const PLACEHOLDER = '<hidden-by-infisical>';

export type Item = Readonly<Record<string, unknown>> & { readonly secretKey: string };

/** `made` and `changed` are answers to writes. An imported item's origin is the import group around it. */
export type Shape = 'list' | 'single' | 'imported' | 'made' | 'changed';

interface Rendering {
  readonly place: Place;
  readonly secret: StoredSecret;
  /** undefined hides the value. */
  readonly value: string | undefined;
  readonly shape: Shape;
  readonly traits: Traits;
}

const ROTATION = ['isRotatedSecret', 'rotationId'] as const;
const NEW_IN_2025 = ['secretValueHidden', 'secretMetadata', ...ROTATION] as const;
const DATES_AND_PLACE = ['createdAt', 'updatedAt', 'tags', 'secretPath'] as const;
const REMINDERS = ['secretReminderNote', 'secretReminderRepeatDays'] as const;

/** What each server leaves out of the full set. 2025: seen on June 2025 (row 31), each answer with its own schema. */
const OMITTED: Readonly<Record<Traits['shapes'], Readonly<Record<Shape, readonly string[]>>>> = {
  '2024': {
    list: NEW_IN_2025,
    single: [...NEW_IN_2025, 'secretPath'],
    imported: [...NEW_IN_2025, ...DATES_AND_PLACE],
    made: [...NEW_IN_2025, 'secretPath'],
    changed: [...NEW_IN_2025, 'secretPath'],
  },
  '2025': {
    list: [],
    single: ['secretPath', ...ROTATION],
    imported: [...DATES_AND_PLACE, ...REMINDERS],
    made: ['secretPath', 'secretValueHidden', 'tags', 'secretMetadata'],
    changed: ['secretPath', 'tags', 'secretMetadata'],
  },
  '2026': { list: [], single: [], imported: DATES_AND_PLACE, made: [], changed: [] },
};

export function renderItem({ place, secret, value, shape, traits }: Rendering): Item {
  const full = {
    id: secret.id,
    _id: secret.id,
    workspace: shape === 'imported' ? '' : place.project.id,
    environment: place.environment,
    version: secret.version,
    type: secret.type,
    secretKey: secret.key,
    secretValue: value ?? PLACEHOLDER,
    secretComment: secret.comment,
    skipMultilineEncoding: secret.skipMultilineEncoding,
    secretReminderNote: null,
    secretReminderRepeatDays: null,
    createdAt: secret.createdAt,
    updatedAt: secret.updatedAt,
    tags: secret.tags,
    secretPath: place.path,
    secretValueHidden: value === undefined,
    isRotatedSecret: false,
    rotationId: null,
    secretMetadata: secret.metadata,
  };
  const omitted = OMITTED[traits.shapes][shape];
  const kept = Object.entries(full).filter(([name]) => !omitted.includes(name));
  return { ...Object.fromEntries(kept), secretKey: secret.key };
}
