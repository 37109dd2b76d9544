// Who may import whom in src/: the one table behind eslint.config.js and test/unit/architecture.test.ts. A room is a folder of src/, or
// of src/adapters/. A new room or vendor is a line here; an import this table does not allow is an error.

export type Room = {
  /** Below src/. `*` is any one folder, so each adapter is a room of its own. */
  readonly folder: string;
  /** Rooms it may import besides itself. */
  readonly imports: readonly string[];
  /** Rooms of which it may import types only. */
  readonly types?: readonly string[];
  /** Single files of other rooms, below src/. */
  readonly files?: readonly string[];
  /** No Node built-ins, no clock, no randomness, no process: what it does depends on its arguments alone. */
  readonly pure?: true;
};

/** Files right in src/ (main.ts, compose*.ts) wire everything and are in no room. */
export const ROOMS: readonly Room[] = [
  { folder: 'core', imports: [], pure: true },
  { folder: 'ports', imports: ['core'], pure: true },
  { folder: 'usecases', imports: ['core', 'ports'], pure: true },
  { folder: 'observe', imports: ['core', 'ports'] },
  { folder: 'config', imports: ['core'] },
  // A config error is an error with a list of findings: whoever prints it has to know its class.
  { folder: 'http', imports: ['core', 'usecases', 'observe'], types: ['config'] },
  { folder: 'cli', imports: ['core', 'usecases', 'observe'], types: ['config'], files: ['config/issue.ts'] },
  {
    folder: 'adapters/*',
    imports: ['core', 'ports', 'observe', 'adapters/around'],
    // Durable writing and its errors: one way for all files PSI leaves on a host.
    files: ['adapters/fs/atomic-write.ts', 'adapters/fs/host-error.ts'],
  },
];

/** Each package of another maker, and the only places that import it (globs below src/). */
export const VENDORS: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/credential-provider-node': ['adapters/infisical/auth/aws-iam.ts'],
  '@aws-sdk/ec2-metadata-service': ['adapters/infisical/auth/aws-iam.ts'],
  '@azure/msal-node': ['adapters/infisical/auth/azure.ts'],
  '@smithy/core': ['adapters/infisical/auth/aws-iam.ts'],
  '@smithy/signature-v4': ['adapters/infisical/auth/aws-iam.ts'],
  commander: ['cli/**'],
  'dbus-native': ['adapters/systemd/**'],
  'docker-modem': ['adapters/podman/modem.ts'],
  dotenv: ['adapters/env-file/parse.ts'],
  express: ['http/**'],
  'fp-ts': ['config/**', 'adapters/*/codec.ts'],
  'google-auth-library': ['adapters/infisical/auth/gcp.ts'],
  got: ['adapters/infisical/api.ts'],
  'io-ts': ['config/**', 'adapters/*/codec.ts'],
  'node-tpm2-tss': ['adapters/tpm/**'],
  picomatch: ['core/**'],
  pino: ['observe/**'],
  pkcs11js: ['adapters/hsm/**'],
  'prom-client': ['observe/**'],
  yaml: ['config/**', 'adapters/*/codec.ts'],
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

/** The room of a file below src/, as its own folder (`adapters/podman`), and its line of the table; undefined for files right in src/. */
export function roomOf(file: string): { readonly own: string; readonly room: Room } | undefined {
  for (const room of ROOMS) {
    const own = new RegExp(`^(${globRegex(room.folder)})/`).exec(file)?.[1];
    if (own !== undefined) return { own, room };
  }
  return undefined;
}

export type Import = { readonly from: string; readonly to: string; readonly typeOnly: boolean };

