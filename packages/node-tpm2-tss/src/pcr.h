// Platform configuration registers: what to select, and reading them.
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "secure_bytes.h"

namespace tpm2 {

// One bit per register, 0 to 23, lowest first, as in TPMS_PCR_SELECTION.
constexpr unsigned kPcrs = 24;
using PcrMask = std::array<uint8_t, kPcrs / 8>;

struct PcrSelection {
  TPM2_ALG_ID bank = TPM2_ALG_SHA256;
  PcrMask mask{};

  bool empty() const;
  TPML_PCR_SELECTION marshalled() const;
};

// The values by index, all of one moment. Registers whose bank is not allocated are missing from it: no error of the TPM says so.
std::map<unsigned, Bytes> readPcrs(const std::string& tcti, const PcrSelection& selection);

}  // namespace tpm2
