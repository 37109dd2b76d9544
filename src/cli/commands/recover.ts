// `psi cache recover` brings back all that a recovery key opens, the cache and the sealed secrets, and `psi sealed recover` the sealed secrets
// alone. An identity is read and used in the command's own process; the service is told the keys of single files.

import type { Command } from 'commander';
import type { RecoveryKeys, ResealReport } from '../../cache/reseal.ts';
import { PsiError, toPsiError } from '../../core/error.ts';
import { exitCode } from '../../core/exit.ts';
import { failureOf, type Failure } from '../../core/failure.ts';
import type { SecretValue } from '../../core/secret-value.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import type { ResealedReport, SealedRecoveryKeys } from '../../sealed/reports.ts';
import { isPrivateKey } from '../../sealing/recovery-key.ts';
import { completedWithJson, type Cli } from '../command.ts';
import { ASKS_SERVICE } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { printReseal } from './cache-reseal.ts';
import { printSealedAnew } from './sealed-reseal.ts';

export type RecoverNeeds = {
  /** The data key of each file, by the identities of `file` (`-`: stdin), which is read once; undefined: none of them is for it. */
  readonly unwrapWithIdentity: (
    file: string,
    wrappedKeys: readonly (readonly Uint8Array[])[],
  ) => Promise<readonly (SecretValue | undefined)[]>;
};

/** Of both; null: it was not asked for, there is none, or `failures` says why. */
export type RecoverReport = {
  readonly cache: ResealReport | null;
  readonly sealed: ResealedReport | null;
  readonly failures: readonly Failure[];
  readonly exit: number;
};

type What = 'cache' | 'sealed';

const EXITS = {
  ...ASKS_SERVICE,
  DATA: 'the identity does not open all of it, or is none; or a file is damaged',
  NO_INPUT: 'there is nothing that a recovery key opens',
  CANNOT_CREATE: 'a file was written anew meanwhile: run it again',
  UNAVAILABLE: 'the service is not running; or what was opened could not be sealed anew',
};

export function addRecover(cache: Command, cli: Cli<RecoverNeeds>): void {
  add(cache, cli, {
    command: 'cache recover',
    of: ['cache', 'sealed'],
    description:
      'open the cache and the sealed secrets with a recovery key, and seal them for the TPM or HSM that is there now',
  });
}

export function addSealedRecover(sealed: Command, cli: Cli<RecoverNeeds>): void {
  add(sealed, cli, {
    command: 'sealed recover',
    of: ['sealed'],
    description: 'the same as `psi cache recover`, for sealed secrets alone',
  });
}

type Words = { readonly command: string; readonly of: readonly What[]; readonly description: string };

function add(parent: Command, cli: Cli<RecoverNeeds>, { command, of, description }: Words): void {
  const added = parent
    .command('recover')
    .description(description)
    .requiredOption('--identity <file>', 'what age-keygen wrote; - reads it from stdin');
  completedWithJson(added, cli, {
    exits: EXITS,
    example: `podman exec -i psi psi ${command} --identity - < recovery.key`,
    run: async ({ identity }: { readonly identity: string }) => {
      refuseKeyInArguments(identity, command);
      const client = await cli.clientWhateverConfig('blame the config');
      const report = await recover(client, await cli.compose(), { identity, of });
      return {
        exit: report.exit,
        result: report,
        print: () => {
          print(cli.terminal, report);
        },
      };
    },
  });
}

/** It is in the list of processes and in the shell's history by now; at least it gets no further. */
function refuseKeyInArguments(identity: string, command: string): void {
  if (!isPrivateKey(identity)) return;
  throw new PsiError('USAGE', '--identity names a file, and what was given is a private key itself', {
    hint:
      'whoever lists the processes of this host may have seen it: make another one; ' +
      `then \`podman exec -i psi psi ${command} --identity - < KEY_FILE\``,
  });
}

type Wanted = { readonly identity: string; readonly of: readonly What[] };

async function recover(client: ControlClient, needs: RecoverNeeds, { identity, of }: Wanted): Promise<RecoverReport> {
  const failures: PsiError[] = [];
  const cache = of.includes('cache') ? await asked<RecoveryKeys | null>(client, '/cache/recovery', failures) : null;
  const sealed = of.includes('sealed') ? await asked<SealedRecoveryKeys>(client, '/sealed/recovery', failures) : null;
  const files = [...(cache ? [cache] : []), ...(sealed?.files ?? [])];
  if (files.length === 0) throw nothingThere(of, failures);
  // That one of the two is not configured is no failure where the other one is recovered.
  const told = failures.filter(({ code }) => code !== 'CONFIG_INVALID');
  const opened = await needs.unwrapWithIdentity(identity, files.map(wrappedKeysOf));
  if (opened.every((key) => key === undefined)) throw opensNothing(cache, sealed);
  const keys = opened.map(taken);
  const ofSealed = keys.slice(cache ? 1 : 0);
  const reports = {
    cache: cache && (await recoverCache(client, cache, keys[0], told)),
    sealed: sealed && hasAny(sealed) ? await recoverSealed(client, sealed, ofSealed, told) : null,
  };
  const exits = [...told.map(({ code }) => exitCode(code)), reports.cache?.exit ?? 0, reports.sealed?.exit ?? 0];
  return { ...reports, failures: told.map(failureOf), exit: exits.find((exit) => exit !== 0) ?? 0 };
}

