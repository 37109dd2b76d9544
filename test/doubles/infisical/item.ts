// How a stored secret looks in an answer, per generation and place. Owns the hidden-value placeholder.
import type { Generation, Place, StoredSecret } from './model.ts';

export const PLACEHOLDER = '<hidden-by-infisical>';

export type Item = Readonly<Record<string, unknown>> & { readonly secretKey: string };

/** An imported item lacks dates, path and tags: its origin is the import group around it. */
export type Shape = 'list' | 'single' | 'imported';

interface Rendering {
  readonly place: Place;
  readonly secret: StoredSecret;
  /** undefined hides the value. */
  readonly value: string | undefined;
  readonly shape: Shape;
  readonly generation: Generation;
}

export function renderItem({ place, secret, value, shape, generation }: Rendering): Item {
  const imported = shape === 'imported';
  return {
    id: secret.id,
    _id: secret.id,
    workspace: imported ? '' : place.project.id,
    environment: place.environment,
    version: secret.version,
    type: secret.type,
    secretKey: secret.key,
    secretValue: value ?? PLACEHOLDER,
    secretComment: secret.comment,
    skipMultilineEncoding: secret.skipMultilineEncoding,
    secretReminderNote: null,
    secretReminderRepeatDays: null,
    ...(imported ? {} : { createdAt: secret.createdAt, updatedAt: secret.updatedAt, tags: secret.tags }),
    ...(generation === '2024'
      ? shape === 'list' && { secretPath: place.path }
      : {
          secretValueHidden: value === undefined,
          isRotatedSecret: false,
          rotationId: null,
          secretMetadata: secret.metadata,
          ...(imported ? {} : { secretPath: place.path }),
        }),
  };
}
