// PSI's figures on a booted host: Debian's node_exporter serves them as it is installed, promtool finds nothing to say about them, and they tell
// of an outage and of a setup that failed.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { debianPackages, debianPackagesSupport } from '../hosts/debian-packages.ts';
import { steps } from '../hosts/steps.ts';
import { CREDENTIALS, PROJECT, psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const host = await psiHostSupport();
const support = host.ok ? await debianPackagesSupport() : host;
const options = { skip: support.ok ? false : support.reason };

const PROFILE = '3d2a9c11-0000-4000-8000-000000000000';
const FOLDER = '/var/lib/prometheus/node-exporter';

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  const packages = await debianPackages(['prometheus-node-exporter', 'promtool']);
  stage = await startPsiHost({
    folders: { '/app': { A: 'value-a' } },
    workloads: { app: { secrets: [{ project: 'main', path: '/app' }] } },
    quadlets: { 'app.container': sleeper() },
    seed: { profiles: [{ id: PROFILE, project: PROJECT }] },
    config: { metrics: { textfile_dir: FOLDER }, lookup: { batch_window: 0 } },
    provider: {
      tls: {
        certificates: {
          web: {
            ...{ project: 'main', profile_id: PROFILE, common_name: 'web.example.com' },
            output: { cert: '/srv/web/web.pem', key: '/srv/web/web.key', chain: '/srv/web/chain.pem' },
          },
        },
      },
    },
    prepare: async ({ ok, write }) => {
      for (const [name, archive] of Object.entries(packages)) await write(`/root/${name}.deb`, await readFile(archive));
      await ok('dpkg --install /root/*.deb && systemctl is-active prometheus-node-exporter');
      await write(
        '/etc/containers/systemd/psi.container.d/often.conf',
        '[Container]\nEnvironment=PSI_METRICS_INTERVAL=500ms PSI_SETUP_RETRY=1h\n',
      );
    },
  });
});
after(async () => {
  if (support.ok) await stage.stop();
});

const SCRAPE = 'curl -sf http://127.0.0.1:9100/metrics';
/** By what a scraper sees, within what passes between two of its looks. */
const untilScraped = (line: string): Promise<void> => stage.host.until(`${SCRAPE} | grep -qE '^${line}$'`);
const scraped = async (name: string): Promise<number> =>
  Number(/ (\S+)$/.exec((await stage.host.ok(`${SCRAPE} | grep '^${name}[ {]'`)).trim())?.[1]);

test('a collector of the host serves the figures of psi, and they say what happens', options, async (t) => {
  await steps(t, {
    'the exporter of Debian finds them, with nothing set up for it': async () => {
      await stage.host.ok('podman exec psi psi infisical tls issue');
      await stage.setup();
      await untilScraped('psi_provider_up{provider="infisical"} 1');
      await untilScraped('psi_problems 0');
      await untilScraped('psi_mappings 1');
      assert.equal(await scraped('node_textfile_scrape_error'), 0);
      const now = Number((await stage.host.ok('date +%s')).trim());
      assert.ok(Math.abs((await scraped('psi_setup_last_success_timestamp_seconds')) - now) < 60);
      assert.ok((await scraped('psi_certificate_expiry_timestamp_seconds')) > now);
      assert.ok(Math.abs((await scraped('node_textfile_mtime_seconds{file="' + FOLDER + '/psi.prom"}')) - now) < 60);
    },
    'promtool has nothing to say about them': async () => {
      const { code, stdout, stderr } = await stage.host.run(`promtool check metrics <${FOLDER}/psi.prom`);
      assert.deepEqual([code, stdout + stderr], [0, '']);
    },
    'after an outage they say so, and when it is over': async () => {
      await stage.double('PATCH', '/knobs', { outage: 'refuse' });
      await stage.host.run('systemctl restart app.service');
      await untilScraped('psi_provider_up{provider="infisical"} 0');
      await untilScraped('psi_problems [1-9]');
      await stage.double('PATCH', '/knobs', { outage: 'none' });
      await untilScraped('psi_provider_up{provider="infisical"} 1');
    },
    'after a setup that failed the last good one is older than the last': async () => {
      await stage.double('POST', '/seed', {
        identities: [{ ...CREDENTIALS, denials: [{ actions: ['readValue'], path: '/app' }] }],
      });
      await stage.double('PUT', '/secrets', {
        project: PROJECT,
        environment: 'prod',
        path: '/app',
        key: 'B',
        value: 'b',
      });
      const good = await scraped('psi_setup_last_success_timestamp_seconds');
      assert.notEqual((await stage.psi('setup')).code, 0);
      await untilScraped('psi_setup_owed 1');
      assert.equal(await scraped('psi_setup_last_success_timestamp_seconds'), good);
      assert.ok((await scraped('psi_setup_last_run_timestamp_seconds')) > good);
    },
    'refused requests are counted': async () => {
      await stage.host.run(
        'curl -s --data-binary x --unix-socket /run/psi/psi.sock http://localhost/store/7777777777777777777777777',
      );
      await untilScraped('psi_refused_requests_total{outcome="NOT_A_MAPPING",request="store"} 1');
    },
    'without its folder psi starts all the same, and the exporter goes on without its figures': async () => {
      await stage.host.ok(`systemctl stop psi.service && rm -r ${FOLDER} && systemctl start psi.service`);
      await stage.host.ok('podman exec psi psi health');
      const { stdout } = await stage.psi('status', '--quiet');
      assert.match(stdout, /^warning the figures for node_exporter are not as they should be: .*EROFS\n.*`mkdir -p /m);
      await stage.host.ok(`mkdir ${FOLDER} && systemctl restart psi.service`);
      await untilScraped('psi_mappings 1');
    },
  });
});
