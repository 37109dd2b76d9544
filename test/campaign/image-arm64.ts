// PSI's image for arm64, built from the Containerfile as it stands: under an emulator where this machine is another one. What is in it says
// who it is, and its native parts load.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageSupport, PSI_IMAGE, REVISION, withImage } from '../hosts/image.ts';
import { PSI_TREE } from '../hosts/psi-tree.ts';
import type { Sandbox } from '../hosts/sandbox.ts';
import type { Order, Part, Tally } from './campaign.ts';

const ARCH = 'arm64';
const FOREIGN = process.arch === ARCH ? undefined : ARCH;

export const IMAGE_ARM64: Part = {
  name: 'image-arm64',
  unit: 'images',
  whole: 1,
  support: () => imageSupport(FOREIGN),
  run: image,
};

async function image({ progress }: Order): Promise<Tally> {
  if (FOREIGN !== undefined) console.error('image-arm64: built under an emulator, a quarter of an hour the first time');
  const questions = questionsOf(await versionOfPsi());
  return withImage(FOREIGN, async (sandbox) => {
    const answers: Answer[] = [];
    for (const question of questions) answers.push({ ...question, said: await ask(sandbox, question) });
    const bytes = Number(await podman(sandbox, ['image', 'inspect', '--format', '{{.Size}}', PSI_IMAGE]));
    progress(1);
    return {
      done: 1,
      faults: answers.filter(({ said, right }) => said !== right).map(wrong),
      notes: answers.map(({ what, said }) => `${what}: ${said}`),
      peakMiB: 0,
      counts: { 'MiB of image': Math.round(bytes / 1024 ** 2) },
    };
  });
}

async function versionOfPsi(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(PSI_TREE, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  return version;
}

/** Without an entrypoint: the image's own. */
type Question = {
  readonly what: string;
  readonly entrypoint?: string;
  readonly args: readonly string[];
  readonly right: string;
};
type Answer = Question & { readonly said: string };

/** By `e_machine` of its ELF head. */
const MACHINE = `
  const machine = require('node:fs').readFileSync('/usr/local/bin/psi-lookup').readUInt16LE(18);
  console.log({ 62: 'x64', 183: 'arm64' }[machine] ?? machine);
`;
/** Both native parts, and the library that one of them opens by name. */
const NATIVE = `
  require('node-tpm2-tss');
  const { PKCS11 } = require('pkcs11js');
  new PKCS11().load(require('node:fs').globSync('/usr/lib64/pkcs11/*.so')[0]);
  console.log('loaded');
`;

const questionsOf = (version: string): readonly Question[] => [
  { what: 'psi --version', entrypoint: 'psi', args: ['--version'], right: `${version} (${REVISION})` },
  { what: 'the service, asked for its version', args: ['--version'], right: `${version} (${REVISION})` },
  { what: 'psi-lookup --version', entrypoint: 'psi-lookup', args: ['--version'], right: `psi-lookup ${version}` },
  { what: 'psi-lookup is of', entrypoint: 'node', args: ['-e', MACHINE], right: ARCH },
  { what: 'Node is of', entrypoint: 'node', args: ['-p', 'process.arch'], right: ARCH },
  { what: 'the native parts', entrypoint: 'node', args: ['-e', NATIVE], right: 'loaded' },
];

async function ask(sandbox: Sandbox, { entrypoint, args }: Question): Promise<string> {
  const way = ['--rm', '--pull=never', '--platform', `linux/${ARCH}`, '--workdir=/opt/psi'];
  const own = entrypoint === undefined ? [] : [`--entrypoint=${entrypoint}`];
  return podman(sandbox, ['run', ...way, ...own, PSI_IMAGE, ...args]);
}

const wrong = ({ what, said, right }: Answer): string => `${what}: ${said}, not ${right}`;

/** What it says, right or not. */
async function podman(sandbox: Sandbox, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await sandbox.podman(args);
  return code === 0 ? stdout.trim() : `exit ${String(code)}: ${(stdout + stderr).trim().slice(-500)}`;
}
