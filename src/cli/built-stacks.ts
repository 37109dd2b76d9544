// Stacks of the build name the sources, by the maps beside its files. In the build alone. Only what is printed is translated: Node's own support
// reads the map of each file that is loaded, 15 ms of a start, and libraries look at the stacks of errors that nobody ever sees.

import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, resolve } from 'node:path';
import { readStacksBy } from '../core/text/stack.ts';

readStacksBy(translated);
process.on('uncaughtExceptionMonitor', (error) => {
  if (error.stack !== undefined) error.stack = translated(error.stack);
});

function translated(stack: string): string {
  // For this stack alone: kept, they would be more than all the rest of the process.
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(
    /(\/[^\s():]+\.cjs):(\d+):(\d+)/g,
    (place: string, file: string, line: string, column: string) => {
      if (!maps.has(file)) maps.set(file, mapOf(file));
      const entry = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
      if (!entry || !('originalSource' in entry)) return place;
      const { originalSource, originalLine, originalColumn } = entry;
      return [resolve(dirname(file), originalSource), originalLine + 1, originalColumn + 1].join(':');
    },
  );
}

/** A stack must not fail for want of a map. */
function mapOf(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')) as SourceMapPayload);
  } catch {
    return undefined;
  }
}
