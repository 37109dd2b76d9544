// From the text of an env file to what is imported: what the reader takes that somebody named, or else what all of them take.

import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { podmanReading } from '../../transfer/env-file/podman.ts';
import type { EnvFileReader, Reading } from '../../transfer/env-file/reading.ts';
import { agreed, takenBy, type Statement } from '../../transfer/env-file/statements.ts';
import { systemdReading } from '../../transfer/env-file/systemd.ts';
import type { ImportEntry, ImportSource, RefusedEntry } from '../../transfer/import/entry.ts';
import { dotenvReading } from './dotenv.ts';

const READ_AS: Readonly<Record<EnvFileReader, (text: string) => Reading>> = {
  podman: podmanReading,
  systemd: systemdReading,
  dotenv: dotenvReading,
};

/** `file`: as messages name it. Throws BAD_REQUEST where the reader takes nothing of the file. */
export function parseEnvFile(text: string, file: string, reader?: EnvFileReader): ImportSource {
  const statements = reader === undefined ? agreed(text, (each) => READ_AS[each](text)) : readBy(text, file, reader);
  const entries: ImportEntry[] = [];
  const refused: RefusedEntry[] = [];
  for (const { statement, before } of lastOfEach(statements)) {
    const { first, name: key } = statement;
    const from = `${file}:${String(first)}`;
    if (statement.kind === 'taken') {
      const note =
        before === undefined
          ? {}
          : { note: `line ${String(before)} gives it too; the last one counts for all readers` };
      entries.push({ key: statement.name, value: SecretValue.fromText(statement.value), from, ...note });
    } else {
      const more = before === undefined ? '' : `; line ${String(before)} gives it too and does not count`;
      refused.push({ key, from, reason: `${statement.reason}${more}`, hint: statement.hint });
    }
  }
  return { entries, refused };
}

function readBy(text: string, file: string, reader: EnvFileReader): readonly Statement[] {
  const reading = READ_AS[reader](text);
  const [broken] = reading.broken;
  if (broken !== undefined) {
    const where = `${file}:${String(broken.line)}`;
    throw new PsiError('BAD_REQUEST', `${where}: ${broken.reason}; nothing is imported`, {
      hint: `${reader} takes nothing of such a file either; mend the line`,
    });
  }
  return takenBy(text, reading);
}

type Last = {
  readonly statement: Statement;
  /** Line of an earlier one of the same name. */ readonly before: number | undefined;
};

/** All readers take the last of a name, so the ones before it do not count, and neither does a doubt about them. */
function lastOfEach(statements: readonly Statement[]): readonly Last[] {
  const byName = Map.groupBy(statements, ({ name }) => name);
  return statements.flatMap((statement) => {
    const same = statement.name === undefined ? [statement] : (byName.get(statement.name) ?? []);
    return same.at(-1) === statement ? [{ statement, before: same.at(-2)?.first }] : [];
  });
}
