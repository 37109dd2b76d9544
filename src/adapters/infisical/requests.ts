// The reads, in the words of either API version. Every flag is sent: defaults changed between servers, and a flag in an unknown
// spelling is ignored without a word, so both spellings go out.

import type { ApiRequest } from './api.ts';

export type ApiVersion = 'v4' | 'v3';

export type Target = { readonly projectId: string; readonly environment: string; readonly path: string };

export function listRequest(
  version: ApiVersion,
  target: Target,
  options: {
    readonly recursive: boolean;
    readonly values: boolean;
    readonly imports?: false;
    /** Values as they are stored: then no reference in them can refuse the list. */
    readonly expand?: false;
  },
): ApiRequest {
  const { recursive, values, imports = true, expand = values } = options;
  return {
    method: 'GET',
    path: BASE[version],
    query: {
      // Names alone need fewer rights, and no reference is followed that might be unreadable.
      ...common(version, target, { values, expand, imports }),
      recursive: String(recursive),
      includePersonalOverrides: 'false',
    },
  };
}

/** The folders directly in a folder: v2 since September 2025, v1 on every server. */
export function foldersRequest(version: ApiVersion, { projectId, environment, path }: Target): ApiRequest {
  return {
    method: 'GET',
    path: FOLDERS[version],
    query: { [PROJECT[version]]: projectId, environment, path },
  };
}

/** `stored`: as it is stored, references and all. `name`: without its value, which needs fewer rights. */
export type Reading = 'value' | 'stored' | 'name';

export function getRequest(version: ApiVersion, target: Target, key: string, reading: Reading = 'value'): ApiRequest {
  const flags = { values: reading !== 'name', expand: reading === 'value', imports: true };
  return {
    method: 'GET',
    path: `${BASE[version]}/${encodeURIComponent(key)}`,
    query: { ...common(version, target, flags), type: 'shared' },
  };
}

/** Fastify takes no longer parameter: such a route "does not exist". */
const LONGEST_PARAMETER = 100;

/** Can a secret of this name be asked for by itself? The server trims names, and no router takes slashes or dots for one. */
export function isAddressable(key: string): boolean {
  if (key === '' || key !== key.trim() || key === '.' || key === '..') return false;
  return !key.includes('/') && key.isWellFormed() && encodeURIComponent(key).length <= LONGEST_PARAMETER;
}

const BASE: Readonly<Record<ApiVersion, string>> = { v4: '/api/v4/secrets', v3: '/api/v3/secrets/raw' };

export const FOLDERS: Readonly<Record<ApiVersion, string>> = { v4: '/api/v2/folders', v3: '/api/v1/folders' };

/** What the id of a project is called. */
export const PROJECT: Readonly<Record<ApiVersion, string>> = { v4: 'projectId', v3: 'workspaceId' };

function common(
  version: ApiVersion,
  target: Target,
  { values, expand, imports }: { readonly values: boolean; readonly expand: boolean; readonly imports: boolean },
): Readonly<Record<string, string>> {
  return {
    [PROJECT[version]]: target.projectId,
    environment: target.environment,
    secretPath: target.path,
    viewSecretValue: String(values),
    expandSecretReferences: String(expand),
    includeImports: String(imports),
    include_imports: String(imports),
  };
}
