// Who may import whom in src/: the one table behind .dependency-cruiser.js (imports) and eslint.config.js (what pure rooms may not touch).
// A room is a folder of src/, or of src/adapters/. A new room or vendor is a line here; an import this table does not allow is an error.

export type Room = {
  /** Below src/. `adapters/*` is any adapter that has no line of its own. */
  readonly folder: string;
  /** Rooms, or folders of them, that it may import besides itself. */
  readonly imports: readonly string[];
  /** Rooms of which it may import types only. */
  readonly types?: readonly string[];
  /** Single files of other rooms, below src/. */
  readonly files?: readonly string[];
  /** No Node built-ins, no clock, no randomness, no process: what it does depends on its arguments alone. */
  readonly pure?: true;
};

/** Bounded calls, durable writing, the folder that is held meanwhile, and errors: one way for all files that PSI has on a host. */
const WRITING = [
  'adapters/files/atomic-write.ts',
  'adapters/files/file-calls.ts',
  'adapters/files/given.ts',
  'adapters/files/held-folder.ts',
  'adapters/files/host-error.ts',
];

/** A provider states its own part of the config: from these pieces. */
const SECTION = [
  'config/schema',
  'config/findings/check-parts.ts',
  'config/findings/finding.ts',
  'config/provider-section.ts',
];

/** What PSI can do, each capability in a room that depends on its arguments alone; an import goes from a later line to an earlier one. */
const CAPABILITIES: readonly Room[] = [
  { folder: 'core', imports: [], pure: true },
  { folder: 'sealing', imports: ['core'], pure: true },
  { folder: 'certificates', imports: ['core'], pure: true },
  // A provider may have certificates too, by the port of that room.
  { folder: 'provider', imports: ['core', 'certificates'], pure: true },
  { folder: 'survey', imports: ['core', 'provider'], pure: true },
  { folder: 'cache', imports: ['core', 'provider', 'sealing', 'survey'], pure: true },
  { folder: 'lookup', imports: ['core', 'provider', 'cache'], pure: true },
  { folder: 'registration', imports: ['core', 'provider', 'survey', 'cache', 'lookup'], pure: true },
  { folder: 'sealed', imports: ['core', 'sealing', 'lookup', 'registration'], pure: true },
  { folder: 'host', imports: ['core', 'sealing', 'certificates', 'registration', 'sealed'], pure: true },
  { folder: 'transfer', imports: ['core', 'provider', 'registration'], files: ['host/layout.ts'], pure: true },
  // Units that it reads have the words of quadlets.
  {
    folder: 'migrate',
    imports: ['core', 'registration', 'host'],
    files: ['transfer/quadlet/words.ts'],
    pure: true,
  },
];

const capabilities = CAPABILITIES.map(({ folder }) => folder);

/** src/main.ts is in no room. */
export const ROOMS: readonly Room[] = [
  ...CAPABILITIES,
  { folder: 'config', imports: ['core', 'provider', 'sealing'] },
  { folder: 'service', imports: [...capabilities, 'config'] },
  { folder: 'faces', imports: capabilities, types: ['config', 'service'] },
  // A config error is an error with a list of findings: whoever prints it has to know its class.
  {
    folder: 'cli',
    imports: capabilities,
    types: ['config', 'service'],
    files: ['config/findings/issue.ts', 'faces/control/client.ts'],
  },
  // An adapter sees the ports that it implements.
  { folder: 'adapters/age', imports: ['core', 'sealing'], files: WRITING },
  { folder: 'adapters/cache-file', imports: ['core', 'sealing', 'cache', 'adapters/envelope'], files: WRITING },
  { folder: 'adapters/credential', imports: ['core', 'sealing'], files: WRITING },
  { folder: 'adapters/envelope', imports: ['core', 'sealing'] },
  { folder: 'adapters/env-file', imports: ['core', 'transfer'], files: WRITING },
  {
    folder: 'adapters/files',
    imports: ['core', 'provider', 'certificates', 'lookup', 'registration', 'sealed', 'host', 'transfer', 'migrate'],
    types: ['service'],
  },
  { folder: 'adapters/hsm', imports: ['core', 'sealing'], files: WRITING },
  { folder: 'adapters/infisical', imports: ['core', 'provider', 'certificates', ...SECTION] },
  // Reads alone: what it opens with is handed in.
  { folder: 'adapters/nitrokeyhsm', imports: ['core'] },
  { folder: 'adapters/sealed', imports: ['core', 'sealing', 'sealed', 'adapters/envelope'], files: WRITING },
  { folder: 'adapters/python-psi', imports: ['core', 'migrate'] },
  { folder: 'adapters/socket', imports: ['core', 'host'], files: WRITING },
  { folder: 'adapters/podman', imports: ['core', 'registration', 'transfer'], files: WRITING },
  { folder: 'adapters/systemd', imports: ['core', 'certificates', 'registration', 'transfer'], files: WRITING },
  { folder: 'adapters/tpm', imports: ['core', 'sealing'], files: WRITING },
  // Among them every further provider.
  { folder: 'adapters/*', imports: ['core', 'provider', ...SECTION], files: WRITING },
  {
    folder: 'wiring',
    imports: [...capabilities, 'config', 'service', 'faces', 'cli', 'adapters'],
  },
];

/** What main.ts imports: argv goes in, an exit status comes out. */
export const MAIN_IMPORTS: readonly string[] = ['cli', 'wiring', 'core/exit.ts'];

/** Each package of another maker, and the only places that import it (folders or files below src/). */
export const VENDORS: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/credential-provider-node': ['adapters/infisical/auth/aws-iam.ts'],
  '@aws-sdk/ec2-metadata-service': ['adapters/infisical/auth/aws-iam.ts'],
  '@azure/msal-node': ['adapters/infisical/auth/azure.ts'],
  '@smithy/core': ['adapters/infisical/auth/aws-iam.ts'],
  '@smithy/signature-v4': ['adapters/infisical/auth/aws-iam.ts'],
  'age-encryption': ['adapters/age'],
  commander: ['cli'],
  'dbus-native': ['adapters/systemd'],
  'docker-modem': ['adapters/podman/modem.ts'],
  dotenv: ['adapters/env-file/dotenv.ts'],
  express: ['faces'],
  'fp-ts': ['config', 'adapters/*/codec.ts', 'adapters/*/config'],
  'google-auth-library': ['adapters/infisical/auth/gcp.ts'],
  got: ['adapters/infisical/api.ts'],
  'io-ts': ['config', 'adapters/*/codec.ts', 'adapters/infisical/auth'],
  'node-tpm2-tss': ['adapters/tpm'],
  picomatch: ['survey'],
  pino: ['service'],
  pkcs11js: ['adapters/hsm'],
  'prom-client': ['service'],
  yaml: ['config', 'adapters/*/codec.ts', 'adapters/*/config'],
};

/** Globals that would make a pure room depend on the moment or the machine. */
export const IMPURE_GLOBALS: readonly string[] = [
  'Buffer',
  'clearInterval',
  'clearTimeout',
  'crypto',
  'fetch',
  'performance',
  'process',
  'setImmediate',
  'setInterval',
  'setTimeout',
];
