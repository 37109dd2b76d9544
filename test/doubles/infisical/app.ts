// Puts the routes of one server generation together. Opens no socket.
import express from 'express';
import type { Express } from 'express';
import { injectFaults } from './faults.ts';
import { answerFailures, unknownRoute } from './gate.ts';
import { addAuthRoutes } from './routes-auth.ts';
import { addCertificateRoutes } from './routes-certificates.ts';
import { controlRouter } from './routes-control.ts';
import { addFolderRoutes } from './routes-folders.ts';
import { addProjectRoutes } from './routes-projects.ts';
import { addSecretRoutesV3 } from './routes-secrets-v3.ts';
import { addSecretRoutesV4 } from './routes-secrets-v4.ts';
import type { Clock } from './model.ts';
import type { ControlDeps } from './routes-control.ts';

export function buildApp(deps: ControlDeps, now: Clock): Express {
  const { machine, log } = deps;
  const app = express();
  // Routes match case for case, as in Fastify; a trailing slash is tolerated, as the server is set up.
  app.enable('case sensitive routing');
  app.disable('x-powered-by');
  app.use('/__double', controlRouter(deps));
  // Node writes the date of an answer by the host's clock, and here that is the double's.
  app.use((_req, res, next) => {
    res.setHeader('date', new Date(now()).toUTCString());
    next();
  });
  app.use(log.record(), injectFaults(machine.knobs));
  addAuthRoutes(app, machine);
  addFolderRoutes(app, machine);
  addProjectRoutes(app, machine);
  addSecretRoutesV3(app, machine);
  if (machine.traits.v4Routes) addSecretRoutesV4(app, machine);
  if (machine.traits.certificates) addCertificateRoutes(app, machine);
  app.use(unknownRoute(machine));
  app.use(answerFailures(machine));
  return app;
}

/** The control routes alone, for a second listener that stays reachable while the first one refuses. */
export function buildControlApp(deps: ControlDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use('/__double', controlRouter(deps));
  return app;
}
