// A host with the Python PSI on it, in memory: files, what systemd runs of them, whose socket is at the path, and Podman's secrets.
// It behaves as that PSI was seen to: its start steals the path, its end takes the folder away, and its setup brings it back.
import { PsiError } from '../../../src/core/error.ts';
import { defaultDriverText } from '../../../src/host/default-driver.ts';
import { isPsiUnit, unitFile } from '../../../src/host/units/unit-file.ts';
import { readOldConfig, writtenConfig } from '../../../src/adapters/python-psi/codec.ts';
import { NOTHING_SAID, type Said } from '../../../src/migrate/install.ts';
import type { Answering } from '../../../src/migrate/look.ts';
import type { MigrateDeps } from '../../../src/migrate/migrate.ts';
import { oldPlaces, type OldPlaces } from '../../../src/migrate/old-places.ts';
import type { StepWords } from '../../../src/migrate/steps.ts';
import { isPsiDropIn } from '../../../src/registration/drop-in.ts';
import { frozenDriverOptions } from '../../../src/registration/driver-command/options.ts';
import type { RegisteredSecret } from '../../../src/registration/registered-secret.ts';
import { FakeHostTree } from '../../fakes/host-tree.fake.ts';

export const TOKEN = 'canary-socket-token';

export type OldHostOptions = {
  readonly mode?: 'native' | 'container';
  readonly scope?: 'system' | 'user';
  /** The key of its cache is in one, asked by way of a daemon of its own. */
  readonly hsm?: boolean;
  /** A unit of somebody else requires its server. */
  readonly required?: boolean;
};

const CONFIG = `scope: system
socket_token: ${TOKEN}
providers:
  infisical:
    auth: {method: universal-auth, client_id: c, client_secret: canary-client-secret}
    projects: {main: {id: p}}
cache: {backend: tpm}
workloads:
  app:
    depends_on: [psi-secrets.service]
    secrets: [{project: main, path: /app}]
`;

const HSM_CONFIG = CONFIG.replace('backend: tpm', 'backend: hsm').replace(
  'providers:',
  'providers:\n  nitrokeyhsm: {pin: "canary-pin"}',
);

/** Ends a run as a kill does. */
export class Killed extends Error {}

export class OldHost {
  readonly tree = new FakeHostTree();
  readonly modes = new Map<string, number>();
  readonly running = new Set<string>();
  readonly secrets: RegisteredSecret[] = [];
  /** Whose socket is at the path; undefined: none. */
  path: 'psi' | 'old' | 'dead' | undefined;
  /** What would have failed, and after which call. */
  readonly failedLookups: string[] = [];
  /** Of the host, one after another. */
  readonly calls: string[] = [];
  images: readonly string[] = ['localhost/psi:latest'];
  /** Steps that were told as done. */
  readonly told: StepWords[] = [];
  /** Ends the run there: before or after the call did what it does. */
  killAt: { readonly call: number; readonly when: 'before' | 'after' } | undefined;
  refused: Awaited<ReturnType<MigrateDeps['refused']>> = [];
  /** What installing this psi says. */
  said: Said = NOTHING_SAID;
  readonly required: string[] = [];
  /** Something that wants the old server starts after each call. */
  wanted = false;
  /** Who answered after each call. */
  readonly answers: Answering[] = [];
  readonly places: OldPlaces;
  readonly made: 'native' | 'container';
  #held = false;
  #loaded = new Map<string, string>();

  constructor({ mode = 'container', scope = 'system', hsm = false, required = false }: OldHostOptions = {}) {
    this.made = mode;
    const user = scope === 'user';
    this.places = oldPlaces(scope, user ? { HOME: '/home/u', XDG_RUNTIME_DIR: '/run/user/7' } : {}, user ? 7 : 0);
    this.#layOut(hsm ? HSM_CONFIG : CONFIG);
    if (hsm) this.smartCards();
    if (required) this.require('web.service');
    this.reload();
    for (const unit of ['psi-secrets.service', 'psi-infisical-setup.service', 'psi-infisical-refresh.timer'])
      this.running.add(unit);
    this.path = 'old';
  }

  put(path: string, text: string, mode = 0o644): void {
    this.tree.files.set(path, text);
    this.modes.set(path, mode);
  }

