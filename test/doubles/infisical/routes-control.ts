// /__double/...: the knobs and the state over HTTP, for a double that runs in another process. Exempt from faults,
// limits and the call log. Takes secret values in, never hands one out.
import { Router, json } from 'express';
import type { ErrorRequestHandler } from 'express';
import { decode, failNextCodec, knobsCodec, secretAddressCodec, secretCodec, seedCodec } from './codec.ts';
import { pkiControlRouter } from './routes-pki-control.ts';
import { applySeed } from './seed.ts';
import type { CallLog } from './call-log.ts';
import type { KnobChange } from './codec.ts';
import type { Machine } from './gate.ts';

export interface ControlDeps {
  readonly machine: Machine;
  readonly log: CallLog;
  readonly turn: (change: KnobChange) => Promise<void>;
}

export function controlRouter({ machine, log, turn }: ControlDeps): Router {
  const router = Router();
  router.use(json({ limit: '16mb' }));
  router.get('/calls', (_req, res) => res.json(log.calls));
  router.get('/counts', (_req, res) => res.json(log.counts()));
  router.delete('/calls', (_req, res) => {
    log.clear();
    res.status(204).end();
  });
  router.get('/knobs', (_req, res) => res.json(machine.knobs.values));
  router.patch('/knobs', async (req, res) => {
    await turn(decode(knobsCodec, req.body));
    res.json(machine.knobs.values);
  });
  router.delete('/knobs', async (_req, res) => {
    machine.knobs.reset();
    await turn({ outage: 'none' });
    machine.limiter.clear();
    res.status(204).end();
  });
  router.post('/fail-next', (req, res) => {
    const { count, ...failure } = decode(failNextCodec, req.body);
    machine.knobs.failNext(count, failure);
    res.status(204).end();
  });
  router.post('/revoke-tokens', (_req, res) => {
    machine.tokens.revokeAll();
    res.status(204).end();
  });
  router.post('/seed', (req, res) => {
    applySeed(machine.state, decode(seedCodec, req.body));
    res.status(204).end();
  });
  router.put('/secrets', (req, res) => {
    machine.state.setSecret(decode(secretCodec, req.body));
    res.status(204).end();
  });
  router.delete('/secrets', (req, res) => {
    const found = machine.state.deleteSecret(decode(secretAddressCodec, req.body));
    res.status(found ? 204 : 404).end();
  });
  router.use('/pki', pkiControlRouter(machine.pki));
  router.use(refuse);
  return router;
}

// Express tells error handlers apart by their four parameters. decode() words paths only, so its message is safe.
const refuse: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (res.headersSent) {
    next(error);
    return;
  }
  res.status(400).json({ message: error instanceof Error ? error.message : 'bad request' });
};
