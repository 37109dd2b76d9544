// What psi.container mounts of its host. Podman starts no container one of whose mounts is not there, so PSI's own folders are made first,
// and what belongs to others is looked at: what is missing, or on a file system that does not answer, is left out of that start.

import { HELPER_MOUNT } from '../helper/mount.ts';
import { outputFolders } from './certificates.ts';
import { credentialsFolder, firstQuadlets, folderOf, isBelow, runtimeFolder, unitPath } from '../layout.ts';
import type { HostLayout } from '../layout.ts';

/** `folder`: PSI writes there, so without it there must be no other in its place. `at`: where the container has it, if not in its own place. */
type Mount = { readonly path: string; readonly access: 'ro' | 'rw' | 'folder'; readonly at?: string };

/** Lines for [Container]. */
export function mountLines(layout: HostLayout): readonly string[] {
  const socketFolder = folderOf(layout.socket);
  const own = ownFolders(layout).map((path) => {
    const text = unitPath(layout, path);
    // A mount on top of the socket's folder hides the socket from the host: it has to hide it from PSI too, or nobody notices.
    const options = path === socketFolder ? ':rslave' : isReadOnly(layout, path) ? ':ro' : '';
    return `Volume=${text}:${text}${options}`;
  });
  // The control socket is made in a folder that, with keep-id, belongs to the container's root.
  const tmpfs = layout.scope === 'user' ? [`Tmpfs=${unitPath(layout, folderOf(layout.controlSocket))}:mode=1777`] : [];
  return [
    ...own,
    ...tmpfs,
    '# Files and folders that PSI starts without, where they are not there: see ExecStartPre= below.',
    'PodmanArgs=$PSI_MOUNTS',
  ];
}

/** Lines for [Unit]. */
export function mountUnitLines(layout: HostLayout): readonly string[] {
  // A user's manager knows no such target, and the helper's folder alone is none to wait for.
  if (layout.scope === 'user' || othersMounts(layout).length === 1) return [];
  return [
    '# Some of what is mounted may be on another machine. It is waited for, and not required.',
    'After=remote-fs.target',
  ];
}

/** Lines for [Service]. None of them ends the start: podman says what it misses, and a folder may be there although mkdir fails. */
export function mountServiceLines(layout: HostLayout): readonly string[] {
  const words = (paths: readonly string[]): string =>
    [...new Set(paths)].map((path) => unitPath(layout, path)).join(' ');
  const secret = [folderOf(layout.socket), layout.stateDir, credentialsFolder(layout)];
  const open = ownFolders(layout).filter((path) => !secret.includes(path));
  return [
    '# Podman mounts no folder that is not there.',
    `ExecStartPre=-mkdir -p ${words(open)}`,
    `ExecStartPre=-mkdir -p -m 0700 ${words(secret)}`,
    ...othersLines(layout, words),
  ];
}

/** Seconds for one look at a file system of somebody else. */
const LOOK = 'timeout -s KILL 2';

function othersLines(layout: HostLayout, words: (paths: readonly string[]) => string): readonly string[] {
  const mounts = othersMounts(layout);
  const folders = madeFolders(layout).filter((path) => mounts.some((mount) => mount.path === path));
  const file = unitPath(layout, `${runtimeFolder(layout)}/psi-mounts`);
  const empty = unitPath(layout, `${runtimeFolder(layout)}/psi-absent`);
  const look = [
    'm=',
    `for v in "$$@"; do if ${LOOK} stat -L "$\${v%%%%:*}" >/dev/null 2>&1; then m="$$m -v $$v"`,
    // What is written to must not end up in the container, which would be gone with it.
    `else case $$v in *:*:*) ;; *) m="$$m -v ${empty}:$\${v%%%%:*}:ro" ;; esac; fi; done`,
    `echo "PSI_MOUNTS=$$m" >${file}`,
  ].join('; ');
  return [
    ...(folders.length === 0 ? [] : [`ExecStartPre=-${LOOK} mkdir -p ${words(folders)}`]),
    `ExecStartPre=-mkdir -p -m 0700 ${empty}`,
    '# A look at a mount that does not answer ends after two seconds. What was found is mounted; in the place of a folder',
    '# that PSI writes to and that was not found there is an empty one, read-only.',
    `ExecStartPre=-sh -c '${look}' sh ${mounts.map((mount) => volumeOf(layout, mount)).join(' ')}`,
    `EnvironmentFile=-${file}`,
  ];
}