  unitPath(name: string): string {
    const { unitDir, systemdDir } = this.places;
    const plain = name.endsWith('.timer') || name.includes('refresh') || this.made === 'native';
    return plain ? `${unitDir}/${name}` : `${systemdDir}/${name.replace(/\.service$/, '.container')}`;
  }

  secret(name: string, mapping: string, options = this.oldOptions()): void {
    const id = `0000000000000000000000${String(100 + this.secrets.length)}`;
    this.secrets.push({ id, name, driver: 'shell', options });
    this.put(`${this.places.stateDir}/${id}`, mapping, 0o600);
  }

  /** As `psi nitrokeyhsm setup-pcscd` of the Python PSI lays them out. */
  smartCards(): void {
    const { systemdDir } = this.places;
    const pcscd =
      '[Unit]\nDescription=pcscd smartcard daemon for HSM access\n[Container]\nImage=localhost/pcscd:latest\n';
    this.put(`${systemdDir}/pcscd.container`, pcscd);
    this.put(`${systemdDir}/pcscd-socket.volume`, '[Volume]\nVolumeName=pcscd-socket\n');
    this.running.add('pcscd.service');
    this.reload();
  }

  /** A unit of somebody else that runs, and that the end of the old server stops. */
  require(unit: string): void {
    this.put(`${this.places.unitDir}/${unit}`, '[Unit]\nRequires=psi-secrets.service\n');
    this.required.push(unit);
    this.running.add(unit);
    this.reload();
  }

  oldOptions(token = TOKEN): Readonly<Record<string, string>> {
    const call = `curl -sf -H 'Authorization: Bearer ${token}' --unix-socket ${this.places.socket}`;
    return {
      store: `${call} -X POST -d @- http://localhost/store/$SECRET_ID`,
      lookup: `${call} http://localhost/lookup/$SECRET_ID`,
      delete: `${call} -X DELETE http://localhost/delete/$SECRET_ID`,
      list: `${call} http://localhost/list`,
    };
  }

