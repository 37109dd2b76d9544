// A composition root of which only some commands are asked for.
import assert from 'node:assert/strict';
import type { Composition } from '../../src/cli/commands.ts';

export function fakeComposition(parts: Partial<Composition>): Composition {
  const unused = (): never => assert.fail('this is not asked for here');
  return {
    serve: unused,
    check: unused,
    install: unused,
    systemdInstall: unused,
    uninstall: unused,
    migrate: unused,
    insideService: false,
    tls: { run: unused, status: unused },
    infisicalTools: unused,
    readEnvFile: unused,
    readPodmanSecrets: unused,
    importQuadlet: unused,
    unwrapWithIdentity: unused,
    readValue: unused,
    writeValue: unused,
    infisicalLogin: unused,
    ...parts,
  };
}
