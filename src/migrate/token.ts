// Which token the old socket asked for, and the PIN of its HSM: a variable goes over a credential for the token, and that over the config.

import type { PinSource } from './config/nitrokeyhsm.ts';
import type { TokenField } from './config/translate.ts';
import type { OldCredential, OldEnvironment } from './old-environment.ts';
import type { OldPlaces } from './old-places.ts';
import { Remarks } from './remarks.ts';
import type { Step } from './steps.ts';

type Carried<Field> = { readonly field: Field; readonly steps: readonly Step[] };

/** The token itself, where it stands in the clear; undefined: there is none, or it is in a credential. */
export function knownToken({ variables, credentials }: OldEnvironment, inConfig: unknown): string | undefined {
  const variable = variableOf(variables, 'PSI_SOCKET_TOKEN');
  const held = credentials.get(TOKEN);
  const other = held === undefined ? inConfig : held.kind === 'inline' ? held.value : undefined;
  const token = variable ?? other;
  return typeof token === 'string' && token !== '' ? token.trim() : undefined;
}

const TOKEN = 'psi-socket-token';
const PIN = 'hsm-pin';

export function carriedToken(
  { variables, credentials }: OldEnvironment,
  inConfig: boolean,
  places: OldPlaces,
  remarks: Remarks,
): Carried<TokenField> {
  const variable = variableOf(variables, 'PSI_SOCKET_TOKEN');
  if (variable === '') {
    remarks.note(
      'socket_token',
      'PSI_SOCKET_TOKEN is empty in its unit, which turned the token off: none is asked for here either',
      'write socket_token: … to ask for one',
    );
    return { field: { kind: 'none' }, steps: [] };
  }
  if (variable !== undefined) return inFile(TOKEN, variable, places, remarks);
  const credential = credentials.get(TOKEN);
  if (credential) return ofCredential(TOKEN, credential, places, remarks);
  return { field: { kind: inConfig ? 'text' : 'none' }, steps: [] };
}

export function carriedPin(
  { variables, credentials }: OldEnvironment,
  inConfig: boolean,
  places: OldPlaces,
  remarks: Remarks,
): Carried<PinSource> {
  const credential = credentials.get(PIN);
  const variable = variableOf(variables, 'PSI_NITROKEYHSM_PIN');
  if (credential) return pin(ofCredential(PIN, credential, places, remarks));
  return variable === undefined || inConfig
    ? { field: undefined, steps: [] }
    : pin(inFile(PIN, variable, places, remarks));
}

function pin({ field, steps }: Carried<TokenField>): Carried<PinSource> {
  if (field.kind === 'credential') return { field: { kind: 'credential' }, steps };
  return { field: field.kind === 'file' ? field : undefined, steps };
}

function variableOf(variables: ReadonlyMap<string, string>, name: string): string | undefined {
  return [...variables].find(([key]) => key.toUpperCase() === name)?.[1];
}

/** A unit in which it stood is moved away: it goes into a file that root alone reads. */
function inFile(name: string, value: string, places: OldPlaces, remarks: Remarks): Carried<TokenField> {
  const path = `${places.configFile.replace(/\/[^/]*$/, '')}/${name}`;
  remarks.note(
    name,
    `it stood in a unit in the clear: it is in ${path} now`,
    `better a credential: \`systemd-creds encrypt ${path} ${places.credentialStore}/${name}\`, then {credential: ${name}} in the config`,
  );
  const why = 'what the old unit had in its environment';
  return {
    field: { kind: 'file', path },
    steps: [{ action: { do: 'write', path, text: `${value}\n`, mode: 0o600, hidden: true }, why }],
  };
}

function ofCredential(
  name: string,
  credential: OldCredential,
  places: OldPlaces,
  remarks: Remarks,
): Carried<TokenField> {
  const stored = `${places.credentialStore}/${name}`;
  if (credential.kind === 'inline') return inFile(name, credential.value, places, remarks);
  if (credential.kind === 'inline-encrypted') {
    remarks.refuse(
      name,
      'it stands in a unit as SetCredentialEncrypted=',
      `write it to ${stored}, and LoadCredentialEncrypted=${name} in its place`,
    );
    return { field: { kind: 'none' }, steps: [] };
  }
  if (credential.kind === 'plain')
    return { field: { kind: 'file', path: credential.path ?? `/etc/credstore/${name}` }, steps: [] };
  const field = { kind: 'credential', name } as const;
  if (credential.path === undefined || credential.path === stored) return { field, steps: [] };
  const why = `psi-credential@${name}.service of this psi decrypts it from there`;
  return { field, steps: [{ action: { do: 'link', path: stored, target: credential.path }, why }] };
}
