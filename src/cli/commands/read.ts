// `psi infisical env` and `psi infisical write-file`: secrets to where somebody asked for them. The only commands that print values.

import { renderEnv, type EnvFormat, type EnvReader } from '../../transfer/env-format.ts';
import type { InfisicalTools } from '../composition.ts';
import type { Terminal } from '../terminal.ts';

export async function envCommand(
  tools: InfisicalTools,
  terminal: Terminal,
  options: {
    readonly path: string;
    readonly format: 'export' | 'env' | 'json';
    readonly reader: EnvReader | undefined;
  },
): Promise<number> {
  const { path, format, reader } = options;
  try {
    const { lines, leftOut } = renderEnv(await tools.list(path), formatOf(format, reader), tools.words);
    for (const line of lines) terminal.out(line);
    for (const { key, reason, hint } of leftOut) {
      terminal.error(`left out: ${oneLine(key)}: ${reason}`);
      terminal.error(`hint: ${hint}`);
    }
    return leftOut.length === 0 ? 0 : 1;
  } finally {
    tools.close();
  }
}

export async function writeFileCommand(
  tools: InfisicalTools,
  terminal: Terminal,
  request: Parameters<InfisicalTools['writeFile']>[0],
): Promise<number> {
  try {
    const { path, bytes } = await tools.writeFile(request);
    terminal.out(`${terminal.paint('green', 'wrote')} ${path} (${String(bytes)} bytes)`);
    return 0;
  } finally {
    tools.close();
  }
}

function formatOf(kind: 'export' | 'env' | 'json', reader: EnvReader | undefined): EnvFormat {
  return kind === 'env' ? { kind, readers: reader === undefined ? ['podman', 'systemd'] : [reader] } : { kind };
}

/** Names come from a remote system. */
function oneLine(name: string): string {
  return name === '' || /[^\x20-\x7e]/.test(name) ? JSON.stringify(name) : name;
}
