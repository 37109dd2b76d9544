import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOf, type FaultKind } from '../../../../src/adapters/infisical/fault.ts';

const kindOf = (status: number, body: unknown): FaultKind | undefined =>
  faultOf({
    status,
    contentType: '',
    retryAfter: undefined,
    location: undefined,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })?.kind;

const said = (error: string, message = '', more: object = { reqId: 'req-1' }): object => ({ error, message, ...more });

const CASES: readonly (readonly [string, number, unknown, FaultKind | undefined])[] = [
  ['a success', 200, '<html>', undefined],
  ['an expired token', 403, said('TokenError', 'Your token has expired'), 'token'],
  ['a revoked token', 401, said('UnauthorizedError', 'No identity access token found'), 'token'],
  ['a revoked token in 2024', 403, said('UnauthorizedError', 'No token', {}), 'token'],
  ['an expired token in 2024', 500, said('Internal Server Error', 'jwt expired', {}), 'token'],
  ['a forged token in 2024', 500, said('Internal Server Error', 'invalid signature', {}), 'token'],
  ['a token whose uses are spent in 2024', 400, said('BadRequest', 'usage limit reached', {}), 'token'],
  ['the same in other words', 400, said('BadRequest', 'number of uses limit reached', {}), 'token'],
  ['a value that refers to nothing', 400, said('BadRequest', 'Referenced secret(s) not found: X'), 'bad-value'],
  ['one into no environment', 400, said('BadRequest', 'Referenced environment not found. Missing x'), 'bad-value'],
  ['one into no folder', 400, said('BadRequest', "Referenced path /x doesn't exist"), 'bad-value'],
  ['a 401 without a name', 401, said(''), 'token'],
  ['a missing right', 403, said('PermissionDenied'), 'permission'],
  ['a missing right in 2024', 401, said('PermissionDenied', '', {}), 'permission'],
  ['a 403 under a name nobody knows', 403, said('PolicyViolation'), 'permission'],
  ['a project without the identity', 403, said('ForbiddenError', 'Identity is not a member of project'), 'member'],
  ['the same in 2024', 403, said('UnauthorizedError', 'User not a part of the project', {}), 'member'],
  ['a value that may not be read', 403, said('ForbiddenReadSecretError'), 'hidden'],
  [
    'an unreadable reference',
    403,
    said('ForbiddenError', 'Failed to expand one or more secret references'),
    'reference',
  ],
  [
    'the same in 2025',
    403,
    said(
      "Identity is not a member of the specified project with ID 'p'",
      'You are not allowed to access this resource',
    ),
    'member',
  ],
  [
    'an address that is not trusted',
    403,
    said('ForbiddenError', 'You are not allowed to access this resource from the current IP address'),
    'address',
  ],
  [
    'an unreadable reference of a single value in 2025',
    403,
    said(
      'ForbiddenError',
      'You are attempting to reference secret named K from environment prod in path /db which you do not have access to read value on.',
    ),
    'reference',
  ],
  [
    'the same in 2026',
    403,
    said(
      'ForbiddenError',
      "You do not have permission to read secret 'K' in environment 'prod' at path '/db', which is referenced by secret 'URL' in environment 'prod' at path '/app'.",
    ),
    'reference',
  ],
  ["a gateway's 404", 404, { message: 'no Route matched with those values' }, 'gateway'],
  ["another gateway's 404", 404, { error: 'Not Found' }, 'gateway'],
  ["a gateway's 404 with an id of its own", 404, { error: 'Not Found', message: 'Not Found', reqId: 'x' }, 'gateway'],
  ['a missing secret', 404, said('NotFound', "Secret with name 'A' not found"), 'missing'],
  ['a missing secret in 2024', 400, said('BadRequest', 'Secret not found', {}), 'missing'],
  ['a gateway that says so of its server', 400, said('Bad Request', 'Upstream not found', {}), 'other'],
  ['a 404 of 2024', 404, said('NotFound', 'Folder not found', {}), 'missing'],
  ['a route that is not there', 404, said('Not Found', 'Route GET:/api/v4/secrets not found', {}), 'route'],
  ['a page that is not there', 404, '<html>', 'route'],
  ['a malformed request', 422, { error: 'ValidationFailure', message: [{ path: ['a'] }] }, 'invalid'],
  ['a malformed request in 2024', 403, { error: 'ValidationFailure', message: [] }, 'invalid'],
  ['a limit', 429, '', 'throttled'],
  ['a failing server', 500, said('InternalServerError'), 'server'],
  ['a failing proxy', 502, '<html>', 'server'],
  ['a gateway', 401, '<html>', 'gateway'],
  ['a redirect', 302, '', 'redirect'],
  ['a conflict', 409, said('Conflict'), 'other'],
];

for (const [what, status, body, kind] of CASES) {
  test(`tells ${what} from the rest`, () => {
    assert.equal(kindOf(status, body), kind);
  });
}
