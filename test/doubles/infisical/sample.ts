// One small, known Infisical for the double's own tests: a client, a project, one secret.
import { startInfisicalDouble } from './infisical-double.ts';
import type { InfisicalDouble, InfisicalDoubleOptions } from './infisical-double.ts';

export const CLIENT = { clientId: 'client-1', clientSecret: 'secret-1' };
export const DEV = { project: 'project-1', environment: 'dev' } as const;
export const LIST = '/api/v4/secrets?projectId=project-1&environment=dev';

export async function startSample(options: InfisicalDoubleOptions = {}): Promise<InfisicalDouble> {
  const double = await startInfisicalDouble(options);
  double.state.addIdentity(CLIENT);
  double.state.addProject({ id: DEV.project, slug: 'my-project' });
  double.state.setSecret({ ...DEV, key: 'DB_HOST', value: 'db.internal' });
  return double;
}
