// Who may do what: finds the project for an identity and applies its denials. Never reads values.
import { ApiFailure } from './errors.ts';
import { covers } from './paths.ts';
import type { Action, Generation, Identity, Place, Project } from './model.ts';
import type { DoubleState } from './state.ts';

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

export function requireAccess(identity: Identity, action: Action, place: Place, key?: string): void {
  if (allows(identity, action, place, key)) return;
  throw new ApiFailure('permission', `You are not allowed to ${action} on secrets`, {
    details: [{ action, inverted: true, subject: 'secrets', conditions: { environment: place.environment } }],
  });
}

/** An unknown project and one the identity does not belong to look alike, so that ids cannot be probed. */
export function memberProject(
  state: DoubleState,
  identity: Identity,
  projectId: string,
  generation: Generation,
): Project {
  const project = state.projects.get(projectId);
  if (project !== undefined && isMember(identity, project)) return project;
  if (generation === '2024') throw new ApiFailure('unauthorized', 'User not a part of the project');
  throw new ApiFailure('forbidden', `Identity is not a member of project with ID '${projectId}'`);
}

export function isMember(identity: Identity, project: Project): boolean {
  return identity.projects === undefined || identity.projects.includes(project.id);
}
