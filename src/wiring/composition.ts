// The composition root: what the commands ask for. Each part is loaded when it is asked for: the service holds no code of the imports in
// memory, and a command none of the service's. Nobody else wires.

import type { Composition } from '../cli/commands.ts';
import type { ServeDeps } from './serve.ts';

export function composition(deps: ServeDeps): Composition {
  return {
    serve: async (configFile) => (await import('./serve.ts')).serve(configFile, deps),
    check: async (configFile) => (await import('./check.ts')).composeCheck(configFile, deps),
    install: async (config, options, completions) =>
      (await import('./install.ts')).composeInstall(config, options, completions, deps),
    systemdInstall: async (config, options, completions) =>
      (await import('./install.ts')).composeSystemdInstall(config, options, completions, deps),
    uninstall: async (config, options) => (await import('./uninstall.ts')).composeUninstall(config, options, deps),
    migrate: async (path, options, completions) =>
      (await import('./migrate.ts')).composeMigrate(path, options, completions, deps),
    insideService: deps.env['PSI_UNITS'] !== undefined,
    tls: {
      run: async (config, options, events) =>
        (await import('./certificates.ts')).composeTls(deps).run(config, options, events),
      status: async (config, name) => (await import('./certificates.ts')).composeTls(deps).status(config, name),
    },
    infisicalTools: async (config, target) =>
      (await import('./infisical-tools.ts')).composeInfisicalTools(config, target, deps),
    readEnvFile: async (file, reader) => (await import('./infisical-tools.ts')).composeEnvFile(file, reader),
    readPodmanSecrets: async (config, selection) =>
      (await import('./host-import.ts')).composePodmanSecrets(config, selection),
    importQuadlet: async (config, tools, flags, emit) =>
      (await import('./host-import.ts')).composeQuadletImport(config, tools, flags, emit, deps),
    unwrapWithIdentity: async (file, wrappedKeys) =>
      (await import('./recover.ts')).composeUnwrapping(file, wrappedKeys),
    readValue: async (file) => (await import('../adapters/sealed/value-stream.ts')).readValue(file, process.stdin),
    writeValue: async (value) => {
      (await import('../adapters/sealed/value-stream.ts')).writeValue(value, process.stdout);
    },
    infisicalLogin: async (config) => (await import('./login.ts')).composeLogin(config, deps),
  };
}
