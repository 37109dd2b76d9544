// Fills a state from a decoded seed, so that a demo or compose file can describe its Infisical in one JSON document.
import type { Seed } from './codec.ts';
import type { DoubleState } from './state.ts';

export function applySeed(state: DoubleState, seed: Seed): void {
  for (const { denials, ...identity } of seed.identities ?? []) {
    state.addIdentity(identity);
    for (const denial of denials ?? []) state.deny(identity.clientId, denial);
  }
  for (const project of seed.projects ?? []) state.addProject(project);
  for (const [project, environments] of Object.entries(seed.values ?? {})) {
    for (const [environment, folders] of Object.entries(environments)) {
      for (const [path, values] of Object.entries(folders)) {
        state.addFolder({ project, environment, path });
        for (const [key, value] of Object.entries(values)) state.setSecret({ project, environment, path, key, value });
      }
    }
  }
  for (const folder of seed.folders ?? []) state.addFolder(folder);
  for (const secret of seed.secrets ?? []) state.setSecret(secret);
  for (const link of seed.imports ?? []) state.addImport(link);
}