async function asked<T>(client: ControlClient, path: string, failures: PsiError[]): Promise<T | null> {
  try {
    return JSON.parse(await client.get(path)) as T;
  } catch (thrown) {
    const error = toPsiError(thrown);
    if (error.code === 'SERVICE_DOWN') throw error;
    failures.push(error);
    return null;
  }
}

async function recoverCache(
  client: ControlClient,
  { fileId, keys }: RecoveryKeys,
  dataKey: string | undefined,
  failures: PsiError[],
): Promise<ResealReport | null> {
  if (dataKey === undefined) {
    failures.push(otherIdentity('the cache was', recipientsOf([{ keys }])));
    return null;
  }
  return posted<ResealReport>(client, ['/cache/recover', { fileId, dataKey }], failures);
}

async function recoverSealed(
  client: ControlClient,
  { files }: SealedRecoveryKeys,
  dataKeys: readonly (string | undefined)[],
  failures: PsiError[],
): Promise<ResealedReport | null> {
  const keys = files.flatMap(({ name, asideAt, fileId }, index) => {
    const dataKey = dataKeys[index];
    return dataKey === undefined ? [] : [{ name, asideAt, fileId, dataKey }];
  });
  const closed = files.filter((_, index) => dataKeys[index] === undefined);
  // Each of them is named by the service, unless the host opens it without.
  const report = await posted<ResealedReport>(client, ['/sealed/recover', { keys }], failures);
  if (closed.length > 0 && report?.failures.length !== 0) {
    failures.push(otherIdentity(`${String(closed.length)} sealed secrets were`, recipientsOf(closed)));
  }
  return report;
}

async function posted<T>(
  client: ControlClient,
  [path, body]: readonly [string, unknown],
  failures: PsiError[],
): Promise<T | null> {
  try {
    return JSON.parse(await client.post(path, body)) as T;
  } catch (thrown) {
    failures.push(toPsiError(thrown));
    return null;
  }
}

function hasAny({ files, others }: SealedRecoveryKeys): boolean {
  return files.length + others > 0;
}

type Wrapped = { readonly keys: readonly { readonly recipient: string; readonly wrappedKey: string }[] };

function wrappedKeysOf({ keys }: Wrapped): readonly Uint8Array[] {
  return keys.map(({ wrappedKey }) => Uint8Array.from(Buffer.from(wrappedKey, 'base64')));
}

/** As text for the service; the bytes are wiped. */
function taken(dataKey: SecretValue | undefined): string | undefined {
  if (dataKey === undefined) return undefined;
  const text = Buffer.from(dataKey.expose()).toString('base64');
  dataKey.expose().fill(0);
  return text;
}

function recipientsOf(files: readonly Wrapped[]): string {
  return [...new Set(files.flatMap(({ keys }) => keys.map(({ recipient }) => recipient)))].join(', ');
}

function nothingThere(of: readonly What[], failures: readonly PsiError[]): PsiError {
  const wrong = failures.find(({ code }) => code !== 'CONFIG_INVALID');
  // That there is nothing says more than that one of the two is not configured.
  const told = wrong ?? (failures.length === of.length ? failures[0] : undefined);
  if (told) return told;
  const what = of.includes('cache') ? 'no cache, and no sealed secret' : 'no sealed secret';
  return new PsiError('NOT_FOUND', `there is ${what} that a recovery key opens`, {
    hint: `\`podman exec psi psi ${of[0] ?? 'cache'} status\` shows what there is`,
  });
}

function opensNothing(cache: RecoveryKeys | null, sealed: SealedRecoveryKeys | null): PsiError {
  const what = [...(cache ? ['the cache'] : []), ...(sealed && sealed.files.length > 0 ? ['the sealed secrets'] : [])];
  const were = what.join() === 'the cache' ? 'was' : 'were';
  const recipients = recipientsOf([...(cache ? [cache] : []), ...(sealed?.files ?? [])]);
  return otherIdentity(`${what.join(' and ')} ${were}`, recipients, 'opens nothing');
}

function otherIdentity(what: string, recipients: string, opens = 'does not open all'): PsiError {
  return new PsiError('BAD_REQUEST', `the identity ${opens}: ${what} sealed for ${recipients}`, {
    hint: '`age-keygen -y KEY_FILE` shows which one a file is for',
  });
}

function print(terminal: Terminal, { cache, sealed, failures }: RecoverReport): void {
  if (cache) printReseal(terminal, cache);
  if (sealed) printSealedAnew(terminal, sealed);
  for (const failure of failures) terminal.fail(failure);
}
