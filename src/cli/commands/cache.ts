// `psi cache …`: thin clients of the running service, which alone holds the cache and its key.

import { Option, type Command } from 'commander';
import type { InitReport } from '../../cache/backends.ts';
import type { CacheReport } from '../../cache/control.ts';
import type { RefreshReport } from '../../cache/refresh.ts';
import { EXIT, exitCode } from '../../core/exit.ts';
import { spoken } from '../../core/text/user-hints.ts';
import { BACKENDS } from '../../sealing/key-wrapper.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import type { SetupEvent } from '../../registration/setup-events.ts';
import { completedWithJson, type Cli, type Ending, type JsonFlag } from '../command.ts';
import { follow } from '../follow.ts';
import { ASKS_SERVICE, ENDED } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { addReseal } from './cache-reseal.ts';
import { outcomeLine, printCacheReport, printKeyReport } from './cache-report.ts';
import { addRecover, type RecoverNeeds } from './recover.ts';

const TURN_ON =
  'turn it on in the config: `cache: {enabled: true, backend: tpm}`, then `systemctl restart psi.service`';

export function addCache(program: Command, cli: Cli<RecoverNeeds>): void {
  const cache = program
    .command('cache')
    .description('the encrypted cache, with which containers start through an outage');
  addInit(cache, cli);
  addStatus(cache, cli);
  addRefresh(cache, cli);
  addInvalidate(cache, cli);
  addReseal(cache, cli);
  addRecover(cache, cli);
}

function addInit(cache: Command, cli: Cli): void {
  const command = cache
    .command('init')
    .description('try a backend by wrapping and opening a key; says what to put into the config')
    .addOption(new Option('--backend <name>', 'what holds the key').choices([...BACKENDS]).makeOptionMandatory());
  completedWithJson(command, cli, {
    exits: ASKS_SERVICE,
    example: 'podman exec psi psi cache init --backend tpm',
    run: async ({ backend }: { readonly backend: string }) => {
      const report = JSON.parse(await (await cli.client()).post('/cache/init', { backend })) as InitReport;
      return {
        exit: EXIT.DONE,
        result: report,
        print: () => {
          printKeyReport(cli.terminal, report.key);
          for (const line of nextSteps(report)) cli.terminal.out(spoken(line));
        },
      };
    },
  });
}

function addStatus(cache: Command, cli: Cli): void {
  const command = cache
    .command('status')
    .description('how many values it holds, how old they are, and what is wrong')
    .option('--verify', 'open the file on disk anew', false);
  completedWithJson(command, cli, {
    exits: {
      ...ASKS_SERVICE,
      DATA: 'with --verify: the file on disk is damaged',
      UNAVAILABLE: 'the service is not running; with --verify: no key, or the cache is off',
    },
    example: 'podman exec psi psi cache status --verify',
    run: async ({ verify }: { readonly verify: boolean }) => {
      const text = await (await cli.clientWhateverConfig('blame the config')).get(`/cache?verify=${String(verify)}`);
      const report = JSON.parse(text) as CacheReport | null;
      return {
        exit: verify ? verifiedExit(report) : EXIT.DONE,
        result: report,
        print: () => {
          if (report) printCacheReport(cli.terminal, report);
          else cli.terminal.tell('cache: off', TURN_ON);
        },
      };
    },
  });
}

function verifiedExit(report: CacheReport | null): number {
  if (!report) return exitCode('KEY_UNAVAILABLE');
  return report.verified?.ok === false ? exitCode(report.verified.failure.code) : EXIT.DONE;
}

function addRefresh(cache: Command, cli: Cli): void {
  const command = cache
    .command('refresh')
    .description('fetch all values anew')
    .option('--replace', 'set aside a file that cannot be opened, even if not all values could be fetched', false);
  completedWithJson(command, cli, {
    exits: { ...ASKS_SERVICE, ...ENDED, TRY_LATER: 'an outage, which left the cache as it was' },
    example: 'podman exec psi psi cache refresh',
    run: async (flags: RefreshFlags) => refresh(await cli.clientWhateverConfig('blame the config'), cli, flags),
  });
}

type RefreshFlags = JsonFlag & { readonly replace: boolean };

type Refreshed = SetupEvent | { readonly event: 'refreshed'; readonly report: RefreshReport | null };

async function refresh(client: ControlClient, cli: Cli, { replace, json }: RefreshFlags): Promise<Ending> {
  return follow<Refreshed>(cli, client, {
    name: 'cache refresh',
    path: '/cache/refresh',
    body: replace ? { replace } : {},
    json,
    on: (event) => {
      if (event.event === 'listing') return `${event.workload}: listing ${event.project}:${event.path}`;
      return event.event === 'refreshed' ? refreshed(cli.terminal, event.report) : undefined;
    },
  });
}

/** With the cache off there is nothing to do, and no failure: the timer may be there before the cache is. */
function refreshed(terminal: Terminal, report: RefreshReport | null): Ending {
  return {
    exit: report?.exit ?? EXIT.DONE,
    result: report,
    print: () => {
      if (!report) {
        terminal.tell('cache: off, nothing to refresh', TURN_ON);
        return;
      }
      terminal.tell(outcomeLine(report.cache), report.cache.saved ? null : report.cache.hint);
      for (const failure of report.failures) terminal.fail(failure, { subject: failure.workload });
    },
  };
}

function addInvalidate(cache: Command, cli: Cli): void {
  const command = cache
    .command('invalidate')
    .description('drop the value of one secret, or of all secrets of a workload: the next lookup asks the provider')
    .argument('<name>', "Podman's name of the secret, or a workload's name");
  completedWithJson(command, cli, {
    exits: ASKS_SERVICE,
    example: 'podman exec psi psi cache invalidate myapp--DB_PASSWORD',
    run: async (name: string) => {
      const text = await (await cli.clientWhateverConfig('blame the config')).post('/cache/invalidate', { name });
      const result = JSON.parse(text) as { readonly named: number; readonly dropped: number };
      const count = `${String(result.dropped)} of ${String(result.named)}`;
      return {
        exit: EXIT.DONE,
        result,
        print: () => {
          cli.terminal.out(`dropped ${count} from the cache; the next lookup asks the provider`);
        },
      };
    },
  });
}

function nextSteps({ key, configured, inUse, configFile }: InitReport): readonly string[] {
  const fill = 'next: podman exec psi psi cache refresh';
  if (configured && inUse) return [fill];
  const restart = [
    'next: psi systemd install',
    'next: systemctl daemon-reload',
    'next: systemctl restart psi.service',
    fill,
  ];
  if (configured) return restart;
  return [
    `next: put this into ${configFile}:`,
    '  cache:',
    '    enabled: true',
    `    backend: ${key.backend}`,
    ...restart,
  ];
}
