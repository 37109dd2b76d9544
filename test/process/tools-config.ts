// The config of a PSI whose commands for people are tried: one project, no workloads, no Podman.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configText } from '../hosts/psi-process.ts';

export type ToolsConfig = {
  readonly dir: string;
  readonly apiUrl: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  /** Its id; `p` is its name in the config. */
  readonly project: string;
};

export async function writeToolsConfig({ dir, apiUrl, credentials, project }: ToolsConfig): Promise<void> {
  const podmanSocket = join(dir, 'no-podman.sock');
  const projects = { p: { id: project, environment: 'prod' } };
  const text = configText({ dir, podmanSocket, apiUrl, ...credentials, projects, workloads: {} });
  await writeFile(join(dir, 'config.yaml'), text, { mode: 0o600 });
}
