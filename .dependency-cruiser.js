// The rooms of scripts/rooms.ts as rules for dependency-cruiser: `npm run lint` fails on an import that the table does not allow.
import { MAIN_IMPORTS, ROOMS, VENDORS } from './scripts/rooms.ts';

const escaped = (path) => path.replace(/[.+]/g, '\\$&').replace('*', '[^/]+');

/** A file by its name, a folder with all that is below it. */
const inSrc = (path) => `^src/${escaped(path)}${path.endsWith('.ts') ? '$' : '/'}`;

const ANY_ADAPTER = 'adapters/*';
const named = ROOMS.map(({ folder }) => folder).filter((folder) => folder !== ANY_ADAPTER);
const IN_PACKAGES = '(^|/)(node_modules|packages)/(@types/)?';
const packagePath = (name) => `${IN_PACKAGES}${escaped(name)}/`;

function rulesOf({ folder, imports, types = [], files = [], pure = false }) {
  const any = folder === ANY_ADAPTER;
  const from = any ? { path: '^src/adapters/([^/]+)/', pathNot: named.map(inSrc) } : { path: inSrc(folder) };
  const own = any ? '^src/adapters/$1/' : inSrc(folder);
  const values = [own, ...imports.map(inSrc), ...files.map(inSrc)];
  const name = folder.replace('/*', '');
  const rule = (what, comment, to) => ({ name: `${name}-${what}`, severity: 'error', comment, from, to });
  return [
    rule('imports', `${name} must not import this room`, { path: '^src/', pathNot: [...values, ...types.map(inSrc)] }),
    ...(types.length === 0
      ? []
      : [
          rule('types-only', `${name} may import types only from this room`, {
            path: types.map(inSrc),
            pathNot: values,
            dependencyTypesNot: ['type-only'],
          }),
        ]),
    ...(pure ? [rule('is-pure', `${name} is pure: no Node built-ins`, { dependencyTypes: ['core'] })] : []),
  ];
}

const vendorRules = Object.entries(VENDORS).map(([name, places]) => ({
  name: `place-of-${name}`,
  severity: 'error',
  comment: `${name} is imported from ${places.join(', ')} only`,
  from: { path: '^src/', pathNot: places.map(inSrc) },
  to: { path: packagePath(name) },
}));

export default {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    { name: 'resolves', severity: 'error', from: { path: '^src/' }, to: { couldNotResolve: true } },
    {
      name: 'in-a-room',
      severity: 'error',
      comment: 'a folder of src is a room of scripts/rooms.ts',
      from: { path: '^src/', pathNot: [...ROOMS.map(({ folder }) => inSrc(folder)), inSrc('main.ts')] },
      to: {},
    },
    {
      name: 'main-imports',
      severity: 'error',
      comment: 'main.ts imports the CLI, the loading of the config and the wiring',
      from: { path: inSrc('main.ts') },
      to: { path: '^src/', pathNot: MAIN_IMPORTS.map(inSrc) },
    },
    {
      name: 'known-vendor',
      severity: 'error',
      comment: 'a package is in the table of vendors in scripts/rooms.ts',
      from: { path: '^src/' },
      to: { pathNot: ['^src/', ...Object.keys(VENDORS).map(packagePath)], dependencyTypesNot: ['core'] },
    },
    ...vendorRules,
    ...ROOMS.flatMap(rulesOf),
  ],
  options: {
    doNotFollow: { path: ['(^|/)node_modules/', '^packages/'] },
    // Imports of types count: they bind rooms to each other as much as others do.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json', '.d.ts'],
    },
  },
};