/** Why this import is not allowed, or undefined. `from` and a `to` inside the tree are paths below src/; another `to` is a module's name. */
export function refuseImport({ from, to, typeOnly }: Import): string | undefined {
  const place = roomOf(from);
  if (to.startsWith('node:')) return place?.room.pure ? `${place.own} is pure: no ${to}` : undefined;
  if (!to.endsWith('.ts')) {
    const vendor = Object.keys(VENDORS).find((name) => to === name || to.startsWith(`${name}/`));
    if (vendor === undefined) return `${to} is not in the table of vendors`;
    return VENDORS[vendor]?.some((glob) => new RegExp(`^${globRegex(glob)}$`).test(from))
      ? undefined
      : `${vendor} is imported from ${String(VENDORS[vendor]?.join(', '))} only`;
  }
  if (place === undefined) return undefined;
  const { own, room } = place;
  const inside = (folders: readonly string[]): boolean => folders.some((folder) => to.startsWith(`${folder}/`));
  if (inside([own, ...room.imports]) || room.files?.includes(to)) return undefined;
  if (inside(room.types ?? [])) return typeOnly ? undefined : `${own} may import types only from ${to}`;
  return `${own} must not import ${to}`;
}

export type LintBlock = { readonly files: readonly string[]; readonly patterns: readonly Pattern[] };
export type Pattern = { readonly regex: string; readonly message: string; readonly allowTypeImports?: boolean };

const DEEPEST = 3;

/**
 * The same rules for a linter, which sees the text of an import and not where it leads: so one block for each depth of each room. Anything
 * relative that is not written as one of the allowed ways is refused.
 */
export function layerBlocks(): readonly LintBlock[] {
  return ROOMS.flatMap((room) =>
    Array.from({ length: DEEPEST }, (_, depth) => ({
      files: [`src/${room.folder}/${'*/'.repeat(depth)}*.ts`],
      patterns: patternsOf(room, depth),
    })),
  );
}

function patternsOf(room: Room, depth: number): readonly Pattern[] {
  const toRoom = '(?:\\.\\./)'.repeat(depth);
  const toSrc = toRoom + '\\.\\./'.repeat(room.folder.split('/').length);
  // Written from beside the room or from src/: `../fs/x.ts` and `../../adapters/fs/x.ts` are the same file.
  const ways = (target: string): readonly string[] => [
    toSrc + target,
    ...(room.folder.startsWith('adapters/') && target.startsWith('adapters/')
      ? [`${toRoom}\\.\\./${target.slice('adapters/'.length)}`]
      : []),
  ];
  const folders = (names: readonly string[]): readonly string[] => names.flatMap((name) => ways(`${name}/`));
  const files = (room.files ?? []).flatMap((file) => ways(`${globRegex(file)}$`));
  const up = depth === 0 ? '\\./' : `(?:\\./|(?:\\.\\./){1,${String(depth)}})`;
  const allowed = [`${up}(?!\\.)`, ...folders(room.imports), ...files];
  const types = folders(room.types ?? []);
  const name = room.folder.replace('/*', '');
  const patterns: Pattern[] = [
    {
      regex: `^(?=\\.)(?!${[...allowed, ...types].join('|')})`,
      message: `${name} must not import this room (scripts/layers.ts)`,
    },
  ];
  if (types.length > 0) {
    patterns.push({
      regex: `^(?!${files.length > 0 ? files.join('|') : '$'})(?:${types.join('|')})`,
      message: `${name} may import types only from this room (scripts/layers.ts)`,
      allowTypeImports: true,
    });
  }
  if (room.pure) patterns.push({ regex: '^node:', message: `${name} is pure: no Node built-ins (scripts/layers.ts)` });
  return patterns;
}

/** For each place with vendors of its own: every other bare import is refused. Later blocks win. */
export function vendorBlocks(): readonly LintBlock[] {
  const places = [...new Set(Object.values(VENDORS).flat())].sort((a, b) => a.length - b.length);
  return ['**', ...places].map((place) => {
    const vendors = Object.keys(VENDORS).filter((name) => VENDORS[name]?.includes(place));
    const allowed = vendors.length === 0 ? '' : `(?!(?:${vendors.join('|')})(?:/|$))`;
    return {
      files: [`src/${place}`],
      patterns: [{ regex: `^(?!\\.|node:)${allowed}`, message: 'this package has another room (scripts/layers.ts)' }],
    };
  });
}

function globRegex(glob: string): string {
  return glob.replace(/[.\\+]/g, '\\$&').replace(/\*\*|\*/g, (star) => (star === '**' ? '.+' : '[^/]+'));
}
