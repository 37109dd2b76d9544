// The logins and the life of their tokens, plus the open status route.
import type { Express } from 'express';
import { open } from './gate.ts';
import type { Machine } from './gate.ts';
import type { Fields } from './fields.ts';
import { LOGIN_METHODS } from './machine-logins.ts';

export function addAuthRoutes(app: Express, machine: Machine): void {
  app.get('/api/status', (_req, res) => {
    // Exempt from rate limits, and deliberately without a version: the real one has none either.
    res.json({
      date: new Date().toISOString(),
      message: 'Ok',
      emailConfigured: false,
      redisConfigured: true,
      secretScanningConfigured: false,
      inviteOnlySignup: true,
    });
  });

  app.post(
    '/api/v1/auth/universal-auth/login',
    ...open(machine, 'write', ({ body, address }) => {
      const clientId = body.text('clientId').trim();
      const clientSecret = body.text('clientSecret').trim();
      if (machine.traits.organizations) body.optionalText('organizationSlug');
      body.check();
      return machine.tokens.issue(machine.credentials.check(clientId, clientSecret, address));
    }),
  );

  for (const method of LOGIN_METHODS) {
    if (method === 'tls-cert-auth' && !machine.traits.tlsCertLogin) continue;
    app.post(
      `/api/v1/auth/${method}/login`,
      ...open(machine, 'write', (call) => machine.tokens.issue(machine.logins.check(method, call))),
    );
  }

  app.post(
    '/api/v1/auth/token/renew',
    ...open(machine, 'write', ({ body }) => machine.tokens.renew(accessToken(body))),
  );

  app.post(
    '/api/v1/auth/token/revoke',
    ...open(machine, 'write', ({ body }) => {
      machine.tokens.revoke(accessToken(body));
      return { message: 'Successfully revoked access token' };
    }),
  );
}

function accessToken(body: Fields): string {
  const token = body.text('accessToken');
  body.check();
  return token.trim();
}
