// /__double/pki/...: the certificate manager's knobs and what its administrators do, for a double that runs in another process.
import { Router } from 'express';
import { decode, pkiKnobsCodec, profileCodec } from './codec.ts';
import type { Pki } from './pki.ts';

export function pkiControlRouter(pki: Pki): Router {
  const router = Router();
  router.patch('/knobs', (req, res) => {
    // Without the undefined ones that the codec's type allows.
    pki.set(JSON.parse(JSON.stringify(decode(pkiKnobsCodec, req.body))) as Partial<typeof pki.knobs>);
    res.json(pki.knobs);
  });
  router.post('/profiles', (req, res) => {
    pki.addProfile(decode(profileCodec, req.body));
    res.status(204).end();
  });
  router.post('/decide', (_req, res) => {
    pki.decideAll();
    res.status(204).end();
  });
  router.post('/certificates/:id/revoke', (req, res) => {
    pki.revoke(req.params.id);
    res.status(204).end();
  });
  // The server's own renewal, of which it tells nobody.
  router.post('/certificates/:id/renew', (req, res) => {
    pki.renew(req.params.id);
    res.status(204).end();
  });
  router.get('/root', (_req, res) => res.type('text/plain').send(pki.authority.root));
  router.get('/certificates', (_req, res) =>
    res.json([...pki.certificates.values()].map(({ id, serialNumber, revoked }) => ({ id, serialNumber, revoked }))),
  );
  return router;
}
