// Where PSI's parts are on one host, and how these places read in a unit file.

import { baseDirectories, inFolder } from '../core/base-directories.ts';
import { PsiError } from '../core/error.ts';
import { printable } from '../core/naming.ts';
import type { Looks } from '../certificates/looks.ts';
import type { Places } from '../core/places.ts';
import type { Scope } from '../core/scope.ts';
import type { Backend } from '../sealing/key-wrapper.ts';

/** What the units have to know of the cache. */
export type CacheLayout = {
  readonly backends: readonly Backend[];
  /** Node of the TPM, where the TCTI names one. */
  readonly tpmDevice: string | undefined;
  /** Name of the systemd credential with the key. */
  readonly credential: string;
  /** The file. */
  readonly path: string;
};

/** What the units have to know of the certificates. */
export type CertificateLayout = {
  /** All files that are written. */
  readonly outputs: readonly string[];
  /** How often somebody has to look which are due. */
  readonly looks: Looks;
};

/** A configured provider, as units name it. */
export type ServedProvider = {
  /** Of its entry in the config: units are named after it. */
  readonly name: string;
  /** As it is written. */
  readonly title: string;
  /** The group of psi's commands that are about it. */
  readonly group: string;
};

export type HostLayout = Places & {
  readonly scope: Scope;
  /** The first gives the units their names; those with no provider in the config are named as if it had one. */
  readonly providers: readonly [ServedProvider, ...ServedProvider[]];
  /** The one that issues the certificates, or would. */
  readonly certifier: ServedProvider;
  readonly configFile: string;
  /** Private CAs: often links into another folder, so each is mounted as a file. */
  readonly caFiles: readonly string[];
  /** `{file: PATH}` references. */
  readonly secretFiles: readonly string[];
  /** Names of `{credential: NAME}` references. */
  readonly credentials: readonly string[];
  /** Undefined: off, or on no backend. */
  readonly cache: CacheLayout | undefined;
  /** Is a token of the Python PSI to be asked, beside what the cache is on? */
  readonly hsmToken: boolean;
  readonly refresh: { readonly intervalMs: number; readonly randomizedDelayMs: number };
  /** Undefined: no certificates. */
  readonly tls: CertificateLayout | undefined;
  /** Where figures for a collector of the host are put; undefined: nowhere. */
  readonly textfileDir: string | undefined;
  /** Folder of the lookup helper. */
  readonly helperDir: string;
  /** systemd's own folder for units that are no quadlets. */
  readonly unitDir: string;
  readonly containersConfDir: string;
  /** User scope only: what `%h` and `%t` stand for. */
  readonly home: string | undefined;
  readonly runtimeDir: string | undefined;
  /** Runs this in PSI's image, where some folders of the host are not in their own places? */
  readonly inImage: boolean;
};

export type HostFolder = 'unitDir' | 'containersConfDir' | 'home' | 'runtimeDir' | 'inImage';

/** Gives psi.service the name of the Python PSI's service, where a migration put it. */
export const ALIAS_FILE = 'psi.container.d/50-psi-secrets-alias.conf';

/** What PSI writes into `textfileDir`. */
export const METRICS_FILE = 'psi.prom';

/** What depends on the scope and not on the config. */
export function hostFolders(
  scope: Scope,
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
): Pick<HostLayout, HostFolder> {
  const inImage = env['PSI_IN_IMAGE'] !== undefined;
  if (scope === 'system') {
    return {
      unitDir: '/etc/systemd/system',
      containersConfDir: '/etc/containers/containers.conf.d',
      home: undefined,
      runtimeDir: undefined,
      inImage,
    };
  }
  const { config, home, runtime } = baseDirectories(env, uid);
  return {
    unitDir: inFolder(config, 'systemd/user'),
    containersConfDir: inFolder(config, 'containers/containers.conf.d'),
    home,
    runtimeDir: runtime,
    inImage,
  };
}

/** Where a host keeps what belongs to one boot: `/run`, or the user's own. */
export function runtimeFolder({ runtimeDir }: Pick<HostLayout, 'runtimeDir'>): string {
  return runtimeDir ?? '/run';
}

/** The folder that Podman reads quadlets and their drop-ins from before all others. */
export function firstQuadlets(layout: Pick<HostLayout, 'runtimeDir'>): string {
  return `${runtimeFolder(layout)}/containers/systemd`;
}

/** Where the units of PSI's credentials put what systemd decrypted: memory, for root (or the user) alone. */
export function credentialsFolder(layout: Pick<HostLayout, 'runtimeDir'>): string {
  return `${runtimeFolder(layout)}/psi-credentials`;
}

/** Where the key is that was decrypted for the cache: systemd's own folder for that unit, or one beside the user's credentials. */
export function cacheKeyFolder(layout: Pick<HostLayout, 'runtimeDir' | 'scope'>): string {
  const runtime = runtimeFolder(layout);
  return layout.scope === 'system' ? `${runtime}/credentials/psi-cache-key.service` : `${runtime}/psi-cache-key`;
}

/** A unit of PSI that is about the providers. */
export function providerUnit({ providers: [first] }: HostLayout, suffix: string): string {
  return `psi-${first.name}-${suffix}`;
}

/** In a sentence about all of them. */
export function providerTitles({ providers }: HostLayout): string {
  return providers.map(({ title }) => title).join(' and ');
}

export function folderOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at <= 0 ? '/' : path.slice(0, at);
}

export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

// Blanks and quotes split words, `:` and `,` split what podman reads in Volume=.
// eslint-disable-next-line no-control-regex -- they are what is looked for
const UNFIT = /[\u0000-\u001f\u007f\s"'\\:,]/;

/** A path as it stands in a unit: `%` and `$` doubled, in user scope `%t` and `%h`, so that one file serves every user. */
export function unitPath(layout: HostLayout, path: string): string {
  if (!path.startsWith('/') || UNFIT.test(path)) {
    throw new PsiError('CONFIG_INVALID', `the path "${printable(path)}" cannot stand in a unit file`, {
      hint: 'use an absolute path without blanks, quotes, colons and commas',
    });
  }
  for (const [folder, specifier] of [
    [layout.runtimeDir, '%t'],
    [layout.home, '%h'],
  ] as const) {
    if (folder !== undefined && folder !== '/' && isBelow(path, folder))
      return specifier + escaped(path.slice(folder.length));
  }
  return escaped(path);
}

function escaped(text: string): string {
  return text.replaceAll('%', '%%').replaceAll('$', '$$$$');
}
