#include "sealing.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include <algorithm>

#include "connection.h"
#include "storage_key.h"
#include "tss_error.h"

namespace tpm2 {

namespace {

// The policy is checked anew after a register moved under it, this often at most.
constexpr int kPolicyAttempts = 3;

// continueSession everywhere, so that each session needs exactly one flush, whether its last command worked or not.
constexpr TPMA_SESSION kBothWays = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
// Unseal has no parameter on its way in.
constexpr TPMA_SESSION kAnswerOnly = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_ENCRYPT;

constexpr TSS2_RC kPcrChanged = TPM2_RC_PCR_CHANGED;

template <typename Buffer, typename Source>
void copyInto(const char* step, Buffer& buffer, const Source& bytes, std::size_t room, UINT16& size) {
  if (bytes.size() > room) throw TssError(step, TSS2_ESYS_RC_BAD_SIZE);
  size = static_cast<UINT16>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), buffer);
}

// Salted by the storage key: who listens on the bus learns neither the session's key nor what it encrypts, and cannot try out auth values.
ESYS_TR startSession(Connection& tpm, const StorageKey& srk, TPM2_SE type, TPMA_SESSION attributes) {
  TPMT_SYM_DEF aes{};
  aes.algorithm = TPM2_ALG_AES;
  aes.keyBits.aes = 128;
  aes.mode.aes = TPM2_ALG_CFB;
  ESYS_TR session = ESYS_TR_NONE;
  check("StartAuthSession", Esys_StartAuthSession(tpm.esys(), srk.handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, nullptr, type, &aes, TPM2_ALG_SHA256, &session));
  tpm.own(session);
  check("StartAuthSession", Esys_TRSess_SetAttributes(tpm.esys(), session, attributes, 0xff));
  return session;
}

TPM2B_PUBLIC sealedTemplate(const Bytes& policy) {
  TPM2B_PUBLIC area{};
  area.publicArea.type = TPM2_ALG_KEYEDHASH;
  area.publicArea.nameAlg = TPM2_ALG_SHA256;
  // noDA: wrong auth values must not bring the whole host's TPM (disk unlock included) into lockout.
  area.publicArea.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA;
  area.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
  TPM2B_DIGEST& digest = area.publicArea.authPolicy;
  copyInto("Create", digest.buffer, policy, sizeof digest.buffer, digest.size);
  return area;
}

// The whole of the bytes, and nothing behind them: Unmarshal itself stops at the end of the struct and does not look further.
template <typename T, typename Unmarshal>
T parse(const Bytes& bytes, Unmarshal unmarshal) {
  T value{};
  std::size_t used = 0;
  check("Unmarshal", unmarshal(bytes.data(), bytes.size(), &used, &value));
  if (used != bytes.size()) throw TssError("Unmarshal");
  return value;
}

template <typename T, typename Marshal>
Bytes format(const T& value, Marshal marshal) {
  Bytes bytes(sizeof value);
  std::size_t used = 0;
  check("Marshal", marshal(&value, bytes.data(), bytes.size(), &used));
  bytes.resize(used);
  return bytes;
}

ESYS_TR load(Connection& tpm, const StorageKey& srk, ESYS_TR session, const Sealed& sealed) {
  const auto area = parse<TPM2B_PUBLIC>(sealed.publicPart, Tss2_MU_TPM2B_PUBLIC_Unmarshal);
  const auto sensitive = parse<TPM2B_PRIVATE>(sealed.privatePart, Tss2_MU_TPM2B_PRIVATE_Unmarshal);
  ESYS_TR object = ESYS_TR_NONE;
  check("Load", Esys_Load(tpm.esys(), srk.handle, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &area, &object));
  return tpm.own(object);
}

ESYS_TR startPolicy(Connection& tpm, const StorageKey& srk, const UnsealRequest& request) {
  const ESYS_TR policy = startSession(tpm, srk, TPM2_SE_POLICY, TPMA_SESSION_CONTINUESESSION);
  if (!request.pcrs.empty()) {
    const TPML_PCR_SELECTION selection = request.pcrs.marshalled();
    const TPM2B_DIGEST asTheyAre{};
    check("PolicyPCR", Esys_PolicyPCR(tpm.esys(), policy, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &asTheyAre, &selection));
  }
  if (!request.auth.empty()) {
    check("PolicyAuthValue", Esys_PolicyAuthValue(tpm.esys(), policy, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE));
  }
  return policy;
}

}  // namespace

Sealed seal(const SealRequest& request) {
  Connection tpm(request.tcti);
  const StorageKey srk = openStorageKey(tpm);
  const ESYS_TR session = startSession(tpm, srk, TPM2_SE_HMAC, kBothWays);

  Wiped<TPM2B_SENSITIVE_CREATE> sensitive;
  TPM2B_AUTH& auth = sensitive->sensitive.userAuth;
  copyInto("Create", auth.buffer, request.auth, TPM2_SHA256_DIGEST_SIZE, auth.size);
  auto& data = sensitive->sensitive.data;
  copyInto("Create", data.buffer, request.secret, TPM2_MAX_SYM_DATA, data.size);

  const TPM2B_PUBLIC area = sealedTemplate(request.policy);
  const TPM2B_DATA outsideInfo{};
  const TPML_PCR_SELECTION creationPcr{};
  TPM2B_PRIVATE* rawPrivate = nullptr;
  TPM2B_PUBLIC* rawPublic = nullptr;
  check("Create", Esys_Create(tpm.esys(), srk.handle, session, ESYS_TR_NONE, ESYS_TR_NONE, sensitive.get(), &area,
                              &outsideInfo, &creationPcr, &rawPrivate, &rawPublic, nullptr, nullptr, nullptr));
  const EsysPtr<TPM2B_PRIVATE> privatePart(rawPrivate);
  const EsysPtr<TPM2B_PUBLIC> publicPart(rawPublic);
  return {srk.name, format(*publicPart, Tss2_MU_TPM2B_PUBLIC_Marshal), format(*privatePart, Tss2_MU_TPM2B_PRIVATE_Marshal)};
}

SecureBytes unseal(const UnsealRequest& request) {
  Connection tpm(request.tcti);
  const StorageKey srk = openStorageKey(tpm, request.sealed.storageKeyName);
  const ESYS_TR session = startSession(tpm, srk, TPM2_SE_HMAC, kBothWays);
  const ESYS_TR object = load(tpm, srk, session, request.sealed);
  check("Unseal", Esys_TRSess_SetAttributes(tpm.esys(), session, kAnswerOnly, 0xff));
  if (!request.auth.empty()) {
    Wiped<TPM2B_AUTH> auth;
    copyInto("Unseal", auth->buffer, request.auth, sizeof auth->buffer, auth->size);
    check("Unseal", Esys_TR_SetAuth(tpm.esys(), object, auth.get()));
  }
  for (int attempt = 1;; ++attempt) {
    const ESYS_TR policy = startPolicy(tpm, srk, request);
    TPM2B_SENSITIVE_DATA* raw = nullptr;
    const TSS2_RC code = Esys_Unseal(tpm.esys(), object, policy, session, ESYS_TR_NONE, &raw);
    // Any register that moves between PolicyPCR and here gives this, also one that is not selected.
    if (code == kPcrChanged && attempt < kPolicyAttempts) {
      tpm.drop(policy);
      continue;
    }
    check("Unseal", code);
    const EsysPtr<TPM2B_SENSITIVE_DATA> data(raw);
    SecureBytes secret(data->buffer, data->buffer + data->size);
    explicit_bzero(data->buffer, data->size);
    return secret;
  }
}

}  // namespace tpm2