  #layOut(config: string): void {
    const { configFile, stateDir, systemdDir, unitDir, defaultDriver, cacheKey } = this.places;
    this.put(configFile, config);
    const section = this.made === 'native' ? 'Service' : 'Container';
    const exec = this.made === 'native' ? 'ExecStart=/usr/bin/psi ' : 'Exec=';
    const old = (name: string, description: string, words: string): void => {
      const lines = [`[Unit]`, `Description=${description}`, `[${section}]`, `${exec}${words}`, ''];
      this.put(this.unitPath(name), lines.join('\n'));
    };
    old('psi-secrets.service', 'PSI secret lookup service', 'serve');
    old('psi-infisical-setup.service', 'PSI infisical secrets setup', 'setup --provider infisical');
    old('psi-infisical-refresh.service', 'PSI infisical secret cache refresh', 'x');
    old('psi-infisical-refresh.timer', 'Periodic PSI infisical secret cache refresh', 'x');
    const wants = `${unitDir}/timers.target.wants/psi-infisical-refresh.timer`;
    this.tree.links.set(wants, `${unitDir}/psi-infisical-refresh.timer`);
    if (this.made === 'native') {
      const link = `${unitDir}/multi-user.target.wants/psi-secrets.service`;
      this.tree.links.set(link, `${unitDir}/psi-secrets.service`);
    }
    this.put(`${stateDir}/cache.enc`, 'PSIC\u0001\u0001rest');
    this.put(`${stateDir}/.token.45ff188bfaa7.json`, '{"access_token":"canary-access"}');
    this.put(cacheKey, 'c29tZXRoaW5nIGVsc2U=');
    const text = defaultDriverText(this.oldOptions() as Parameters<typeof defaultDriverText>[0]);
    this.put(defaultDriver, text.slice(text.indexOf('[secrets]')), 0o600);
    const dropIn = '[Unit]\nAfter=psi-secrets.service\n\n[Container]\nSecret=app--A,type=env,target=A\n';
    this.put(`${systemdDir}/app.container.d/50-secrets.conf`, dropIn);
    this.secret('app--A', '{"provider": "infisical", "project": "main", "path": "/app", "key": "A"}');
  }

  /** What systemd knows: unit files, those made of quadlets, and drop-ins. */
  reload(): void {
    const { unitDir, systemdDir, runtimeUnitDir } = this.places;
    this.#loaded = new Map();
    for (const [path, text] of this.tree.files) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (path === `${unitDir}/${name}`) this.#loaded.set(name, text);
      if (path === `${systemdDir}/${name}` && name.endsWith('.container'))
        this.#loaded.set(name.replace(/\.container$/, '.service'), text);
      if (path.startsWith(`${runtimeUnitDir}/psi-secrets.service.d/`)) this.#loaded.set('keep', text);
    }
    if (this.tree.files.has(`${systemdDir}/psi.container.d/50-psi-secrets-alias.conf`))
      this.#loaded.set('alias', 'psi.service');
  }

  #known(unit: string): string {
    if (unit === 'psi-secrets.service' && this.#loaded.has('alias')) return 'psi.service';
    return unit;
  }

  /** The end of a boot, and the next: what is enabled starts, and whoever is later has the path. */
  boot(): void {
    for (const path of [...this.tree.files.keys()])
      if (path.startsWith(`${this.places.runtimeUnitDir}/`)) this.tree.files.delete(path);
    this.running.clear();
    this.path = undefined;
    this.reload();
    const ours = [...this.tree.links.keys()].some((path) => path.endsWith('/psi.socket'));
    if (ours) this.#start('psi.socket');
    const server = this.#loaded.get('psi-secrets.service');
    if (server !== undefined && !isPsiUnit(server) && !this.#loaded.has('alias')) this.#start('psi-secrets.service');
  }

  #start(asked: string): void {
    const unit = this.#known(asked);
    if (this.running.has(unit)) return;
    const text = this.#loaded.get(unit);
    if (text === undefined) throw new PsiError('HOST', `no unit ${unit}`);
    if (unit === 'psi-infisical-setup.service' && !isPsiUnit(text)) this.#start('psi-secrets.service');
    if (unit === 'psi-secrets.service') {
      if (this.#loaded.get('keep')?.includes('ConditionPathExists=!/') === true) return;
      this.path = 'old';
    }
    if (unit === 'psi.socket' && !this.running.has(unit)) this.path = 'psi';
    if (unit === 'psi.service') this.#start('psi.socket');
    this.running.add(unit);
  }

  #stop(asked: string): void {
    const unit = this.#known(asked);
    if (!this.running.delete(unit)) return;
    if (unit === 'psi.socket') {
      this.running.delete('psi.service');
      this.path = undefined;
    }
    if (unit !== 'psi-secrets.service') return;
    for (const one of ['psi-infisical-setup.service', ...this.required]) this.running.delete(one);
    const text = this.#loaded.get(unit);
    if (text === undefined) this.path = this.path === 'old' ? 'dead' : this.path;
    else if (this.#loaded.get('keep')?.includes('RuntimeDirectoryPreserve=yes') === true)
      this.path = this.path === 'old' ? 'dead' : this.path;
    else this.path = undefined;
  }

  /** As the setup of this psi: with the lines of somebody else in its drop-in it leaves a workload. */
  #setup(): void {
    if (this.answering() !== 'psi' || !this.running.has('psi.service'))
      throw new PsiError('HOST', 'podman cannot delete: nobody answers');
    const dropIn = this.tree.files.get(`${this.places.systemdDir}/app.container.d/50-secrets.conf`);
    if (dropIn === undefined || !isPsiDropIn(dropIn)) return;
    const { socket, stateDir } = this.places;
    const lookup = { timeoutMs: 5000, helperDir: '/usr/local/libexec/psi' };
    const options = frozenDriverOptions({ socket, stateDir, lookup, socketToken: TOKEN });
    for (const [index, secret] of this.secrets.entries())
      if (secret.name.startsWith('app--')) this.secrets[index] = { ...secret, id: `${secret.id}n`, options };
  }

  #install(pcscd: boolean): void {
    const { unitDir, systemdDir } = this.places;
    const units = ['psi.socket', 'psi-infisical-setup.service', 'psi-infisical-refresh.service'];
    units.push('psi-infisical-refresh.timer', 'psi-tls-renew.service', 'psi-tls-renew.timer');
    const quadlets = ['psi.container', ...(pcscd ? ['pcscd.container'] : [])];
    const paths = [...units.map((name) => `${unitDir}/${name}`), ...quadlets.map((name) => `${systemdDir}/${name}`)];
    const generated = units.map((name) => `${systemdDir}/${name.replace(/\.service$/, '.container')}`);
    for (const path of [...paths, ...generated]) {
      const text = this.tree.files.get(path);
      if (text !== undefined && !isPsiUnit(text)) throw new PsiError('CONFLICT', `${path} was not written by psi`);
    }
    for (const name of units)
      if (this.#loaded.has(name) && !this.tree.files.has(`${unitDir}/${name}`))
        throw new PsiError('CONFLICT', `${name} is known to systemd`);
    for (const path of paths) this.put(path, unitFile(path.slice(path.lastIndexOf('/') + 1), []));
    this.tree.links.set(`${unitDir}/sockets.target.wants/psi.socket`, `${unitDir}/psi.socket`);
    this.reload();
  }

  answering(): Answering {
    if (this.path === 'psi' && this.running.has('psi.socket')) return 'psi';
    return this.path === 'old' && this.running.has('psi-secrets.service') ? 'old' : 'nobody';
  }

  /** What `psi migrate` is given. */
  deps(): MigrateDeps {
    const change = (call: string, work: () => void): Promise<void> => this.#change(call, work);
    return {
      places: this.places,
      tree: {
        list: (folder) => this.tree.list(folder),
        read: (path) => this.tree.read(path),
        remove: (path) => change(`remove ${path}`, () => void this.tree.remove(path)),
        move: (path, to) =>
          change(`move ${path}`, () => {
            this.#move(path, to);
          }),
      },
      head: (path, bytes) => {
        const text = this.tree.files.get(path);
        const whole = text === undefined ? undefined : new TextEncoder().encode(text);
        return Promise.resolve(whole && { start: whole.slice(0, bytes), size: whole.length });
      },
      files: {
        write: (path, text, mode) =>
          change(`write ${path}`, () => {
            this.put(path, text, mode);
          }),
        link: async (path, target) => {
          await change(`link ${path}`, () => this.tree.links.set(path, target));
          return 'created';
        },
      },
      units: {
        reload: () =>
          change('reload', () => {
            this.reload();
          }),
        start: (unit) =>
          change(`start ${unit}`, () => {
            this.#start(unit);
          }),
        stop: (unit) =>
          change(`stop ${unit}`, () => {
            this.#stop(unit);
          }),
        restart: (unit) =>
          change(`restart ${unit}`, () => {
            // The socket's own restart leaves the path empty for a moment only, and brings its service along.
            const served = this.running.has('psi.service');
            this.#stop(unit);
            this.#start(unit);
            if (unit === 'psi.socket' && served) this.#start('psi.service');
          }),
      },
      registry: { list: () => Promise.resolve([...this.secrets]) },
      image: { named: undefined, isHere: (image) => Promise.resolve(this.images.includes(image)) },
      tell: (step, at) => {
        if (at === 'done') this.told.push(step);
      },
      alone: (work) => this.#alone(work),
      dependents: (unit) =>
        Promise.resolve(
          ['psi-infisical-setup.service', ...this.required].filter(
            (one) => unit === 'psi-secrets.service' && this.running.has(one),
          ),
        ),
      answering: () => Promise.resolve(this.answering()),
      install: async ({ pcscd }) => {
        await change(`install${pcscd ? ' pcscd' : ''}`, () => {
          this.#install(pcscd);
        });
        return this.said;
      },
      setup: async () => {
        await change('setup', () => {
          this.#setup();
        });
        return [];
      },
      readConfig: readOldConfig,
      writtenConfig,
      refused: () => Promise.resolve(this.refused),
    };
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#held) throw new PsiError('CONFLICT', 'another psi migrate is at work');
    this.#held = true;
    try {
      return await work();
    } finally {
      this.#held = false;
    }
  }

  #move(path: string, to: string): void {
    const text = this.tree.files.get(path);
    if (text === undefined) return;
    this.tree.files.delete(path);
    this.put(to, text, this.modes.get(path));
  }

  async #change(call: string, work: () => void): Promise<void> {
    await Promise.resolve();
    const at = this.calls.length;
    if (this.killAt?.call === at && this.killAt.when === 'before') throw new Killed(call);
    this.calls.push(call);
    work();
    if (this.wanted && this.#loaded.has('psi-secrets.service')) this.#start('psi-secrets.service');
    if (this.answering() === 'nobody') this.failedLookups.push(call);
    this.answers.push(this.answering());
    if (this.killAt?.call === at) throw new Killed(call);
  }
}
