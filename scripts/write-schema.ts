// Writes docs/config.schema.json from the codecs: `node scripts/write-schema.ts`. A test fails while the two differ.

import { writeFile } from 'node:fs/promises';
import { configJsonSchema } from '../src/config/schema/json-schema.ts';
import { PROVIDER_KINDS } from '../src/wiring/provider-kinds.ts';

const file = new URL('../docs/config.schema.json', import.meta.url);
await writeFile(file, `${JSON.stringify(configJsonSchema(PROVIDER_KINDS), undefined, 2)}\n`);
