// A test whose parts follow from each other, such as a life of a host: one test, so that none of its parts is ever run without those
// before it, and the first that fails ends it.
import type { TestContext } from 'node:test';

/** Each part is reported by its name. */
export async function steps(t: TestContext, parts: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> {
  const passed = new Set<string>();
  for (const [name, part] of Object.entries(parts)) {
    await t.test(name, async () => {
      await part();
      passed.add(name);
    });
    // The failed part fails the test.
    if (!passed.has(name)) return;
  }
}
