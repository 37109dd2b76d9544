// What a TPM says of itself. Nothing secret, no authorization, no try of any counter.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tpm2 {

struct Info {
  // TPM properties by number (TPM2_PT_*), the fixed and the variable ones.
  std::map<uint32_t, uint32_t> properties;
  // Banks with at least one register.
  std::vector<uint16_t> banks;
};

Info readInfo(const std::string& tcti);

}  // namespace tpm2
