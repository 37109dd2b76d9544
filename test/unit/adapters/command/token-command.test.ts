// A command that prints a token: what it is given, what counts as its output, and what may be said when it fails.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runTokenCommand } from '../../../../src/adapters/command/token-command.ts';

const LIMITS = { timeoutMs: 20_000, maxBytes: 1_000 };
const run = (script: string, limits = LIMITS, env: Readonly<Record<string, string>> = {}) =>
  runTokenCommand([process.execPath, '-e', script], env, limits);

describe('a command for a token', () => {
  test('gives what it prints, without the line end', async () => {
    const token = await run('process.stdout.write("a.b.c\\n"); process.stderr.write("a warning")');
    assert.equal(token.exposeText(), 'a.b.c');
  });

  test('gets its arguments as they are, without a shell', async () => {
    const argv = [process.execPath, '-e', 'process.stdout.write(process.argv[1])', '$HOME;`id` "*"'];
    assert.equal((await runTokenCommand(argv, {}, LIMITS)).exposeText(), '$HOME;`id` "*"');
  });

  test('sees the environment it is given and nothing else', async () => {
    const names = await run('process.stdout.write(JSON.stringify(process.env))', LIMITS, { VAULT_ADDR: 'x' });
    assert.deepEqual(JSON.parse(names.exposeText()), { VAULT_ADDR: 'x' });
  });

  test('that reads finds nothing to read', async () => {
    const script = 'process.stdin.on("data", () => {}).on("end", () => process.stdout.write("end"))';
    assert.equal((await run(script)).exposeText(), 'end');
  });

  const failures: readonly (readonly [string, string, object])[] = [
    [
      'that fails',
      'process.stderr.write("canary"); process.stdout.write("canary"); process.exitCode = 7',
      { message: /failed with status 7$/ },
    ],
    [
      'that is killed',
      'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)',
      { message: /was ended by SIGTERM$/ },
    ],
    ['that prints nothing', 'process.stdout.write("\\n")', { message: /printed nothing$/, hint: /podman exec psi/ }],
    [
      'that prints too much',
      'process.stdout.write("canary".repeat(1000))',
      { message: /printed more than 1000 bytes$/ },
    ],
  ];
  for (const [what, script, error] of failures) {
    test(`${what} is named, and not what it printed`, async () => {
      await assert.rejects(run(script), (thrown: Error) => {
        assert.doesNotMatch(`${thrown.message} ${JSON.stringify(thrown)} ${thrown.stack ?? ''}`, /canary/);
        assert.equal(thrown.cause, undefined);
        return true;
      });
      await assert.rejects(run(script), { code: 'CONFIG_INVALID', ...error });
    });
  }

  test('that takes too long is ended', async () => {
    await assert.rejects(run('setInterval(() => {}, 1000)', { timeoutMs: 50, maxBytes: 10 }), {
      code: 'DEADLINE',
      message: /took longer than 0.05 s$/,
    });
  });

  test('that is not there or may not be run says so', async () => {
    await assert.rejects(runTokenCommand(['/nonexistent/helper'], {}), {
      message: /helper for the token does not exist$/,
    });
    await assert.rejects(runTokenCommand(['/'], {}), { message: /may not be run$/ });
  });
});