function volumeOf(layout: HostLayout, { path, access, at = path }: Mount): string {
  return `${unitPath(layout, path)}:${unitPath(layout, at)}${access === 'folder' ? '' : `:${access}`}`;
}

/** Folders without which PSI is not PSI, or that any host can make. */
function ownFolders(layout: HostLayout): readonly string[] {
  const { socket, stateDir, systemdDir, podmanSocket, configFile } = layout;
  const beside = [folderOf(podmanSocket), folderOf(configFile), ...bus(layout)];
  const quadlets = [systemdDir, firstQuadlets(layout)];
  return [...new Set([folderOf(socket), stateDir, containersFolder(layout), ...quadlets, ...beside])];
}

/** Podman's defaults are looked at there. */
function containersFolder({ containersConfDir }: HostLayout): string {
  return folderOf(containersConfDir);
}

/** A mounted socket file goes stale when the bus restarts, hence its folder; a user's bus lies in the runtime folder itself. */
function bus({ dbusSocket, runtimeDir }: HostLayout): readonly string[] {
  return folderOf(dbusSocket) === runtimeDir ? [] : [folderOf(dbusSocket)];
}

/** Certificates that are written beside the config make its folder writable: Podman takes one mount of a folder. */
function isReadOnly(layout: HostLayout, path: string): boolean {
  const looked = [folderOf(layout.configFile), containersFolder(layout), firstQuadlets(layout)];
  return looked.includes(path) && path !== layout.systemdDir && !outputFolders(layout).includes(path);
}

/** Folders that PSI writes to and that need not be its own. */
function madeFolders(layout: HostLayout): readonly string[] {
  return [...outputFolders(layout), ...(layout.cache === undefined ? [] : [folderOf(layout.cache.path)])];
}

function othersMounts(layout: HostLayout): readonly Mount[] {
  const { caFiles, secretFiles, dbusSocket, configFile, textfileDir, helperDir } = layout;
  const own = ownFolders(layout);
  const config = folderOf(configFile);
  // Below the config's folder, which is mounted read-only, what is written to wants a mount of its own.
  const seenForWriting = own.filter((folder) => folder !== config || !isReadOnly(layout, folder));
  const unseen = (folders: readonly string[], path: string): boolean =>
    !folders.some((folder) => isBelow(path, folder));
  const mounts = [
    ...(bus(layout).length === 0 ? [{ path: dbusSocket, access: 'rw' } as const] : []),
    // The collector's own folder is not made: where there is none, there is no collector.
    ...[...madeFolders(layout), ...(textfileDir === undefined ? [] : [textfileDir])]
      .filter((path) => unseen(seenForWriting, path))
      .map((path) => ({ path, access: 'folder' }) as const),
    ...[...caFiles, ...secretFiles.map(rotating)]
      .filter((path) => unseen(own, path))
      .map((path) => ({ path, access: 'ro' }) as const),
  ];
  return [
    ...mounts.filter(({ path }, index) => mounts.findIndex((other) => other.path === path) === index),
    // PSI keeps the lookup helper up to date, and makes none: the folder is there where `psi install` put one.
    { path: helperDir, access: 'rw', at: HELPER_MOUNT },
  ];
}

/** A secret file may be replaced by a rename, which a mounted file does not see: its folder, unless that is one such as /etc. */
function rotating(path: string): string {
  const folder = folderOf(path);
  return folder.lastIndexOf('/') > 0 ? folder : path;
}
