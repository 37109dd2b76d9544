// The two ways from a project slug to its id: by slug on current servers, by listing on older ones. And from the id to the slug.
import type { Express } from 'express';
import { isMember, memberProject } from './access.ts';
import { ApiFailure } from './errors.ts';
import { authed } from './gate.ts';
import type { Machine } from './gate.ts';
import type { Project } from './model.ts';

export function addProjectRoutes(app: Express, machine: Machine): void {
  if (machine.traits.projectsBySlug) {
    app.get(
      '/api/v1/projects/slug/:slug',
      ...authed(machine, 'read', ({ identity, param }) => {
        const slug = param('slug');
        const project = machine.state.projectBySlug(slug);
        if (project === undefined) throw new ApiFailure('not-found', `Project with slug '${slug}' not found`);
        if (!isMember(identity, project)) {
          throw new ApiFailure('forbidden', 'Identity is not a member of this project');
        }
        return describeProject(project);
      }),
    );
  }
  app.get(
    '/api/v1/workspace',
    ...authed(machine, 'read', ({ identity }) => {
      const visible = [...machine.state.projects.values()].filter((project) => isMember(identity, project));
      return { workspaces: visible.map(describeProject) };
    }),
  );
  addProjectById(app, machine);
}

function addProjectById(app: Express, machine: Machine): void {
  app.get(
    '/api/v1/workspace/:workspaceId',
    ...authed(machine, 'read', ({ identity, param }) => {
      const project = memberProject(machine.state, identity, param('workspaceId'), machine.traits);
      return { workspace: describeProject(project) };
    }),
  );
}

function describeProject(project: Project): object {
  const environments = [...project.environments.values()].map(({ id, slug }) => ({ id, name: slug, slug }));
  return { id: project.id, _id: project.id, name: project.slug, slug: project.slug, environments };
}
