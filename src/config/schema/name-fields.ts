// Leaves that are names. They go into unit files, file names and Podman's secret names: what could break out of one is refused
// here, once.

import { isEnvName, isVariableName, isWorkloadName } from '../../core/naming.ts';
import { PATTERN_NAME } from '../../core/workload-pattern.ts';
import { Leaf, LeafRefusal, isLine } from './leaf.ts';

const STRING = { type: 'string' } as const;

function pattern(
  spec: { readonly expected: string; readonly code: Leaf<string>['spec']['code']; readonly visible?: boolean },
  regex: RegExp,
  max = 255,
): Leaf<string> {
  return new Leaf<string>({
    visible: true,
    ...spec,
    json: { ...STRING, pattern: regex.source, maxLength: max },
    // `__proto__` as a key of a JavaScript object is no key at all.
    parse: (value) =>
      isLine(value, max) && value !== '__proto__' && regex.exec(value)?.[0] === value ? value : undefined,
  });
}

/** Or `*`, the workload pattern. */
export const workloadName = new Leaf<string>({
  expected: 'workload name such as myapp or worker@, or "*" for all quadlets',
  code: 'BAD_WORKLOAD_NAME',
  json: { ...STRING, pattern: '^(?:\\*|(?!.*--)[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9._])?@?)$', maxLength: 128 },
  visible: true,
  parse: (value) =>
    typeof value === 'string' && (value === PATTERN_NAME || isWorkloadName(value)) ? value : undefined,
});

export const name = pattern({ expected: 'name', code: 'BAD_NAME' }, /^[A-Za-z0-9][A-Za-z0-9._-]*$/, 128);

const UNIT_FILE = pattern(
  { expected: 'Quadlet file name such as myapp.container', code: 'BAD_UNIT_FILE' },
  /^[A-Za-z0-9_][A-Za-z0-9:_.-]*(?:@[A-Za-z0-9:_.-]*)?\.container$/,
);

/** An instance (`worker@1.container`) stays as written: Podman reads its drop-in where that file exists beside the template. */
export const unitFile = new Leaf<string>({
  ...UNIT_FILE.spec,
  parse: (value) => {
    if (isLine(value, 255) && value.endsWith('.pod')) return new LeafRefusal('POD_UNIT');
    if (isLine(value, 255) && value.endsWith('.kube')) return new LeafRefusal('KUBE_UNIT');
    return UNIT_FILE.spec.parse(value);
  },
});

const QUADLET_SUFFIX = /\.(?:container|pod|volume|network|kube|image|build)$/;
const UNIT =
  /^(?:[A-Za-z0-9:_.@-]|\\x[0-9a-f]{2})+\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$/;

/** Ends in `After=` and `Wants=` of a unit that root runs: the letters of unit names only, so no blank, `%` or line end. */
export const unitName = new Leaf<string>({
  expected: 'systemd unit such as db.service',
  code: 'BAD_UNIT',
  json: { ...STRING, pattern: UNIT.source, maxLength: 255 },
  visible: true,
  parse: (value) => {
    if (!isLine(value, 255)) return undefined;
    if (QUADLET_SUFFIX.test(value)) return new LeafRefusal('QUADLET_FILE_NAME');
    return UNIT.test(value) && !value.startsWith('-') ? value : undefined;
  },
});

export const keyPattern = new Leaf<string>({
  expected: 'pattern such as DB_*',
  code: 'BAD_PATTERN',
  json: { ...STRING, minLength: 1, maxLength: 256 },
  visible: true,
  parse: (value) => (isLine(value, 256) && !/^!|[/\\ ]/.test(value) && isBalanced(value) ? value : undefined),
});

// A pattern with an open bracket is read as literal text by glob matchers: it would silently match nothing.
function isBalanced(text: string): boolean {
  const open: string[] = [];
  for (const char of text) {
    if ('[{('.includes(char)) open.push({ '[': ']', '{': '}', '(': ')' }[char] ?? '');
    else if (']})'.includes(char) && open.pop() !== char) return false;
  }
  return open.length === 0;
}

export const prefix = pattern(
  { expected: 'prefix such as SHARED_', code: 'BAD_PREFIX' },
  /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/,
  64,
);

export const envName = new Leaf<string>({
  expected: 'name of an environment variable',
  code: 'BAD_ENV_NAME',
  json: { ...STRING, pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
  parse: (value) => (typeof value === 'string' && isEnvName(value) ? value : undefined),
});

/** What the operator calls a variable: whatever Podman sets, `discovery.type` too. */
export const variable = new Leaf<string>({
  expected: 'name of a variable',
  code: 'BAD_VARIABLE',
  json: { ...STRING, minLength: 1, maxLength: 200 },
  visible: true,
  parse: (value) => (isLine(value, 200) && isVariableName(value) ? value : undefined),
});

/** As the provider has it: what else it takes for a name is for it to say. */
export const providerKey = new Leaf<string>({
  expected: 'key as the provider shows it',
  code: 'BAD_KEY',
  json: { ...STRING, minLength: 1, maxLength: 1024 },
  visible: true,
  parse: (value) =>
    isLine(value, 1024) && value !== '__proto__' && value.isWellFormed() && value.trim() !== '' ? value : undefined,
});

/** File name in $CREDENTIALS_DIRECTORY. Hidden for the same reason as hiddenPath. */
export const credentialName = pattern(
  { expected: 'name of a credential', code: 'BAD_NAME', visible: false },
  /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/,
);
