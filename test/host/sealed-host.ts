// A host on which PSI is the driver of all that Podman is given, sealed to a software TPM that is there again after a boot.
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { HostSuite } from '../hosts/base-root.ts';
import { startPsiHost, type PsiHost } from './psi-host.ts';

const TPM = '/run/psi-tpm';

const swtpmUnit = `[Unit]
Before=psi.service
[Service]
ExecStart=swtpm socket --tpm2 --tpmstate dir=/var/lib/swtpm --server type=unixio,path=${TPM}/s --ctrl type=unixio,path=${TPM}/s.ctrl --flags not-need-init,startup-clear
ExecStartPost=sh -c 'until test -S ${TPM}/s.ctrl; do sleep 0.05; done'
RuntimeDirectory=psi-tpm
RuntimeDirectoryMode=0700
StateDirectory=swtpm
[Install]
WantedBy=multi-user.target
`;

export async function startSealedHost(quadlets: Readonly<Record<string, string>>, suite?: HostSuite): Promise<PsiHost> {
  const recovery = await identityToRecipient(await generateX25519Identity());
  const stage = await startPsiHost({
    ...(suite === undefined ? {} : { suite }),
    folders: {},
    workloads: {},
    providers: { sealed: { recovery, from_podman: true } },
    config: { cache: { backend: 'tpm', tpm: { tcti: `swtpm:path=${TPM}/s` } } },
    quadlets: { ...quadlets, 'psi.container.d/tpm.conf': `[Container]\nVolume=${TPM}:${TPM}\n` },
    prepare: async (host) => {
      await host.write('/etc/systemd/system/swtpm.service', swtpmUnit);
      await host.ok('systemctl daemon-reload && systemctl enable --now swtpm.service');
    },
  });
  // A podman.service that runs does not read what is the default now.
  await stage.host.ok('psi install --default-driver && systemctl stop podman.service');
  return stage;
}
