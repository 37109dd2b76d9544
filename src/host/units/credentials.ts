// The units that decrypt the credentials of PSI's config, one each: systemd does not start a unit whose credential it cannot decrypt, and
// without one of them PSI has to start all the same and answer from its cache.

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import { credentialsFolder, unitPath } from '../layout.ts';
import type { HostLayout } from '../layout.ts';
import { unitFile } from './unit-file.ts';

export const CREDENTIAL_UNIT = 'psi-credential@.service';

/** PSI starts after these units: a TPM that does not answer must not keep it, and every lookup, waiting. */
export const DECRYPTION_BOUND: readonly string[] = ['TimeoutStartSec=10', 'TimeoutStartFailureMode=kill'];

/** Five starts within ten seconds are no reason to refuse the sixth, which somebody orders after mending what was wrong. */
export const UNLIMITED: readonly string[] = ['StartLimitIntervalSec=0'];

/** A template, so that a credential needs no file of its own: `psi-credential@NAME.service`. */
export function credentialUnit(layout: HostLayout): string {
  return unitFile(CREDENTIAL_UNIT, [
    [
      'Unit',
      [
        'Description=PSI: its credential %i, decrypted by systemd',
        '# PSI starts without it where it cannot be decrypted; where it can, it is there first.',
        'Before=psi.service',
        ...UNLIMITED,
      ],
    ],
    [
      'Service',
      [
        ...(layout.scope === 'system'
          ? copyLines(layout)
          : userDecryptionLines(layout, credentialsFolder(layout), '%i')),
        ...DECRYPTION_BOUND,
        '# A TPM may be late.',
        'Restart=on-failure',
        'RestartSec=5min',
      ],
    ],
    ['Install', ['WantedBy=psi.service']],
  ]);
}

function copyLines(layout: HostLayout): readonly string[] {
  const folder = unitPath(layout, credentialsFolder(layout));
  const draft = `${folder}/.%i.new`;
  return [
    'Type=oneshot',
    'RemainAfterExit=yes',
    `LoadCredentialEncrypted=${credentialLoad('%i')}`,
    "# systemd's own folder goes when the process ends, and a folder that goes and comes back is lost to a container that runs.",
    '# So it is copied: in memory too, for root alone, and seen by PSI whenever it comes. After a change: restart this unit.',
    'UMask=0077',
    `ExecStart=sh -c 'mkdir -p ${folder} && cp "$$CREDENTIALS_DIRECTORY/%i" ${draft} && mv -f ${draft} ${folder}/%i'`,
    `ExecStopPost=-rm -f ${folder}/%i ${draft}`,
  ];
}

/** A user's systemd before 258 loads no encrypted credential (status 243), but from 256 on the system's decrypts it for the user who asks. */
export function userDecryptionLines(layout: HostLayout, path: string, name: string): readonly string[] {
  const folder = unitPath(layout, path);
  const draft = `${folder}/.${name}.new`;
  const known = name === '%i' ? name : credentialName(name);
  const decrypt = `systemd-creds decrypt --user --name=${known} ${USER_STORE}/${known} -`;
  return [
    'Type=oneshot',
    'RemainAfterExit=yes',
    "# Before 258 LoadCredentialEncrypted= ends a user's unit with 243; this works from systemd 256 on. In memory, for this user alone.",
    'UMask=0077',
    `ExecStart=sh -c 'mkdir -p ${folder} && ${decrypt} >${draft} && mv -f ${draft} ${folder}/${known}'`,
    `ExecStopPost=-rm -f ${folder}/${known} ${draft}`,
  ];
}

export function credentialUnits({ credentials }: HostLayout): readonly string[] {
  return credentials.map((name) => CREDENTIAL_UNIT.replace('@', `@${credentialName(name)}`));
}

/** Lines of psi.container in [Container]: the folder is always there, whatever of it could be decrypted. */
export function credentialContainerLines(layout: HostLayout): readonly string[] {
  const folder = unitPath(layout, credentialsFolder(layout));
  return [
    '# `{credential: NAME}` in the config: psi-credential@NAME.service puts it there.',
    `Volume=${folder}:/run/psi-credentials:ro`,
    'Environment=PSI_CREDENTIALS_DIRECTORY=/run/psi-credentials',
  ];
}

const SYSTEM_STORE = '/etc/credstore.encrypted';
const USER_STORE = '%h/.config/credstore.encrypted';

/** What stands behind `LoadCredentialEncrypted=` of a unit of the system. */
export function credentialLoad(name: string): string {
  const known = name === '%i' ? name : credentialName(name);
  return `${known}:${SYSTEM_STORE}/${known}`;
}

function credentialName(name: string): string {
  if (/^[A-Za-z0-9._-]+$/.test(name)) return name;
  throw new PsiError('CONFIG_INVALID', `"${printable(name)}" is no name of a systemd credential`, {
    hint: 'use letters, digits, dots, dashes and underscores',
  });
}
