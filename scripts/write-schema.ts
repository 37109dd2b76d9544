// Writes docs/config.schema.json from the codecs: `node scripts/write-schema.ts`. A test fails while the two differ.

import { writeFile } from 'node:fs/promises';
import { configJsonSchema } from '../src/config/schema/json-schema.ts';

const file = new URL('../docs/config.schema.json', import.meta.url);
await writeFile(file, `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
