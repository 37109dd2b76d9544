// An in-memory Infisical server for tests, the demo and compose.test.yml: this file is its whole public surface.
// Faithful in statuses, bodies and order; everything a test wants to go wrong is a knob.
import { buildApp, buildControlApp } from './app.ts';
import { CallLog } from './call-log.ts';
import { Credentials } from './credentials.ts';
import { TRAITS } from './generations.ts';
import { Knobs } from './knobs.ts';
import { Listener } from './listener.ts';
import { MachineLogins } from './machine-logins.ts';
import { RateLimiter } from './rate-limit.ts';
import { Pki } from './pki.ts';
import { SecretLister } from './listing.ts';
import { SecretReader } from './reading.ts';
import { applySeed } from './seed.ts';
import { DoubleState } from './state.ts';
import { Tokens } from './tokens.ts';
import { SecretWriter } from './writing.ts';
import type { Call, CallKind } from './call-log.ts';
import type { KnobChange, Seed } from './codec.ts';
import type { TlsMaterial } from './listener.ts';
import type { Clock, Generation } from './model.ts';

export interface InfisicalDoubleOptions {
  readonly generation?: Generation | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly socketPath?: string | undefined;
  readonly tls?: TlsMaterial | undefined;
  /** A second listener for `/__double` only, reachable while the main one refuses connections. */
  readonly controlPort?: number | undefined;
  readonly now?: Clock | undefined;
  readonly seed?: Seed | undefined;
}

export interface InfisicalDouble {
  readonly url: string;
  /** Where `/__double` answers in every outage; the same as url without controlPort. */
  readonly controlUrl: string;
  readonly generation: Generation;
  readonly state: DoubleState;
  readonly knobs: Knobs;
  readonly pki: Pki;
  readonly logins: MachineLogins;
  readonly calls: readonly Readonly<Call>[];
  readonly count: (kind?: CallKind) => number;
  readonly clearCalls: () => void;
  readonly revokeTokens: () => void;
  readonly refuseConnections: () => Promise<void>;
  readonly acceptConnections: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function startInfisicalDouble(options: InfisicalDoubleOptions = {}): Promise<InfisicalDouble> {
  const { seed = {}, now = Date.now } = options;
  const generation = options.generation ?? seed.generation ?? 'v4';
  const traits = TRAITS[generation];
  const state = new DoubleState(now);
  const log = new CallLog(now);
  const machine = {
    traits,
    state,
    knobs: new Knobs(),
    tokens: new Tokens(state, traits, now),
    credentials: new Credentials(state, traits, now),
    logins: new MachineLogins(state, traits, now),
    limiter: new RateLimiter(now),
    lister: new SecretLister(state, traits),
    reader: new SecretReader(state, traits),
    writer: new SecretWriter(state, traits),
    pki: new Pki(now),
  };
  applySeed(state, seed);
  for (const profile of seed.profiles ?? []) machine.pki.addProfile(profile);

  const turn = async ({ outage, ...change }: KnobChange): Promise<void> => {
    machine.knobs.set(change);
    if (outage === undefined) return;
    machine.knobs.set({ outage: outage === 'refuse' ? 'none' : outage });
    await (outage === 'refuse' ? listener.close() : listener.open());
  };
  const deps = { machine, log, turn };
  const host = options.host ?? '127.0.0.1';
  const { socketPath, tls, controlPort } = options;
  const listener = new Listener(buildApp(deps, now), { host, port: options.port ?? 0, socketPath, tls });
  const control =
    controlPort === undefined ? undefined : new Listener(buildControlApp(deps), { host, port: controlPort });

  await listener.open();
  await control?.open();
  if (seed.knobs !== undefined) await turn(seed.knobs);

  return {
    url: listener.url,
    controlUrl: (control ?? listener).url,
    generation,
    state,
    knobs: machine.knobs,
    pki: machine.pki,
    logins: machine.logins,
    calls: log.calls,
    count: (kind) => log.count(kind),
    clearCalls: () => {
      log.clear();
    },
    revokeTokens: () => {
      machine.tokens.revokeAll();
    },
    refuseConnections: () => listener.close(),
    acceptConnections: () => listener.open(),
    close: async () => {
      await listener.close();
      await control?.close();
    },
  };
}
