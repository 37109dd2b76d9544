// The last stage of the image: what it opens by name at run time is in it (no build and no `ldd` shows that), and what only a
// build needs is not.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import { imageArchive, imageSupport, PSI_IMAGE } from '../hosts/image.ts';
import { missingCommand } from '../hosts/run.ts';
import type { Sandbox } from '../hosts/sandbox.ts';
import { startSandbox } from '../hosts/sandbox.ts';

const support = await imageSupport();
const noTpm = await missingCommand(['swtpm']);
const skip = support.ok ? (noTpm === undefined ? false : `no ${noTpm}`) : support.reason;

describe('the image', { skip }, () => {
  let sandbox: Sandbox;
  let tpm: SoftTpm;
  before(async () => {
    const archive = await imageArchive();
    sandbox = await startSandbox();
    const loaded = await sandbox.podman(['load', '--quiet', '--input', archive]);
    assert.equal(loaded.code, 0, loaded.stderr);
    tpm = await SoftTpm.start();
  });
  after(async () => {
    await tpm.dispose();
    await sandbox.stop();
  });

  const inside = async (argv: readonly string[], ...flags: readonly string[]): Promise<string> => {
    const [entrypoint = '', ...args] = argv;
    const run = await sandbox.podman(['run', '--rm', ...flags, `--entrypoint=${entrypoint}`, PSI_IMAGE, ...args]);
    assert.equal(run.code, 0, run.stdout + run.stderr);
    return run.stdout.trim();
  };
  const node = (program: string, ...flags: readonly string[]): Promise<string> =>
    inside(['node', '--input-type=module', '-e', program], '--workdir=/opt/psi', ...flags);

  it('opens a TPM by its TCTI, seals and unseals', async () => {
    const program = `
      import { seal, unseal } from 'node-tpm2-tss';
      const tcti = 'swtpm:path=/tpm/s';
      const blob = await seal(Buffer.from('a key'), { tcti, pcrs: [7] });
      console.log(Buffer.from(await unseal(blob, { tcti })).toString());
    `;
    assert.equal(await node(program, '--volume', `${tpm.folder}:/tpm`), 'a key');
  });

  it("has the TCTI of the kernel's TPM device", async () => {
    // There is no device to open here; Node at least says whether the library and what it needs can be loaded.
    const program = `
      try { process.dlopen({ exports: {} }, 'libtss2-tcti-device.so.0'); } catch (error) { console.log(error.message); }
    `;
    assert.match(await node(program), /did not self-register/);
  });

  it('opens the PKCS#11 module of smart cards, which opens the client of pcscd', async () => {
    const program = `
      import pkcs11 from 'pkcs11js';
      import { globSync, readFileSync } from 'node:fs';
      const module = new pkcs11.PKCS11();
      module.load(globSync('/usr/lib/*/opensc-pkcs11.so')[0]);
      module.C_Initialize();
      const slots = module.C_GetSlotList(false).length;
      const client = /libpcsclite/.test(readFileSync('/proc/self/maps', 'latin1'));
      console.log(JSON.stringify({ slots, client, maker: module.C_GetInfo().manufacturerID.trim() }));
    `;
    assert.deepEqual(JSON.parse(await node(program)), { slots: 0, client: true, maker: 'OpenSC Project' });
  });

  it('says which revision it was built from', async () => {
    assert.match(await inside(['psi', '--version']), /^\d+\.\d+\.\d+ \(of-the-tests\)\s*$/);
  });

  it('has the smart card daemon of pcscd.container, and a driver for it', async () => {
    assert.match(await inside(['/usr/sbin/pcscd', '--version']), /^pcsc-lite version/);
    assert.match(await inside(['sh', '-c', 'ls -d /usr/lib/pcsc/drivers/*.bundle']), /ifd-ccid\.bundle/);
  });

  it('has the lookup helper, of its own version and with nothing of the image in it', async () => {
    const { version } = JSON.parse(await inside(['cat', '/opt/psi/package.json'])) as { version: string };
    const helper = '/opt/psi/dist/helper/psi-lookup';
    assert.equal(await inside([helper, '--version']), `psi-lookup ${version}`);
    assert.equal(await inside(['sh', '-c', `cmp ${helper} "$(command -v psi-lookup)"`]), '');
    // A static program names no loader.
    assert.equal(await inside(['sh', '-c', `grep -c ld-linux ${helper} || true`]), '0');
  });

  it('has neither compiler nor development packages', async () => {
    const script = 'for name in cc g++ gcc make python3 ld systemctl; do command -v "$name"; done; ls node_modules';
    const found = (await inside(['sh', '-c', script], '--workdir=/opt/psi')).split('\n');
    assert.ok(found.includes('node-tpm2-tss') && found.includes('pkcs11js'));
    assert.deepEqual(
      found.filter((name) =>
        /^\/|^(typescript|prettier|eslint|esbuild|fast-check|node-addon-api|node-api-headers)$/.test(name),
      ),
      [],
    );
  });
});
