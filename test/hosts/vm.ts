// A machine of its own, with a kernel, a TPM that outlives a reboot, and a disk: QEMU without hardware help, so its time is some fifteen
// times slower than ours. It reaches this machine's loopback at VM_GATEWAY and nothing else, and it ends with this process.
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseRoot, baseRootSupport } from './base-root.ts';
import { hostCommands, type HostCommands } from './host-commands.ts';
import { writeHostFiles, type HostFiles } from './host-files.ts';
import { startKeeper, type Keeper } from './keeper.ts';
import { GO_FILES } from './nspawn.ts';
import { missingCommand, run, type RunResult } from './run.ts';
import type { Support } from './sandbox.ts';
import { AGENT_FILES, AGENT_PORT, VmAgent } from './vm-agent.ts';

export interface VmOptions {
  /** A folder of images (see imageStore) that is a part of the disk. */
  readonly imageStore: string;
  /** Files that are there at the first boot, by absolute path. */
  readonly files?: HostFiles;
}

export interface Vm extends HostCommands {
  /** Shuts down and boots again: another kernel and another life of the TPM, the same disk and the same TPM state. */
  reboot(): Promise<void>;
  /** Ends it as pulling the plug does, and removes its disk. */
  stop(): Promise<void>;
}

/** This machine's 127.0.0.1, seen from inside. */
export const VM_GATEWAY = '10.0.2.2';

const STORE = '/var/lib/psi-images';
const BOOT_MS = 300_000;
const UNTIL_PAUSE_MS = 2_000;
const CONSOLE_TAIL = 3000;

export async function vmSupport(): Promise<Support> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { ok: false, reason: 'a virtual machine needs Linux on x86-64' };
  }
  if (process.getuid?.() !== 0) return { ok: false, reason: 'a virtual machine needs root' };
  const missing = await missingCommand(['unshare', 'nsenter', 'qemu-system-x86_64', 'swtpm', 'mke2fs']);
  if (missing !== undefined) return { ok: false, reason: `a virtual machine needs ${missing}` };
  const tried = await run(['unshare', '-m', '-p', '-f', 'mount', '-t', 'tmpfs', 'none', '/dev/shm']);
  if (tried.code !== 0) return { ok: false, reason: 'no right to make namespaces and mounts here' };
  return baseRootSupport('host');
}

