// Wiring of the imports whose values lie on this host: Podman's secrets and quadlets. Part of the composition root.

import { resolve } from 'node:path';
import { HostFileSystem } from '../adapters/files/host-file.ts';
import { createSecretRegistry } from '../adapters/podman/secrets.ts';
import { createSecretValues } from '../adapters/podman/values.ts';
import { QuadletFolder } from '../adapters/systemd/quadlet-file.ts';
import type { QuadletFlags } from '../cli/commands/host-import.ts';
import type { InfisicalTools } from '../cli/infisical-tools.ts';
import type { Config } from '../config/config.ts';
import { references } from '../config/references.ts';
import { DEFAULT_IMAGE, imageOf } from '../host/units/container.ts';
import { PsiError } from '../core/error.ts';
import { onHost, quadletArguments } from '../transfer/quadlet/command-line.ts';
import type { ImportEvent } from '../transfer/import/report.ts';
import { podmanSecrets, type PodmanFound, type PodmanReader, type PodmanSelection } from '../transfer/import/podman.ts';
import { importQuadlet, type QuadletReport } from '../transfer/import/quadlet.ts';

type ImportDeps = { readonly env: Readonly<Record<string, string | undefined>> };

export function composePodmanSecrets(config: Config, selection: PodmanSelection): Promise<PodmanFound> {
  return podmanSecrets(readerOf(config), selection);
}

export async function composeQuadletImport(
  config: Config,
  tools: InfisicalTools,
  flags: QuadletFlags,
  emit: (event: ImportEvent) => void,
  { env }: ImportDeps,
): Promise<QuadletReport> {
  const { project, path, environment } = flags;
  const [provider = '', found] = [...config.providers].find(([, { projects }]) => projects.has(project)) ?? [];
  const configured = found?.projects.get(project)?.environment;
  const inConfig = configured === undefined || tools.environment === configured;
  if (!inConfig && flags.rewrite) {
    throw new PsiError(
      'USAGE',
      `containers get the environment ${configured} of ${project}, not ${tools.environment}`,
      {
        hint: 'give the other environment a project of its own in the config, and import with its name and --rewrite',
      },
    );
  }
  // A name alone is one of the quadlet folder, wherever the command runs.
  const file = flags.file.includes('/') ? resolve(flags.file) : `${config.systemdDir}/${flags.file}`;
  const same = { file, project, path, environment, resolveSecrets: flags.resolveSecrets };
  const image = imageOf((await new HostFileSystem().read(`${config.systemdDir}/psi.container`)) ?? '') ?? DEFAULT_IMAGE;
  const inContainer = env['container'] !== undefined;
  const elsewhere = (missing: string): string | undefined => {
    if (!inContainer) return undefined;
    const { conflict, rewrite } = flags;
    const view = { ...config, ...references(config), configFile: resolve(config.file), image };
    const command = onHost(view, missing, quadletArguments({ ...same, conflict, rewrite }));
    return `in the container only mounted folders are there; on the host: ${command}`;
  };
  const report = await importQuadlet(
    {
      ...readerOf(config),
      files: new QuadletFolder({ systemdDir: config.systemdDir }),
      elsewhere,
      provider,
      workloads: config.workloads,
      importSecrets: ({ place, ...request }, onEvent) => tools.importSecrets({ ...request, path: place.path }, onEvent),
      list: (place) => tools.list(place.path),
    },
    {
      ...flags,
      path: file,
      place: { project, path },
      scope: config.scope,
      rewriteCommand: `${inContainer ? 'podman exec psi psi' : 'psi'} ${quadletArguments({ ...same, conflict: 'skip', rewrite: true })}`,
    },
    emit,
  );
  if (inConfig) return report;
  const note = `psi gives containers the environment ${configured} of ${project}: to use ${tools.environment}, give it a project of its own in the config`;
  return { ...report, notes: [...report.notes, note], edits: [], next: null };
}

function readerOf(config: Config): PodmanReader {
  const socket = { socketPath: config.podmanSocket };
  return { registry: createSecretRegistry(socket), values: createSecretValues(socket) };
}
