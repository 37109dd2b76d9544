// Who may do what: finds the project for an identity and applies its denials. Never reads values.
import { ApiFailure } from './errors.ts';
import { covers } from './paths.ts';
import type { Traits } from './generations.ts';
import type { Action, Denial, Identity, Place, Project } from './model.ts';
import type { DoubleState } from './state.ts';

export type Subject = 'secrets' | 'secret-folders';

/** The server's own names of rights, as its refusals repeat them (row 29; seen on June 2025). */
const RIGHTS: Readonly<Record<Action, string>> = {
  describe: 'describeSecret',
  readValue: 'readValue',
  create: 'create',
  edit: 'edit',
  delete: 'delete',
};

export function allows(identity: Identity, action: Action, place: Place, key?: string): boolean {
  return !identity.denials.some(
    (denial) =>
      denial.actions.includes(action) &&
      (denial.project === undefined || denial.project === place.project.id) &&
      (denial.environment === undefined || denial.environment === place.environment) &&
      (denial.path === undefined || covers(denial.path, place.path)) &&
      (denial.key === undefined || denial.key === key),
  );
}

/** Somewhere in the project: only what is taken away without a condition is taken away everywhere. */
export function allowsAnywhere(identity: Identity, action: Action, project: Project): boolean {
  return !identity.denials.some(
    (denial) =>
      denial.actions.includes(action) &&
      (denial.project === undefined || denial.project === project.id) &&
      [denial.environment, denial.path, denial.key].every((condition) => condition === undefined),
  );
}

/** Holds an identity to its rights, and words the refusal as the server does. */
export class Refusals {
  readonly #traits: Traits;

  constructor(traits: Traits) {
    this.#traits = traits;
  }

  require(identity: Identity, action: Action, place: Place, key?: string): void {
    if (!allows(identity, action, place, key)) throw this.refusal(identity, action, place, 'secrets');
  }

  requireFolders(identity: Identity, place: Place): void {
    if (!allows(identity, 'create', place)) throw this.refusal(identity, 'create', place, this.#traits.folderSubject);
  }

  requireAnywhere(identity: Identity, action: Action, place: Place): void {
    if (!allowsAnywhere(identity, action, place.project)) throw this.refusal(identity, action, place, 'secrets');
  }

  refusal(identity: Identity, action: Action, place: Place, subject: Subject): ApiFailure {
    if (this.#traits.rights === 'brief') {
      const details = [{ action, inverted: true, subject, conditions: { environment: place.environment } }];
      return new ApiFailure('permission', `You are not allowed to ${action} on ${subject}`, { details });
    }
    const right = RIGHTS[action];
    const details = identity.builtInRole ? [] : rulesFor(identity, action, subject);
    return new ApiFailure('permission', `You are not allowed to ${right} on ${subject}`, { details });
  }
}

/** Every rule of the subject that speaks of the action, not only the one that decided: seen on June 2025 (row 29). */
function rulesFor(identity: Identity, action: Action, subject: Subject): readonly object[] {
  const denials = identity.denials.filter((denial) => denial.actions.includes(action));
  return [
    { action: Object.values(RIGHTS), inverted: false, subject },
    ...denials.map((denial) => ({
      action: denial.actions.map((each) => RIGHTS[each]),
      inverted: true,
      subject,
      conditions: conditionsOf(denial),
    })),
  ];
}

function conditionsOf({ environment, path, key }: Denial): object {
  return {
    ...(environment !== undefined && { environment: { $eq: environment } }),
    ...(path !== undefined && { secretPath: { $glob: path } }),
    ...(key !== undefined && { secretName: { $eq: key } }),
  };
}

/** Of a project by its id. `lookup`: the routes of v3 look for the project before they ask who belongs to it. */
export function memberProject(
  state: DoubleState,
  identity: Identity,
  projectId: string,
  { membership }: Traits,
  lookup: 'by route' | 'none' = 'none',
): Project {
  const project = state.projects.get(projectId);
  if (project !== undefined && isMember(identity, project)) return project;
  throw NO_PROJECT[membership](projectId, project === undefined && lookup === 'by route');
}

const NO_PROJECT: Readonly<Record<Traits['membership'], (id: string, unknown: boolean) => ApiFailure>> = {
  '2024': () => new ApiFailure('unauthorized', 'User not a part of the project'),
  // Seen on June 2025 (rows 15, 16): the sentence is the name of the error.
  '2025': (id, unknown) =>
    unknown
      ? new ApiFailure(
          'not-found',
          `Project with ID '${id}' not found during bot lookup. Are you sure you are using the correct project ID?`,
        )
      : new ApiFailure('forbidden', 'You are not allowed to access this resource', {
          error: `Identity is not a member of the specified project with ID '${id}'`,
        }),
  // An unknown project and one the identity does not belong to look alike, so that ids cannot be probed.
  '2026': (id) => new ApiFailure('forbidden', `Identity is not a member of project with ID '${id}'`),
};

export function isMember(identity: Identity, project: Project): boolean {
  return identity.projects === undefined || identity.projects.includes(project.id);
}