export async function startVm(options: VmOptions): Promise<Vm> {
  const base = await baseRoot('host');
  const dir = await mkdtemp(join(tmpdir(), 'psi-vm-'));
  for (const name of ['files', 'root', 'tpm']) await mkdir(join(dir, name));
  await writeHostFiles(join(dir, 'files'), { ...GUEST_FILES, ...options.files });
  await mkdir(join(dir, 'files', STORE), { recursive: true });
  const env = { ...process.env, PSI_BASE: base, PSI_IMAGES: options.imageStore, PSI_IMAGES_AT: STORE };
  let keeper: Keeper;
  try {
    keeper = await startKeeper({ dir, prepare: MAKE_DISK, flags: [], env });
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
  try {
    return handOut(keeper, dir, base, await boot(keeper, dir, base));
  } catch (error) {
    await keeper.stop();
    throw error;
  }
}

// mke2fs reads the tree through the mounts: nothing is copied before it lands in the image.
const MAKE_DISK = `
mount -t overlay overlay -o "lowerdir=$1/files:$PSI_BASE" "$1/root"
mount --bind "$PSI_IMAGES" "$1/root$PSI_IMAGES_AT"
truncate -s 8G "$1/disk"
mke2fs -q -t ext4 -d "$1/root" "$1/disk"
umount "$1/root$PSI_IMAGES_AT" "$1/root"
`;

const GUEST_FILES: HostFiles = {
  ...AGENT_FILES,
  ...GO_FILES,
  '/etc/fstab': '',
  '/etc/containers/storage.conf':
    '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n' +
    `[storage.options]\nadditionalimagestores = ["${STORE}"]\n`,
  '/etc/systemd/system/psi-network.service': `[Unit]
BindsTo=sys-subsystem-net-devices-eth0.device
After=sys-subsystem-net-devices-eth0.device
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip address add 10.0.2.15/24 dev eth0
ExecStart=ip link set eth0 up
`,
  // Wanted from here: a host file cannot be the link that `systemctl enable` makes.
  '/etc/systemd/system/multi-user.target.d/test-host.conf': '[Unit]\nWants=psi-agent.service psi-network.service\n',
  // Nobody sits in front of it, and a login prompt costs seconds.
  '/etc/systemd/system/getty@tty1.service.d/off.conf': '[Unit]\nConditionPathExists=/nobody\n',
  '/etc/systemd/system/serial-getty@ttyS0.service.d/off.conf': '[Unit]\nConditionPathExists=/nobody\n',
};

// One processor, as two that are emulated wait for each other at the cost of both of ours: a fifth less time of ours, and no more of its own. Nor is
// anything asked of what every access to memory would be checked for.
const PROCESSOR = 'max,-la57,-smap,-smep,-umip,-pku';

interface Machine {
  readonly agent: VmAgent;
  /** Resolves when QEMU has ended, with what it said. */
  readonly ended: Promise<RunResult>;
}

// Without the mitigations it is a third faster, and without what else is checked or cleared at each access and call, tried at the boot, or waited for
// to save a processor that there is not, a seventh: nobody attacks it.
const COMMAND_LINE = [
  'root=/dev/vda rw console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off',
  'init_on_alloc=0 hardened_usercopy=off randomize_kstack_offset=off audit=0 nowatchdog cryptomgr.notests',
  'tsc=reliable no_timer_check rcupdate.rcu_expedited=1',
].join(' ');

// The TPM is a process of its own for each life of the machine, as a reset clears its PCRs; it ends with QEMU. That goes before what is tested beside
// it, which has two lanes: this is the longer one, and has one.
const RUN = `
dir=$1; shift
swtpm socket --tpm2 --tpmstate "dir=$dir/tpm" --ctrl "type=unixio,path=$dir/tpm.sock" --terminate --daemon
exec nice -n -5 qemu-system-x86_64 "$@"
`;

async function boot(keeper: Keeper, dir: string, base: string): Promise<Machine> {
  const [kernel, initrd] = await kernelOf(base);
  const agentPath = join(dir, 'agent.sock');
  const port = createServer().listen(agentPath);
  await once(port, 'listening');
  const ended = keeper.run([
    ...['sh', '-ec', RUN, 'sh', dir],
    ...['-machine', 'q35', '-accel', 'tcg', '-cpu', PROCESSOR, '-smp', '1', '-m', '3072'],
    ...['-display', 'none', '-no-reboot', '-serial', `file:${dir}/console.log`, '-monitor', 'none'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE],
    ...['-drive', `file=${dir}/disk,format=raw,if=virtio,cache=unsafe`],
    ...['-chardev', `socket,id=tpm,path=${dir}/tpm.sock`, '-tpmdev', 'emulator,id=tpm0,chardev=tpm'],
    ...['-device', 'tpm-crb,tpmdev=tpm0', '-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...['-chardev', `socket,id=agent,path=${agentPath}`, '-device', `virtserialport,chardev=agent,name=${AGENT_PORT}`],
    ...['-nic', 'user,model=virtio-net-pci'],
  ]);
  try {
    const early = ended.then(({ code, stderr }) => Promise.reject(new Error(`qemu: exit ${String(code)}: ${stderr}`)));
    const [socket] = (await Promise.race([once(port, 'connection'), early])) as [Socket];
    const agent = new VmAgent(socket);
    // Answered as soon as the guest has its side of the port.
    await Promise.race([agent.run(['true'], { timeoutMs: BOOT_MS }), early]);
    return { agent, ended };
  } catch (error) {
    const console = await readFile(join(dir, 'console.log'), 'utf8').catch(() => '');
    throw new Error(`virtual machine: ${String(error)}\n${console.slice(-CONSOLE_TAIL)}`, { cause: error });
  } finally {
    port.close();
  }
}

async function kernelOf(root: string): Promise<readonly [kernel: string, initrd: string]> {
  const names = await readdir(join(root, 'boot'));
  const find = (prefix: string): string => {
    const name = names.find((candidate) => candidate.startsWith(prefix));
    if (name === undefined) throw new Error(`no ${prefix} in ${root}/boot`);
    return join(root, 'boot', name);
  };
  return [find('vmlinuz-'), find('initrd.img-')];
}

function handOut(keeper: Keeper, dir: string, base: string, first: Machine): Vm {
  let machine = first;
  return {
    ...hostCommands((argv, options) => machine.agent.run(argv, options), UNTIL_PAUSE_MS),
    reboot: async () => {
      // Its answer may be lost with the agent.
      await machine.agent.run(['systemctl', '--no-block', 'reboot']).catch(() => undefined);
      const { code, stderr } = await machine.ended;
      machine.agent.close();
      if (code !== 0) throw new Error(`qemu: exit ${String(code)}: ${stderr}`);
      machine = await boot(keeper, dir, base);
    },
    stop: async () => {
      machine.agent.close();
      await keeper.stop();
      await machine.ended;
    },
  };
}
