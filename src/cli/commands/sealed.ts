// `psi sealed …`: values that this host alone has. Thin clients of the running service, which alone has the keys. A value comes in by
// stdin or a file and goes out by `export`; an argument would stand in the list of processes.

import type { Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import type { SecretValue } from '../../core/secret-value.ts';
import { painted } from '../../core/text/line.ts';
import type {
  ExportReport,
  RemoveReport,
  RestoreReport,
  SealedList,
  SealedStatus,
  StoreReport,
} from '../../sealed/reports.ts';
import { completedWithJson, type Cli, type JsonFlag } from '../command.ts';
import { duration } from '../duration.ts';
import { ASKS_SERVICE, exits } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { printKeyReport } from './cache-report.ts';
import { addSealedRecover, type RecoverNeeds } from './recover.ts';
import { addSealedReseal } from './sealed-reseal.ts';

export type SealedNeeds = RecoverNeeds & {
  /** `-`: stdin. */
  readonly readValue: (file: string) => Promise<SecretValue>;
  /** To stdout, byte for byte. */
  readonly writeValue: (value: Uint8Array) => Promise<void>;
};

export function addSealed(program: Command, cli: Cli<SealedNeeds>): void {
  const sealed = program
    .command('sealed')
    .description('secrets that this host alone has, sealed to its TPM or HSM and to a recovery key');
  addStore(sealed, cli);
  addList(sealed, cli);
  addRemove(sealed, cli);
  addRestore(sealed, cli);
  addExport(sealed, cli);
  addStatus(sealed, cli);
  addSealedReseal(sealed, cli);
  addSealedRecover(sealed, cli);
}

const WRITES = { ...ASKS_SERVICE, ...exits('FAILED', 'CANNOT_CREATE') };

function addStore(sealed: Command, cli: Cli<SealedNeeds>): void {
  const { terminal } = cli;
  const command = sealed
    .command('store')
    .description('seal a value, and register it with Podman under its name: `Secret=NAME` of a quadlet gets it')
    .argument('<name>', 'name of the secret')
    .option('--file <file>', 'what holds the value; - reads it from stdin', '-');
  completedWithJson(command, cli, {
    exits: WRITES,
    example: 'podman exec -i psi psi sealed store db-password < FILE',
    run: async (name: string, { file }: { readonly file: string }) => {
      const client = await cli.client();
      const value = await (await cli.compose()).readValue(file);
      const text = Buffer.from(value.expose()).toString('base64');
      const report = JSON.parse(await client.post('/sealed/store', { name, value: text })) as StoreReport;
      return {
        exit: report.problem || report.missed.length > 0 ? EXIT.FAILED : EXIT.DONE,
        result: report,
        print: () => {
          terminal.out([painted('green', 'sealed'), ` ${report.name} (${String(report.bytes)} bytes)`]);
          printRegistered(terminal, report);
          for (const failure of report.missed) terminal.fail(failure, { subject: 'not sealed for all' });
        },
      };
    },
  });
}

function printRegistered(
  terminal: Terminal,
  { name, registered, problem }: Pick<StoreReport, 'name' | 'registered' | 'problem'>,
): void {
  if (registered === 'created') terminal.out(`podman has it as ${name}`);
  if (problem) terminal.fail(problem);
}

function addList(sealed: Command, cli: Cli): void {
  const { terminal } = cli;
  const command = sealed.command('list').description('their names, and what lies aside; never a value');
  completedWithJson(command, cli, {
    exits: ASKS_SERVICE,
    example: 'podman exec psi psi sealed list',
    run: async (_flags: JsonFlag) => {
      const report = JSON.parse(
        await (await cli.clientWhateverConfig('blame the config')).get('/sealed'),
      ) as SealedList;
      return {
        exit: EXIT.DONE,
        result: report,
        print: () => {
          printList(terminal, report);
        },
      };
    },
  });
}

function printList(terminal: Terminal, { secrets, aside, problem }: SealedList): void {
  if (secrets.length === 0) terminal.out('no sealed secrets');
  for (const { name, bytes, storedAt, podman } of secrets) {
    terminal.out(`${name}: ${String(bytes)} bytes, stored ${storedAt}${inPodman(name, podman)}`);
  }
  for (const { name, asideAt, goesAt } of aside) {
    terminal.out(`aside: ${name}, since ${asideAt}, goes at ${goesAt}`);
  }
  if (problem) terminal.fail(problem);
}

function inPodman(name: string, podman: readonly string[] | null): string {
  if (podman === null) return '';
  if (podman.length === 0) return '; podman has no secret for it';
  return podman.length === 1 && podman[0] === name ? '' : `; in podman: ${podman.join(', ')}`;
}

function addRemove(sealed: Command, cli: Cli): void {
  const { terminal } = cli;
  const command = sealed
    .command('remove')
    .description("remove one, and Podman's secrets that have it; it can be restored for some days")
    .argument('<name>', 'its name, or that of the secret with Podman');
  completedWithJson(command, cli, {
    exits: ASKS_SERVICE,
    example: 'podman exec psi psi sealed remove db-password',
    run: async (name: string) => {
      const report = JSON.parse(await (await cli.client()).post('/sealed/remove', { name })) as RemoveReport;
      return {
        exit: EXIT.DONE,
        result: report,
        print: () => {
          const until =
            report.goesAt === null
              ? ''
              : `; \`psi sealed restore ${report.name}\` brings it back until ${report.goesAt}`;
          terminal.out([painted('green', 'removed'), ` ${report.name}${until}`]);
          if (report.podman.length > 0) terminal.out(`podman has no more: ${report.podman.join(', ')}`);
        },
      };
    },
  });
}

function addRestore(sealed: Command, cli: Cli): void {
  const { terminal } = cli;
  const command = sealed
    .command('restore')
    .description('bring back what was removed or replaced last; `psi sealed list` shows what there is')
    .argument('<name>', 'its name')
    .option('--as <name>', 'under another name: for what Podman was given, whose secret is gone');
  completedWithJson(command, cli, {
    exits: WRITES,
    example: 'podman exec psi psi sealed restore db-password',
    run: async (name: string, { as }: { readonly as?: string }) => {
      const body = as === undefined ? { name } : { name, as };
      const report = JSON.parse(await (await cli.client()).post('/sealed/restore', body)) as RestoreReport;
      return {
        exit: report.problem ? EXIT.FAILED : EXIT.DONE,
        result: report,
        print: () => {
          terminal.out([painted('green', 'restored'), ` ${report.name}, which lay aside since ${report.asideAt}`]);
          printRegistered(terminal, report);
        },
      };
    },
  });
}

function addExport(sealed: Command, cli: Cli<SealedNeeds>): void {
  const command = sealed
    .command('export')
    .description('print a value, byte for byte: the one command that shows one')
    .argument('<name>', 'its name, or that of the secret with Podman');
  completedWithJson(command, cli, {
    exits: ASKS_SERVICE,
    example: 'podman exec psi psi sealed export db-password > FILE',
    run: async (name: string, { json }: JsonFlag) => {
      const client = await cli.clientWhateverConfig('blame the config');
      const report = JSON.parse(await client.post('/sealed/export', { name })) as ExportReport;
      const { writeValue } = await cli.compose();
      if (!json) await writeValue(Buffer.from(report.value, 'base64'));
      return { exit: EXIT.DONE, result: report, print: () => undefined };
    },
  });
}

function addStatus(sealed: Command, cli: Cli): void {
  const { terminal } = cli;
  const command = sealed
    .command('status')
    .description('how many there are, who opens them, and which lack a recipient; never a value')
    .option('--verify', 'open each of them', false);
  completedWithJson(command, cli, {
    exits: {
      ...ASKS_SERVICE,
      DATA: 'one of them is damaged',
      UNAVAILABLE: 'the service is not running; one of them lacks a recipient of the config, or its key is not there',
    },
    example: 'podman exec psi psi sealed status --verify',
    run: async ({ verify }: { readonly verify: boolean }) => {
      const client = await cli.clientWhateverConfig('blame the config');
      const report = JSON.parse(await client.get(`/sealed/status?verify=${String(verify)}`)) as SealedStatus;
      return {
        exit: report.exit,
        result: report,
        print: () => {
          printStatus(terminal, report);
        },
      };
    },
  });
}

function printStatus(terminal: Terminal, report: SealedStatus): void {
  const { provider, secrets, aside, fromPodman, keepDeletedSeconds, recovery, keys, unsealed, failures } = report;
  terminal.out(
    `${provider}: ${String(secrets)} sealed secrets, ${String(aside)} aside for ${duration(keepDeletedSeconds)} each`,
  );
  if (fromPodman) terminal.out('what podman is given is sealed too');
  terminal.out(
    recovery.length === 0 ? 'recovery: none: they are lost with this host' : `recovery: ${recovery.join(', ')}`,
  );
  for (const key of keys) printKeyReport(terminal, key);
  if (unsealed.length > 0) {
    terminal.tell(
      `not sealed for each recipient of the config: ${unsealed.join(', ')}`,
      '`podman exec psi psi sealed reseal` seals them',
    );
  }
  for (const failure of together(failures)) terminal.fail(failure, { subject: failure.name });
  if (report.verified && failures.length === 0) terminal.out([painted('green', 'verified'), ': each of them opens']);
}

const SHOWN_NAMES = 5;

/** One line for all that a lost key concerns. */
function together(failures: SealedStatus['failures']): SealedStatus['failures'] {
  const byMessage = Map.groupBy(failures, ({ message }) => message);
  return [...byMessage.values()].flatMap((same) => {
    const [first] = same;
    const names = same.slice(0, SHOWN_NAMES).map(({ name }) => name);
    const more = same.length > SHOWN_NAMES ? ` and ${String(same.length - SHOWN_NAMES)} more` : '';
    return first === undefined ? [] : [{ ...first, name: `${names.join(', ')}${more}` }];
  });
}
