#include "pcr.h"

#include <tss2/tss2_esys.h>

#include <algorithm>

#include "connection.h"
#include "tss_error.h"

namespace tpm2 {

namespace {

// How often values that changed while they were read are read again.
constexpr int kAttempts = 3;

bool isSet(const BYTE* mask, unsigned index) { return (mask[index / 8] & (1u << (index % 8))) != 0; }

// One round: the TPM answers with at most eight values a command. False: a register moved in between.
bool readRound(Connection& tpm, PcrSelection selection, std::map<unsigned, Bytes>& values) {
  values.clear();
  UINT32 firstCounter = 0;
  for (bool first = true; !selection.empty(); first = false) {
    const TPML_PCR_SELECTION wanted = selection.marshalled();
    UINT32 counter = 0;
    TPML_PCR_SELECTION* rawSelected = nullptr;
    TPML_DIGEST* rawDigests = nullptr;
    check("PCR_Read", Esys_PCR_Read(tpm.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wanted, &counter,
                                    &rawSelected, &rawDigests));
    const EsysPtr<TPML_PCR_SELECTION> selected(rawSelected);
    const EsysPtr<TPML_DIGEST> digests(rawDigests);
    if (first) firstCounter = counter;
    if (counter != firstCounter) return false;

    UINT32 used = 0;
    for (unsigned index = 0; index < kPcrs && selected->count == 1 && used < digests->count; ++index) {
      const TPMS_PCR_SELECTION& got = selected->pcrSelections[0];
      if (index / 8 >= got.sizeofSelect || !isSet(got.pcrSelect, index)) continue;
      const TPM2B_DIGEST& digest = digests->digests[used++];
      values[index] = Bytes(digest.buffer, digest.buffer + digest.size);
      selection.mask[index / 8] &= static_cast<uint8_t>(~(1u << (index % 8)));
    }
    if (used == 0) break;
  }
  return true;
}

}  // namespace

bool PcrSelection::empty() const {
  return std::all_of(mask.begin(), mask.end(), [](uint8_t byte) { return byte == 0; });
}

TPML_PCR_SELECTION PcrSelection::marshalled() const {
  TPML_PCR_SELECTION list{};
  list.count = 1;
  list.pcrSelections[0].hash = bank;
  list.pcrSelections[0].sizeofSelect = static_cast<UINT8>(mask.size());
  std::copy(mask.begin(), mask.end(), list.pcrSelections[0].pcrSelect);
  return list;
}

std::map<unsigned, Bytes> readPcrs(const std::string& tcti, const PcrSelection& selection) {
  Connection tpm(tcti);
  std::map<unsigned, Bytes> values;
  for (int attempt = 1; !readRound(tpm, selection, values) && attempt < kAttempts; ++attempt) {
  }
  return values;
}

}  // namespace tpm2
