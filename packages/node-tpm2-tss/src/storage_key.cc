#include "storage_key.h"

#include <optional>

#include "tss_error.h"

namespace tpm2 {

namespace {

// Where the TCG's provisioning guidance puts the SRK.
constexpr TPM2_HANDLE kPersistentSrk = 0x81000001;

// A storage key whose private part was born in a TPM and never leaves it. And noDA: without it a lockout locks what is sealed under the
// key, and if it has an auth value, each call of ours would be counted as a wrong try.
constexpr TPMA_OBJECT kStorageKey = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                                    TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_NODA;

Bytes nameOf(Connection& tpm, ESYS_TR handle) {
  TPM2B_NAME* raw = nullptr;
  check("StorageKey", Esys_TR_GetName(tpm.esys(), handle, &raw));
  const EsysPtr<TPM2B_NAME> name(raw);
  return Bytes(name->name, name->name + name->size);
}

// Asking for the handle itself would be an error if it is not there, and errors are for errors.
bool hasPersistent(Connection& tpm) {
  TPMI_YES_NO more = TPM2_NO;
  TPMS_CAPABILITY_DATA* raw = nullptr;
  check("StorageKey", Esys_GetCapability(tpm.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                                         kPersistentSrk, 1, &more, &raw));
  const EsysPtr<TPMS_CAPABILITY_DATA> data(raw);
  const TPML_HANDLE& handles = data->data.handles;
  return handles.count == 1 && handles.handle[0] == kPersistentSrk;
}

bool isFit(Connection& tpm, ESYS_TR handle) {
  TPM2B_PUBLIC* raw = nullptr;
  check("StorageKey", Esys_ReadPublic(tpm.esys(), handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &raw, nullptr, nullptr));
  const EsysPtr<TPM2B_PUBLIC> area(raw);
  return (area->publicArea.objectAttributes & kStorageKey) == kStorageKey;
}

std::optional<StorageKey> openPersistent(Connection& tpm) {
  if (!hasPersistent(tpm)) return std::nullopt;
  ESYS_TR handle = ESYS_TR_NONE;
  check("StorageKey",
        Esys_TR_FromTPMPublic(tpm.esys(), kPersistentSrk, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &handle));
  tpm.borrow(handle);
  if (!isFit(tpm, handle)) return std::nullopt;
  return StorageKey{handle, nameOf(tpm, handle)};
}

// TCG EK credential profile / provisioning guidance, template "SRK ECC P-256". Any other attribute or `unique` is another key.
TPM2B_PUBLIC srkTemplate() {
  TPM2B_PUBLIC srk{};
  TPMT_PUBLIC& area = srk.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = kStorageKey | TPMA_OBJECT_USERWITHAUTH;
  area.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_AES;
  area.parameters.eccDetail.symmetric.keyBits.aes = 128;
  area.parameters.eccDetail.symmetric.mode.aes = TPM2_ALG_CFB;
  area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
  area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
  area.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
  area.unique.ecc.x.size = 32;
  area.unique.ecc.y.size = 32;
  return srk;
}

StorageKey createPrimary(Connection& tpm) {
  const TPM2B_SENSITIVE_CREATE sensitive{};
  const TPM2B_PUBLIC area = srkTemplate();
  const TPM2B_DATA outsideInfo{};
  const TPML_PCR_SELECTION creationPcr{};
  ESYS_TR handle = ESYS_TR_NONE;
  check("CreatePrimary",
        Esys_CreatePrimary(tpm.esys(), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &area,
                           &outsideInfo, &creationPcr, &handle, nullptr, nullptr, nullptr, nullptr));
  tpm.own(handle);
  return StorageKey{handle, nameOf(tpm, handle)};
}

}  // namespace

StorageKey openStorageKey(Connection& tpm) {
  const std::optional<StorageKey> persistent = openPersistent(tpm);
  return persistent ? *persistent : createPrimary(tpm);
}

StorageKey openStorageKey(Connection& tpm, const Bytes& name) {
  // Somebody may have put another SRK at the persistent handle since: what was sealed under the template still opens.
  const std::optional<StorageKey> persistent = openPersistent(tpm);
  if (persistent && persistent->name == name) return *persistent;
  const StorageKey primary = createPrimary(tpm);
  if (primary.name != name) throw TssError("StorageKeyName");
  return primary;
}

}  // namespace tpm2
