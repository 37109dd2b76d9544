// Puts the host's command and its completions on the host, beside what `psi install` and `psi systemd install` do there.

import { PsiError, toPsiError } from '../../core/error.ts';
import type { Staying } from '../../registration/prune-report.ts';
import { writeOwnFile, type HostChange, type PlannedFile } from '../change.ts';
import type { HostFiles } from '../host-files.ts';
import { folderOf, type HostLayout } from '../layout.ts';
import { HOST_MOUNT } from './own-container.ts';
import { asOnHost, commandPlaces, mounted, seen, type Shell } from './places.ts';
import { hostCommandText, isPsiCommand, SHELL_FUNCTION } from './script.ts';

/** The scripts of `psi completion`. */
export type Completions = Readonly<Record<Shell, string>>;

export type HostCommandDeps = {
  readonly files: HostFiles;
  readonly layout: HostLayout;
  readonly completions: Completions;
};

export type HostCommandReport = {
  readonly changes: readonly HostChange[];
  /** Where nothing is written: what would be, without the completions. */
  readonly planned: readonly PlannedFile[];
  /** What could not be put where it belongs, and what to do instead. */
  readonly left: readonly Staying[];
};

export type WithHostCommand<Report> = Report & { readonly hostCommand: HostCommandReport };

/**
 * `needed`: where it cannot reach the host, `work` is not begun. `write`: otherwise nothing is written. A PSI of root that is not in its image
 * is a command of the host itself.
 */
export async function withHostCommand<Report>(
  deps: HostCommandDeps,
  { needed, write }: { readonly needed: boolean; readonly write: boolean },
  work: () => Promise<Report>,
): Promise<WithHostCommand<Report>> {
  const { inImage, scope } = deps.layout;
  if (scope === 'system' && !inImage) return { ...(await work()), hostCommand: NOTHING };
  const unseen = write ? await unseenFolder(deps) : undefined;
  if (unseen && needed) throw unseen;
  const report = await work();
  return { ...report, hostCommand: write ? await put(deps, unseen) : { ...NOTHING, planned: [commandFile(deps)] } };
}

const NOTHING: HostCommandReport = { changes: [], planned: [], left: [] };

function commandFile({ layout }: HostCommandDeps): PlannedFile {
  const places = commandPlaces(layout);
  return { path: places.command, mode: 0o755, text: hostCommandText(layout, places) };
}

/** Where the command goes, if this container does not see it. Undefined: it does, or needs not. */
export async function unseenFolder({
  files,
  layout,
}: Pick<HostCommandDeps, 'files' | 'layout'>): Promise<PsiError | undefined> {
  const folder = mounted(layout);
  if (folder === undefined || (await files.hasFolder(folder))) return undefined;
  return new PsiError(
    'USAGE',
    `this container does not see ${asOnHost(folder)} of the host, where the command \`psi\` goes`,
    {
      hint: `give \`podman run\` one mount more: \`${HOST_MOUNT}\``,
    },
  );
}

async function put(deps: HostCommandDeps, unseen: PsiError | undefined): Promise<HostCommandReport> {
  const { files, layout, completions } = deps;
  const command = commandFile(deps);
  if (unseen) return leftBehind({ subject: command.path, reason: unseen.message, hint: unseen.hint ?? '' });
  const reports = [await putFile(deps, command, isPsiCommand)];
  for (const { shell, path } of commandPlaces(layout).completions) {
    if (!(await files.hasFolder(folderOf(seen(layout, path))))) continue;
    reports.push(await putFile(deps, { path, mode: 0o644, text: completions[shell] }, isPsiCompletion));
  }
  const [changes, left] = [reports.flatMap((one) => one.changes), reports.flatMap((one) => one.left)];
  return { ...NOTHING, changes, left };
}

function leftBehind(staying: Staying): HostCommandReport {
  return { ...NOTHING, left: [staying] };
}

async function putFile(
  { files, layout }: HostCommandDeps,
  file: PlannedFile,
  isOurs: (text: string) => boolean,
): Promise<HostCommandReport> {
  const { path } = file;
  try {
    const { change } = await writeOwnFile(files, { ...file, path: seen(layout, path) }, isOurs);
    return { ...NOTHING, changes: [{ path, change }] };
  } catch (thrown) {
    const { code, message } = toPsiError(thrown);
    const isCommand = isOurs === isPsiCommand;
    // Completion is comfort: where a folder does not let it in, nothing is missed.
    if (code === 'HOST' && !isCommand) return NOTHING;
    const away = code === 'CONFLICT' ? `look at it, then move it away: \`mv ${path} ${path}.mine\`` : undefined;
    const instead = isCommand ? `in the profile of your shell this does without a file: ${SHELL_FUNCTION}` : undefined;
    const hint = [away, instead].filter((one) => one !== undefined).join('; or ');
    return leftBehind({ subject: path, reason: asOnHost(message), hint });
  }
}

/** As `psi completion` prints it, whoever put it there. */
export function isPsiCompletion(text: string): boolean {
  return /^(?:#compdef psi\n)?# (?:bash|zsh|fish) completion for psi, written by `psi completion /.test(text);
}
