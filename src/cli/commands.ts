// Every command of psi: one line adds it, one says what it needs of the composition root.

import type { Command } from 'commander';
import type { Cli } from './command.ts';
import { addCache } from './commands/cache.ts';
import type { RecoverNeeds } from './commands/recover.ts';
import { addCheck, type CheckNeeds } from './commands/check.ts';
import { addCompletion } from './commands/completion.ts';
import { addHealth } from './commands/health.ts';
import { addHostImports, type HostImportNeeds } from './commands/host-import.ts';
import { addHsm } from './commands/hsm.ts';
import { addImports } from './commands/import.ts';
import { addEnv } from './commands/env.ts';
import { addInstall, addSystemdInstall, type InstallNeeds } from './commands/install.ts';
import { addLogin, type LoginNeeds } from './commands/login.ts';
import { addMigrate, type MigrateNeeds } from './commands/migrate.ts';
import { addPrune } from './commands/prune.ts';
import { addSealed, type SealedNeeds } from './commands/sealed.ts';
import { addServe, type ServeNeeds } from './commands/serve.ts';
import { addSetup } from './commands/setup.ts';
import { addStatus } from './commands/status.ts';
import { addTls, type TlsNeeds } from './commands/tls.ts';
import { addUninstall, type UninstallNeeds } from './commands/uninstall.ts';
import { addWriteFile } from './commands/write-file.ts';
import type { ImportNeeds } from './commands/import.ts';
import type { InfisicalNeeds } from './infisical-tools.ts';

/** What the commands ask of the composition root. Loaded lazily: a health check must not pay for the server's packages. */
export type Composition = ServeNeeds &
  CheckNeeds &
  InstallNeeds &
  UninstallNeeds &
  MigrateNeeds &
  InfisicalNeeds &
  ImportNeeds &
  HostImportNeeds &
  TlsNeeds &
  LoginNeeds &
  RecoverNeeds &
  SealedNeeds;

export function addCommands(program: Command, cli: Cli<Composition>): void {
  addServe(program, cli);
  addSetup(program, cli);
  addPrune(program, cli);
  addInstall(program, cli);
  addSystemdInstall(program, cli);
  addUninstall(program, cli);
  addMigrate(program, cli);
  addHealth(program, cli);
  addStatus(program, cli);
  addCheck(program, cli);
  addCache(program, cli);
  addHsm(program, cli);
  addSealed(program, cli);
  const infisical = program
    .command('infisical')
    .description('what people do with Infisical: log in, read, import, certificates');
  addLogin(infisical, cli);
  addEnv(infisical, cli);
  addWriteFile(infisical, cli);
  const imports = addImports(infisical, cli);
  addHostImports(imports, cli);
  addTls(infisical, cli);
  // Last: it completes what is there when it runs.
  addCompletion(program, cli);
}
