// Wiring of the imports whose values lie on this host: Podman's secrets and quadlets. Part of the composition root.

import { resolve } from 'node:path';
import { HostFileSystem } from '../adapters/files/host-file.ts';
import { createSecretRegistry } from '../adapters/podman/secrets.ts';
import { createSecretValues } from '../adapters/podman/values.ts';
import { QuadletFolder } from '../adapters/systemd/quadlet-file.ts';
import { quadletRoots } from '../adapters/systemd/quadlet-folders.ts';
import { userName } from '../adapters/systemd/user-name.ts';
import type { QuadletFlags } from '../cli/commands/host-import.ts';
import type { InfisicalTools } from '../cli/infisical-tools.ts';
import type { Config } from '../config/config.ts';
import { baseDirectories } from '../core/base-directories.ts';
import { references } from '../config/references.ts';
import { hostFolders, type HostLayout } from '../host/layout.ts';
import { imageInUse } from '../host/units/container.ts';
import { providerOfProject } from '../provider/choice.ts';
import { refuseForeignRewrite, reportIn } from '../transfer/import/environment.ts';
import { podmanSecrets, type PodmanFound, type PodmanReader, type PodmanSelection } from '../transfer/import/podman.ts';
import { importQuadlet, type QuadletReport } from '../transfer/import/quadlet.ts';
import type { ImportEvent } from '../transfer/import/report.ts';
import { namedValues } from '../transfer/env-format.ts';
import type { HostView } from '../transfer/quadlet/command-line.ts';
import { quadletCommands } from '../transfer/quadlet/commands.ts';
import { specifiersOf } from '../transfer/quadlet/specifiers.ts';

type ImportDeps = { readonly env: Readonly<Record<string, string | undefined>>; readonly uid: number };

export function composePodmanSecrets(config: Config, selection: PodmanSelection): Promise<PodmanFound> {
  return podmanSecrets(readerOf(config), selection);
}

export async function composeQuadletImport(
  config: Config,
  tools: InfisicalTools,
  flags: QuadletFlags,
  emit: (event: ImportEvent) => void,
  { env, uid }: ImportDeps,
): Promise<QuadletReport> {
  const { project, path } = flags;
  const { name: provider, config: chosen } = providerOfProject(config, project);
  const configured = chosen.projects.get(project)?.environment;
  const environments = { project, configured, asked: flags.environment };
  refuseForeignRewrite(environments, flags.rewrite);
  const { scope, systemdDir } = config;
  const roots = quadletRoots({ ...baseDirectories(env, uid), scope, systemdDir, uid });
  const files = new QuadletFolder({ systemdDir, roots });
  const file = await files.pathOf(flags.file);
  const commands = quadletCommands(
    { ...flags, group: tools.words.group, file },
    { host: await hostView(config, hostFolders(config.scope, env, uid)), container: env['container'] },
  );
  const report = await importQuadlet(
    {
      ...readerOf(config),
      files,
      words: tools.words,
      elsewhere: commands.elsewhere,
      provider,
      workloads: config.workloads,
      pattern: config.pattern,
      importSecrets: ({ place, ...request }, onEvent) => tools.importSecrets({ ...request, path: place.path }, onEvent),
      list: async (place) => namedValues(await tools.read(place.path, { onWait: emit })),
    },
    {
      ...flags,
      path: file,
      place: { project, path },
      manager: { scope, specifiers: specifiersOf(scope, env, { uid, name: userName() }) },
      rewriteCommand: commands.rewriteCommand,
    },
    emit,
  );
  return reportIn(environments, report);
}

async function hostView(config: Config, { runtimeDir }: Pick<HostLayout, 'runtimeDir'>): Promise<HostView> {
  const unit = await new HostFileSystem().read(`${config.systemdDir}/psi.container`);
  return { ...config, ...references(config), runtimeDir, configFile: resolve(config.file), image: imageInUse(unit) };
}

function readerOf(config: Config): PodmanReader {
  const socket = { socketPath: config.podmanSocket };
  return { registry: createSecretRegistry(socket), values: createSecretValues(socket) };
}
