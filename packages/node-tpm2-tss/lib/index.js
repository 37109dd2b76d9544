// The package's face: see index.d.ts.

export { describeBlob } from './blob.js';
export { TpmError } from './error.js';
export { info, pcrRead } from './inspect.js';
export { MAX_SECRET_BYTES, seal, unseal } from './seal.js';
