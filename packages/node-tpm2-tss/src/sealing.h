// Sealing: data that only this TPM gives back, and only while a policy holds. Authorization goes by policy alone: the sealed object has
// no userWithAuth, else its auth value would open it round the policy.
#pragma once

#include <string>

#include "pcr.h"
#include "secure_bytes.h"

namespace tpm2 {

// As marshalled by the TPM: the format that outlives versions of the TSS, unlike its structs.
struct Sealed {
  Bytes storageKeyName;
  Bytes publicPart;
  Bytes privatePart;
};

struct SealRequest {
  std::string tcti;
  // Digest of the policy that unsealing has to satisfy.
  Bytes policy;
  SecureBytes secret;
  // Empty: none.
  SecureBytes auth;
};

struct UnsealRequest {
  std::string tcti;
  Sealed sealed;
  // Empty: not part of the policy.
  PcrSelection pcrs;
  // Empty: not part of the policy.
  SecureBytes auth;
};

Sealed seal(const SealRequest& request);
SecureBytes unseal(const UnsealRequest& request);

}  // namespace tpm2
