#include "info.h"

#include <algorithm>

#include "connection.h"
#include "tss_error.h"

namespace tpm2 {

namespace {

EsysPtr<TPMS_CAPABILITY_DATA> getCapability(Connection& tpm, TPM2_CAP what, uint32_t first, uint32_t count, bool& more) {
  TPMI_YES_NO moreData = TPM2_NO;
  TPMS_CAPABILITY_DATA* raw = nullptr;
  check("GetCapability", Esys_GetCapability(tpm.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, what, first, count,
                                            &moreData, &raw));
  more = moreData == TPM2_YES;
  return EsysPtr<TPMS_CAPABILITY_DATA>(raw);
}

// A TPM may answer with fewer than asked for, and goes on into the next group by itself.
void readProperties(Connection& tpm, uint32_t first, std::map<uint32_t, uint32_t>& properties) {
  bool more = true;
  while (more) {
    const auto data = getCapability(tpm, TPM2_CAP_TPM_PROPERTIES, first, TPM2_MAX_TPM_PROPERTIES, more);
    const TPML_TAGGED_TPM_PROPERTY& list = data->data.tpmProperties;
    for (UINT32 i = 0; i < list.count; ++i) properties[list.tpmProperty[i].property] = list.tpmProperty[i].value;
    if (list.count == 0) return;
    first = list.tpmProperty[list.count - 1].property + 1;
  }
}

}  // namespace

Info readInfo(const std::string& tcti) {
  Connection tpm(tcti);
  Info info;
  readProperties(tpm, TPM2_PT_FIXED, info.properties);
  readProperties(tpm, TPM2_PT_VAR, info.properties);
  bool more = false;
  const auto data = getCapability(tpm, TPM2_CAP_PCRS, 0, 1, more);
  const TPML_PCR_SELECTION& banks = data->data.assignedPCR;
  for (UINT32 i = 0; i < banks.count; ++i) {
    const TPMS_PCR_SELECTION& bank = banks.pcrSelections[i];
    const BYTE* end = bank.pcrSelect + bank.sizeofSelect;
    if (std::any_of(bank.pcrSelect, end, [](BYTE byte) { return byte != 0; })) info.banks.push_back(bank.hash);
  }
  return info;
}

}  // namespace tpm2
