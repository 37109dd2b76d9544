// Wiring of values that are on this host alone: the folder of sealed ones, and the tokens of the Python PSI. Part of the composition root.

import { AgeRecipient } from '../adapters/age/age.ts';
import { readBounded } from '../adapters/files/file-calls.ts';
import { HsmKeyWrapper } from '../adapters/hsm/key-wrapper.ts';
import { pinSources } from '../adapters/hsm/pin.ts';
import { publicKeyPath } from '../adapters/hsm/public-key-file.ts';
import { openBlob, type DecryptKey } from '../adapters/nitrokeyhsm/blob.ts';
import { SealedFolder } from '../adapters/sealed/sealed-folder.ts';
import { cacheOrDefaults } from '../config/cache-settings.ts';
import type { Config } from '../config/config.ts';
import type { NitrokeyConfig } from '../config/sections/nitrokeyhsm.ts';
import { madeFor } from '../core/made-for.ts';
import type { ServiceProblem } from '../lookup/status.ts';
import { BlobValues } from '../sealed/blob-values.ts';
import { SealedCare } from '../sealed/care.ts';
import { SealedControl, type SealedControlDeps, type SealedSettings } from '../sealed/control.ts';
import { HostValues } from '../sealed/host-values.ts';
import { SealedValues } from '../sealed/values.ts';
import type { KeyWrapper } from '../sealing/key-wrapper.ts';
import { keyFactory, type ComposedCache, type KeyDeps } from './cache.ts';

export type SealedParts = KeyDeps & {
  /** What the service runs with now. */
  readonly config: () => Config;
  /** Its keys are those of sealed values too, but for the TPM's, which is bound otherwise. */
  readonly composed: ComposedCache | undefined;
};

export type ComposedSealed = {
  readonly host: HostValues;
  readonly control: (deps: Omit<SealedControlDeps, 'sealed'>) => SealedControl;
  /** What is wrong with the files. */
  readonly look: () => Promise<readonly ServiceProblem[]>;
  /** Of what has lain aside long enough. */
  readonly sweep: () => Promise<void>;
  readonly close: () => void;
};

type Kept<T> = { readonly made: T; readonly close: () => void };

export function composeSealed(parts: SealedParts): ComposedSealed {
  const sealedOf = madeFor(settingsOf, (config: Config) => keptSettings(config, parts), closeKept);
  const blobsOf = madeFor(nitrokeysOf, (config: Config) => keptBlobs(config, parts), closeKept);
  const sealed = (): SealedSettings | undefined => sealedOf(parts.config()).made;
  const blobs = (): ReadonlyMap<string, BlobValues> => blobsOf(parts.config()).made;
  const care = new SealedCare(sealed);
  return {
    host: new HostValues({ sealed, blobs }),
    control: (deps) => new SealedControl({ ...deps, sealed }),
    look: () => care.look(),
    sweep: async () => sealed()?.values.sweep(),
    close: () => {
      sealedOf(parts.config()).close();
      blobsOf(parts.config()).close();
    },
  };
}

function settingsOf({ sealed }: Config): unknown {
  return JSON.stringify(sealed);
}

/** Not as text: a PIN may stand in it, which is written nowhere. */
function nitrokeysOf({ nitrokeys }: Config): unknown {
  return nitrokeys;
}

function closeKept({ close }: Kept<unknown>): void {
  close();
}

function keptSettings(config: Config, parts: SealedParts): Kept<SealedSettings | undefined> {
  const { sealed, stateDir } = config;
  if (sealed === undefined) return { made: undefined, close: () => undefined };
  const { name, recovery, fromPodman, keepDeletedMs, pcrs } = sealed;
  const tpm = tpmKeys(config, pcrs, parts);
  const own = (parts.composed?.keys ?? []).map((keys) => (keys.backend === 'tpm' ? tpm : keys));
  const recipients = { own, recovery: recovery.map((recipient) => new AgeRecipient(recipient)) };
  const files = new SealedFolder({ recipients }, { stateDir });
  const values = new SealedValues({ files, clock: parts.clock }, { keepMs: keepDeletedMs });
  return {
    made: { provider: name, values, fromPodman, files, own, recovery, keepDeletedMs },
    close: () => void tpm.close(),
  };
}

function tpmKeys(config: Config, pcrs: readonly number[], parts: SealedParts): KeyWrapper {
  const cache = cacheOrDefaults(config);
  return keyFactory({ ...cache, tpm: { ...cache.tpm, pcrs } }, config.stateDir, parts).tpm();
}

function keptBlobs({ nitrokeys, stateDir }: Config, parts: SealedParts): Kept<ReadonlyMap<string, BlobValues>> {
  const opened = [...nitrokeys].map(([name, nitrokey]) => ({ name, token: tokenOf(name, nitrokey, stateDir, parts) }));
  return {
    made: new Map(opened.map(({ name, token }) => [name, valuesOf(name, token)])),
    close: () => {
      void Promise.all(opened.map(({ token }) => token.close()));
    },
  };
}

function tokenOf(name: string, { target, pin }: NitrokeyConfig, stateDir: string, parts: SealedParts): HsmKeyWrapper {
  const { clock, env, secrets, refusedPins } = parts;
  const at = { key: `providers.${name}.pin`, variable: 'PSI_NITROKEYHSM_PIN' };
  const pins = pinSources({ env, readFile: readBounded, configured: secrets.readerOf(pin), at });
  return new HsmKeyWrapper(
    { clock, pins, refused: refusedPins },
    { target, publicKeyPath: publicKeyPath(stateDir, target), env },
  );
}

function valuesOf(name: string, token: HsmKeyWrapper): BlobValues {
  const decryptKey: DecryptKey = (wrappedKey) => token.decrypt(wrappedKey);
  return new BlobValues((blob) => openBlob(blob, { decryptKey, section: `providers.${name}` }));
}
