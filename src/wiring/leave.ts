// Wiring of the end of the process. Part of the composition root.

import { endProcess } from '../adapters/files/end-process.ts';

export const leave = endProcess;
