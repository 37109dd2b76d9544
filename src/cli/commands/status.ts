// `psi status`: what is wrong, the worst first, each with what mends it; and what the service holds.

import type { Command } from 'commander';
import type { CacheStatus } from '../../cache/status.ts';
import { EXIT } from '../../core/exit.ts';
import { painted, type Style } from '../../core/text/line.ts';
import type {
  HelperStatus,
  OwedReplacesStatus,
  OwedSetup,
  ServiceProblem,
  ServiceStatus,
} from '../../lookup/status.ts';
import type { ProviderStatus } from '../../service/provider-problems.ts';
import { completedWithJson, type Cli } from '../command.ts';
import { duration } from '../duration.ts';
import type { Terminal } from '../terminal.ts';
import { printCacheLine } from './cache-report.ts';

type Status = ServiceStatus & {
  readonly providers: readonly ProviderStatus[];
  readonly certificates: readonly {
    readonly name: string;
    readonly notAfter: string | null;
    readonly renewalDue: string | null;
  }[];
  /** The units of this host check psi's health by the exit status of this command. */
  readonly checksHealth: boolean;
  /** Null: this PSI was built without one, or has not looked yet. */
  readonly lookupHelper: HelperStatus | null;
  readonly cache: CacheStatus | null;
};

/** `--json` has all of them. */
const MOST_NAMED = 10;

export function addStatus(program: Command, cli: Cli): void {
  const command = program
    .command('status')
    .description('what is wrong, the worst first, and what the running service holds')
    .option('--quiet', 'print what is wrong and nothing else', false);
  completedWithJson(command, cli, {
    exits: {
      DONE: 'all is well',
      FAILED: 'something is wrong that a start may meet, now or after the next reboot',
      LEFT: 'there are warnings alone: something should be seen to',
      UNAVAILABLE: 'the service does not answer',
    },
    example: 'podman exec psi psi status',
    run: async ({ quiet }: { readonly quiet: boolean }) => {
      const status = JSON.parse(await (await cli.clientWhateverConfig('blame the service')).get('/status')) as Status;
      return {
        exit: exitOf(status),
        result: status,
        print: () => {
          printProblems(cli.terminal, status);
          if (!quiet) printStatus(cli.terminal, status);
        },
      };
    },
  });
}

/** Under units that check health with this command, any other status would keep psi.service from its start. */
function exitOf({ problems, checksHealth }: Status): number {
  if (checksHealth || problems.length === 0) return EXIT.DONE;
  return problems.some(({ severity }) => severity === 'error') ? EXIT.FAILED : EXIT.LEFT;
}

const WORDS: Readonly<Record<ServiceProblem['severity'], readonly [Style, string]>> = {
  error: ['red', 'problem'],
  warning: ['yellow', 'warning'],
};

function printProblems(terminal: Terminal, { problems, problemCount }: Status): void {
  for (const { severity, subject, message, hint } of problems) {
    const [style, word] = WORDS[severity];
    terminal.out([painted(style, word), ` ${subject === null ? '' : `${subject}: `}${message}`]);
    if (hint !== null) terminal.out(`        ${hint}`);
  }
  const more = problemCount - problems.length;
  if (more > 0) terminal.out([painted('red', 'problem'), ` and ${String(more)} more`]);
}

function printHostCurl(terminal: Terminal, { hostCurl }: Status): void {
  if (hostCurl === null) return;
  const { version, limit } = hostCurl;
  terminal.out(`curl of the host: ${version}${limit === null ? '' : ` (${limit})`}`);
}

function printHelper(terminal: Terminal, { lookupHelper }: Status): void {
  if (lookupHelper === null) return;
  const { path, version, lastLookupBy } = lookupHelper;
  if (version !== null) terminal.out(`lookup helper: ${version} at ${path}`);
  else if (lastLookupBy === 'helper') terminal.out(`lookup helper: at work; psi sees ${path} after its next start`);
  else terminal.out(`lookup helper: none at ${path}, lookups go by curl (\`psi install\` puts one there)`);
}

function printStatus(terminal: Terminal, status: Status): void {
  terminal.out(`psi ${status.version}, up ${duration(status.upSeconds)}`);
  terminal.out(`secrets registered: ${String(status.mappings)}`);
  printHostCurl(terminal, status);
  printHelper(terminal, status);
  for (const note of status.notes) terminal.out([painted('dim', 'note'), ` ${note}`]);
  printLookups(terminal, status);
  for (const { name, up } of status.providers) if (up) terminal.out(`${name}: answers, as far as it was asked`);
  printSetups(terminal, status);
  for (const { name, notAfter } of status.certificates) {
    if (notAfter !== null) terminal.out(`certificate ${name}: ends ${notAfter}`);
  }
  if (status.cache) printCacheLine(terminal, status.cache);
}

function printLookups(terminal: Terminal, status: Status): void {
  terminal.out(`lookups: ${String(status.lookups.ok)} answered, ${String(status.lookups.failed)} failed`);
  for (const failure of status.lastFailures) {
    terminal.out([painted('red', 'failed'), ` ${failure.at} ${failure.name ?? failure.id}: ${failure.message}`]);
  }
  if (status.refused > 0) terminal.out(`other requests refused: ${String(status.refused)}`);
  for (const { at, request, id, message } of status.lastRefusals) {
    terminal.out([painted('red', 'refused'), ` ${at} ${request}${id === null ? '' : ` ${id}`}: ${message}`]);
  }
}

function printSetups(terminal: Terminal, { lastSetup, setupOwed, replacesOwed }: Status): void {
  if (lastSetup) {
    const { at, changes, failures, outcome, failed } = lastSetup;
    terminal.out(`last setup: ${at}, ${String(changes)} changes, ${String(failures)} failures${OUTCOMES[outcome]}`);
    for (const { subject, message } of failed.slice(0, MOST_NAMED)) {
      terminal.out([painted('red', outcome), ` ${subject === null ? '' : `${subject}: `}${message}`]);
    }
  }
  if (setupOwed) terminal.out(`setup owed: ${owedText(setupOwed)}`);
  if (replacesOwed) terminal.out(`driver commands of before: ${replacesText(replacesOwed)}`);
}

const OUTCOMES = { done: '', left: ', something was left as it was', failed: ', it failed' } as const;

function owedText({ workloads, nextTry }: OwedSetup): string {
  const more =
    (workloads?.length ?? 0) > MOST_NAMED ? ` and ${String((workloads?.length ?? 0) - MOST_NAMED)} more` : '';
  const what = workloads === null ? 'all workloads' : `${workloads.slice(0, MOST_NAMED).join(', ')}${more}`;
  return `${what}; ${nextTry === null ? 'being tried' : `tried again by itself at ${nextTry}`}`;
}

function replacesText({ secrets, next, byHand }: OwedReplacesStatus): string {
  const count = `${String(secrets)} ${secrets === 1 ? 'secret' : 'secrets'}`;
  if (byHand) return `${count}; \`podman exec psi psi setup\` replaces them, at a moment when nothing starts`;
  return `${count}; replaced one by one, ${next === null ? 'just now' : `from ${next} on`}`;
}
