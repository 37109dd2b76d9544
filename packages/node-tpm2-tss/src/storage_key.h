// The storage root key (SRK): the parent that data is sealed under, and the key that salts the sessions.
#pragma once

#include "connection.h"
#include "secure_bytes.h"

namespace tpm2 {

struct StorageKey {
  ESYS_TR handle;
  // Digest of its public part: another key, or the same TPM after a clear, has another.
  Bytes name;
};

// The persistent key at 0x81000001 where there is a fit one, else the primary key of the TCG's ECC template.
StorageKey openStorageKey(Connection& tpm);

// The one of this name. Throws step "StorageKeyName" if this TPM does not have it, before any session starts.
StorageKey openStorageKey(Connection& tpm, const Bytes& name);

}  // namespace tpm2
