// The failure drill: what can go wrong on a host, how a test makes it go wrong, and what whoever fails has to read: the cause, and what to
// run or look at next.

import { CREDENTIALS, installPsi, PROJECT, type PsiHost, type PsiHostOptions } from './psi-host.ts';

export type Fault = {
  readonly name: string;
  /** Where it is told: in the journal of the workload that does not start, or by this command. */
  readonly told: 'journal' | readonly string[];
  readonly breakIt: (stage: PsiHost) => Promise<unknown>;
  /** Undefined: the double's knobs are put back, and PSI is started anew. */
  readonly mend?: (stage: PsiHost) => Promise<unknown>;
  readonly cause: RegExp;
  readonly next: RegExp;
};

export const WORKLOADS = { myapp: { secrets: [{ project: 'main', path: '/myapp' }] } };
export const BASE: PsiHostOptions = {
  folders: { '/myapp': { A: 'value-a', B: 'value-b' } },
  workloads: WORKLOADS,
  // Short, so that a hung provider costs the test little.
  config: { lookup: { timeout: '1s' }, socket_token: { file: '/etc/psi/socket-token' } },
};
export const TPM = '/run/psi/tpm';
const WITH_CACHE: typeof BASE = {
  ...BASE,
  config: { ...BASE.config, cache: { backend: 'tpm', tpm: { tcti: `swtpm:path=${TPM}/s`, pcrs: [7] } } },
};

const knobs = (change: unknown) => (stage: PsiHost) => stage.double('PATCH', '/knobs', change);
const failing =
  (status: number, error: string, message: string, only = ['list', 'get']) =>
  (stage: PsiHost): Promise<unknown> =>
    stage.double('POST', '/fail-next', {
      ...{ count: 500, status, only },
      body: { reqId: 'req-drill', statusCode: status, message, error },
    });
const restart = (stage: PsiHost): Promise<unknown> => stage.host.run('systemctl restart psi.service');
const configured =
  (provider: Readonly<Record<string, unknown>>) =>
  async (stage: PsiHost): Promise<void> => {
    await stage.writeConfig({ ...BASE, provider });
    await restart(stage);
  };
const asBefore = async (stage: PsiHost): Promise<void> => {
  await stage.writeConfig(BASE);
  await restart(stage);
};
const path = { project: PROJECT, environment: 'prod', path: '/myapp' };
const main = (change: object): Readonly<Record<string, unknown>> => ({
  projects: { main: { id: PROJECT, environment: 'prod', ...change } },
});
const SETUP = ['setup'] as const;

/** The cache holds the values, the provider is gone, and then something is wrong with the cache. */
const lockedOut =
  (how: (stage: PsiHost) => Promise<unknown>) =>
  async (stage: PsiHost): Promise<void> => {
    await stage.writeConfig(WITH_CACHE);
    await restart(stage);
    await stage.setup();
    await stage.double('PATCH', '/knobs', { outage: 'refuse' });
    await stage.host.ok('systemctl stop psi.service');
    await how(stage);
    await restart(stage);
  };
const unlocked = async (stage: PsiHost): Promise<void> => {
  await stage.host.run(
    'systemctl stop swtpm.service; systemctl reset-failed swtpm.service; rm -rf /var/lib/psi/cache.*',
  );
  await startTpm(stage.host);
  await stage.double('DELETE', '/knobs');
  await asBefore(stage);
};

export async function startTpm(host: PsiHost['host']): Promise<void> {
  await host.ok(`mkdir -p -m 0700 ${TPM} /var/lib/swtpm-drill`);
  await host.ok(
    'systemd-run --quiet --unit=swtpm swtpm socket --tpm2 --tpmstate dir=/var/lib/swtpm-drill ' +
      `--server type=unixio,path=${TPM}/s --ctrl type=unixio,path=${TPM}/s.ctrl --flags not-need-init,startup-clear`,
  );
  await host.until(`test -S ${TPM}/s.ctrl`);
}

const startTls = async (stage: PsiHost): Promise<void> => {
  await stage.host.ok(
    'test -e /etc/psi/tls.crt || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout /etc/psi/tls.key -out /etc/psi/tls.crt',
  );
  await stage.host.ok(
    'systemd-run --quiet --unit=tls-server openssl s_server -quiet -www -accept 127.0.0.1:8443 -key /etc/psi/tls.key -cert /etc/psi/tls.crt',
  );
  await stage.host.until('bash -c "exec 3<>/dev/tcp/127.0.0.1/8443"');
};
const stopTls = async (stage: PsiHost): Promise<void> => {
  await stage.host.run(
    'systemctl stop tls-server; rm -f /etc/containers/systemd/psi.container.d/drill.conf; systemctl daemon-reload',
  );
  await asBefore(stage);
};
const HTTPS = 'https://127.0.0.1:8443';

