// Which test runs the blocks of README and docs that are marked `<!-- run: NAME -->`.

const HOST = 'test/host/docs.test.ts';
const ROOTLESS = 'test/host/rootless.test.ts';

export const DOC_STAGES: Readonly<Record<string, string>> = {
  // README.md
  credential: HOST,
  install: HOST,
  'by-hand': HOST,
  'first-setup': HOST,
  'no-start': HOST,
  // docs/infisical-provider.md
  login: HOST,
  'by-hand-reading': HOST,
  'import-env': HOST,
  'import-secrets': HOST,
  'import-quadlet': HOST,
  certificates: HOST,
  // docs/secret-cache.md
  'cache-run': HOST,
  'cache-try': HOST,
  'cache-on': HOST,
  'cache-loosen': HOST,
  'cache-credential': HOST,
  'cache-lost': HOST,
  'hsm-pin': HOST,
  hsm: 'test/process/serve-hsm.test.ts',
  // docs/upgrade.md
  upgrade: HOST,
  'upgrade-units': HOST,
  'auto-update-on': HOST,
  'auto-update': HOST,
  // docs/uninstall.md
  prune: HOST,
  leave: HOST,
  uninstall: HOST,
  // docs/rootless.md
  'rootless-root': 'test/host/rootless-host.ts',
  'rootless-credentials': ROOTLESS,
  'rootless-install': ROOTLESS,
  'rootless-setup': ROOTLESS,
  'rootless-uninstall': ROOTLESS,
};