const HELPER = '/usr/local/libexec/psi/psi-lookup';

/** A folder in front of /usr/bin for the Podman of the workload: there lies what curl is on this host, which has no lookup helper then. */
const curlIs =
  (script: string | undefined) =>
  async ({ host }: PsiHost): Promise<void> => {
    await host.ok(
      'mkdir -p /opt/drill && cp -a /bin/sh /usr/bin/podman /opt/drill/ 2>/dev/null; rm -f /opt/drill/curl; mv ' +
        `${HELPER} ${HELPER}.away`,
    );
    if (script !== undefined) await host.write('/opt/drill/curl', script, 0o755);
    const path = script === undefined ? '/opt/drill' : '/opt/drill:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin';
    await host.write('/etc/systemd/system/myapp.service.d/drill.conf', `[Service]\nEnvironment=PATH=${path}\n`);
    await host.ok('systemctl daemon-reload');
  };
const realCurl = async (stage: PsiHost): Promise<void> => {
  await stage.host.ok(
    `rm -rf /etc/systemd/system/myapp.service.d /opt/drill; mv ${HELPER}.away ${HELPER}; systemctl daemon-reload`,
  );
  await restart(stage);
};

export const FAULTS: readonly Fault[] = [
  {
    name: 'refused',
    told: 'journal',
    breakIt: knobs({ outage: 'refuse' }),
    cause: /nobody listens for infisical at 127\.0\.0\.1:8099/,
    next: /api_url|reach/,
  },
  {
    name: 'TLS',
    told: 'journal',
    breakIt: async (stage) => {
      await startTls(stage);
      await configured({ api_url: HTTPS })(stage);
    },
    mend: stopTls,
    cause: /certificate/,
    next: /ca_cert/,
  },
  {
    name: '401',
    told: 'journal',
    breakIt: configured({
      auth: { method: 'universal-auth', client_id: CREDENTIALS.clientId, client_secret: 'canary-wrong-secret' },
    }),
    mend: asBefore,
    cause: /refuses the login of client test-host/,
    next: /client_secret/,
  },
  {
    name: '403',
    told: 'journal',
    breakIt: failing(403, 'PermissionDenied', 'You are not allowed to read secrets'),
    cause: /not allowed|permission|right/i,
    next: /machine identity|role|project/,
  },
  {
    name: '404',
    told: 'journal',
    breakIt: async (stage) => {
      await stage.double('DELETE', '/secrets', { ...path, key: 'A' });
    },
    mend: async (stage) => {
      await stage.double('PUT', '/secrets', { ...path, key: 'A', value: 'value-a' });
      await restart(stage);
    },
    cause: /no secret KEY in main:\/myapp/,
    next: /psi setup|infisical/,
  },
  {
    name: '429',
    told: 'journal',
    breakIt: failing(429, 'RateLimitExceeded', 'Rate limit exceeded. Please try again in 30 seconds'),
    cause: /limit/,
    next: /again|later|cache|s\b/,
  },
  {
    name: '500',
    told: 'journal',
    breakIt: failing(500, 'InternalServerError', 'Something went wrong'),
    cause: /500/,
    next: /log of infisical|server|status/i,
  },
  {
    name: 'HTML',
    told: 'journal',
    breakIt: knobs({ malformed: 'html' }),
    cause: /html/i,
    next: /`curl -i .* must print JSON/,
  },
  {
    name: 'hang',
    told: 'journal',
    breakIt: knobs({ outage: 'hang' }),
    cause: /did not answer|no answer|has not answered/,
    next: /api_url|curl|reach|server|proxy/,
  },
  {
    name: 'hidden value',
    told: 'journal',
    breakIt: async (stage) => {
      await stage.double('POST', '/seed', {
        identities: [{ ...CREDENTIALS, denials: [{ actions: ['readValue'], path: '/myapp' }] }],
      });
      await restart(stage);
    },
    mend: async (stage) => {
      await stage.double('POST', '/seed', { identities: [CREDENTIALS] });
      await restart(stage);
    },
    cause: /hidden|may not|right to read|hides/i,
    next: /readValue|read value|identity/i,
  },
  {
    name: 'empty folder',
    told: SETUP,
    breakIt: knobs({ emptyLists: true }),
    cause: /shows no secret|no secret seen|where 2 are registered/,
    next: /path|right|infisical/,
  },
  {
    name: 'revoked identity',
    told: 'journal',
    breakIt: async (stage) => {
      await stage.double('POST', '/revoke-tokens');
      await failing(401, 'UnauthorizedError', 'Invalid credentials', ['login'])(stage);
    },
    cause: /refuses the login of client test-host/,
    next: /client|identity/,
  },
  {
    name: 'wrong project',
    told: 'journal',
    breakIt: configured(main({ id: 'no-such-project' })),
    mend: asBefore,
    cause: /no-such-project|project/,
    next: /projects\.main\.id|`id`|project/,
  },
  {
    name: 'wrong environment',
    told: 'journal',
    breakIt: configured(main({ environment: 'no-such-environment' })),
    mend: asBefore,
    cause: /no-such-environment/,
    next: /environment/,
  },
  {
    name: 'unreadable config',
    told: 'journal',
    breakIt: async (stage) => {
      await stage.host.write('/etc/psi/config.yaml', 'providers: [this is no config\n', 0o600);
      // As after a move of the host: nothing is left to fall back to.
      await stage.host.ok('systemctl stop psi.service; rm -f /var/lib/psi/*config*');
      await restart(stage);
    },
    mend: asBefore,
    cause: /config\.yaml/,
    next: /psi check/,
  },
  {
    name: 'missing credential',
    told: 'journal',
    breakIt: async (stage) => {
      await stage.host.ok(
        `mkdir -p -m 0700 /etc/credstore.encrypted && printf %s ${CREDENTIALS.clientSecret} | systemd-creds encrypt --with-key=host --name=drill-secret - /etc/credstore.encrypted/drill-secret`,
      );
      const { clientId } = CREDENTIALS;
      const auth = { method: 'universal-auth', client_id: clientId, client_secret: { credential: 'drill-secret' } };
      await stage.writeConfig({ ...BASE, provider: { auth } });
      await stage.host.ok('rm /etc/credstore.encrypted/drill-secret; rm -f /var/lib/psi/.token.*');
      await installPsi(stage.host);
      await restart(stage);
    },
    mend: async (stage) => {
      await stage.writeConfig(BASE);
      await installPsi(stage.host);
      await restart(stage);
    },
    cause: /credential "?drill-secret"?/,
    next: /systemd-creds|psi-credential|credstore/,
  },
  {
    name: 'socket removed',
    told: 'journal',
    breakIt: ({ host }) => host.ok('rm -f /run/psi/psi.sock'),
    mend: (stage) => stage.host.ok('systemctl restart psi.socket psi.service'),
    cause: /\/run\/psi\/psi\.sock/,
    next: /systemctl restart psi\.socket/,
  },
  {
    name: 'wrong socket mode',
    told: 'journal',
    // Root may do everything; what stands for a mode that shuts out is a file that is no socket.
    breakIt: ({ host }) => host.ok('rm -f /run/psi/psi.sock; touch /run/psi/psi.sock; chmod 0 /run/psi/psi.sock'),
    mend: (stage) => stage.host.ok('rm -f /run/psi/psi.sock; systemctl restart psi.socket psi.service'),
    cause: /\/run\/psi\/psi\.sock/,
    next: /systemctl restart psi\.socket/,
  },
  {
    name: 'token rotated',
    told: 'journal',
    breakIt: ({ host }) => host.write('/var/lib/psi/driver.hdr', 'Authorization: Bearer canary-older-token\n', 0o600),
    mend: restart,
    cause: /token/,
    next: /psi setup|restart psi/,
  },
  {
    name: 'curl missing',
    told: 'journal',
    breakIt: curlIs(undefined),
    mend: realCurl,
    cause: /curl/,
    next: /install curl|apt|dnf/i,
  },
  {
    name: 'curl old',
    told: 'journal',
    breakIt: async (stage) => {
      const { node, tree } = stage.host;
      const standIn = `${tree}/test/doubles/old-curl/main.ts`;
      await curlIs(`#!/bin/sh\nexec ${node} ${standIn} 7.61.0 /usr/bin/curl "$@"\n`)(stage);
    },
    mend: realCurl,
    cause: /curl 7\.61/,
    next: /7\.63|update curl|newer/,
  },
  {
    name: 'Podman socket down',
    told: SETUP,
    breakIt: ({ host }) => host.ok('systemctl stop podman.socket podman.service; rm -f /run/podman/podman.sock'),
    mend: ({ host }) => host.ok('systemctl restart podman.socket'),
    cause: /\/run\/podman\/podman\.sock/,
    next: /systemctl .*podman\.socket/,
  },
  {
    name: 'D-Bus down',
    told: SETUP,
    breakIt: async (stage) => {
      await stage.double('PUT', '/secrets', { ...path, key: 'NEW', value: 'value-new' });
      await stage.host.ok('mv /run/dbus/system_bus_socket /run/dbus/away');
    },
    mend: async (stage) => {
      await stage.host.ok('mv /run/dbus/away /run/dbus/system_bus_socket');
      await stage.double('DELETE', '/secrets', { ...path, key: 'NEW' });
      await stage.psi('setup');
    },
    cause: /bus|systemd/i,
    next: /psi setup|daemon-reload|dbus/,
  },
  {
    name: 'state lost',
    told: 'journal',
    breakIt: async (stage) => {
      await stage.host.ok('systemctl stop psi.service; rm -rf /var/lib/psi/*');
      await restart(stage);
    },
    mend: async (stage) => {
      await stage.setup();
    },
    cause: /mapping|knows no secret|no secret of this id/i,
    next: /psi setup/,
  },
  {
    name: 'disk full',
    told: SETUP,
    breakIt: async (stage) => {
      await stage.double('PUT', '/secrets', { ...path, key: 'NEW', value: 'value-new' });
      await stage.host.ok(
        'systemctl stop psi.service; cp -a /var/lib/psi /var/lib/psi.kept; mount -t tmpfs -o size=64k,mode=0700 none /var/lib/psi; cp -a /var/lib/psi.kept/. /var/lib/psi/; dd if=/dev/zero of=/var/lib/psi/full.x bs=4k 2>/dev/null; true',
      );
      await restart(stage);
    },
    mend: async (stage) => {
      await stage.host.ok('systemctl stop psi.service; umount /var/lib/psi; rm -rf /var/lib/psi.kept');
      await stage.double('DELETE', '/secrets', { ...path, key: 'NEW' });
      await restart(stage);
      await stage.psi('setup');
    },
    cause: /ENOSPC|no space|full/i,
    next: /df|space|room/,
  },
  {
    name: 'cache corrupt',
    told: 'journal',
    breakIt: lockedOut(({ host }) =>
      host.ok('dd if=/dev/zero of=/var/lib/psi/cache.enc bs=1 seek=300 count=40 conv=notrunc 2>/dev/null'),
    ),
    mend: unlocked,
    cause: /cache/,
    next: /psi cache/,
  },
  {
    name: 'TPM gone',
    told: 'journal',
    breakIt: lockedOut(({ host }) => host.ok(`systemctl stop swtpm.service; rm -rf ${TPM}`)),
    mend: unlocked,
    cause: /the cache cannot be opened: no TPM/,
    next: /`ls -l \/dev\/tpmrm0`/,
  },
  {
    name: 'PCR moved',
    told: 'journal',
    breakIt: lockedOut(({ host }) =>
      host.ok(
        `tpm2_pcrextend -T swtpm:path=${TPM}/s 7:sha256=0000000000000000000000000000000000000000000000000000000000000001`,
      ),
    ),
    mend: unlocked,
    cause: /PCR/,
    next: /psi cache/,
  },
  {
    name: 'clock wrong',
    told: 'journal',
    breakIt: async (stage) => {
      await startTls(stage);
      await stage.host.write(
        '/etc/containers/systemd/psi.container.d/drill.conf',
        '[Container]\nVolume=/usr/lib/x86_64-linux-gnu/faketime:/faketime:ro\nEnvironment=LD_PRELOAD=/faketime/libfaketime.so.1 FAKETIME=-3650d FAKETIME_DONT_FAKE_MONOTONIC=1\n',
      );
      await stage.host.ok('systemctl daemon-reload');
      await configured({ api_url: HTTPS, ca_cert: '/etc/psi/tls.crt' })(stage);
    },
    mend: stopTls,
    cause: /clock|not yet valid/,
    next: /clock|timedatectl|date/,
  },
  {
    name: 'DNS broken',
    told: 'journal',
    breakIt: configured({ api_url: 'https://infisical.example.internal' }),
    mend: asBefore,
    cause: /infisical\.example\.internal.*(?:name|DNS|resolve)|(?:name|DNS|resolve).*infisical\.example\.internal/i,
    next: /DNS|resolv|getent/,
  },
  {
    name: 'proxy needed',
    told: 'journal',
    breakIt: configured({ api_url: 'https://203.0.113.7' }),
    mend: asBefore,
    cause: /203\.0\.113\.7/,
    next: /proxy/i,
  },
];
