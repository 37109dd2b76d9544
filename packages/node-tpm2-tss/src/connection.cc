#include "connection.h"

#include <algorithm>

#include "tss_error.h"
#include "turn.h"

namespace tpm2 {

Connection::Connection(const std::string& tcti) {
  check("Connect", Tss2_TctiLdr_Initialize(tcti.c_str(), &tcti_));
  TSS2_RC code = Esys_Initialize(&esys_, tcti_, nullptr);
  if (code != TSS2_RC_SUCCESS) {
    Tss2_TctiLdr_Finalize(&tcti_);
    throw TssError("Initialize", code);
  }
}

Connection::~Connection() {
  standStillIfLeftBehind();
  // In reverse: a session may refer to a key.
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) release(*entry);
  Esys_Finalize(&esys_);
  Tss2_TctiLdr_Finalize(&tcti_);
}

ESYS_TR Connection::own(ESYS_TR handle) {
  entries_.push_back({handle, true});
  return handle;
}

ESYS_TR Connection::borrow(ESYS_TR handle) {
  entries_.push_back({handle, false});
  return handle;
}

void Connection::drop(ESYS_TR handle) {
  auto found = std::find_if(entries_.begin(), entries_.end(), [handle](const Entry& e) { return e.handle == handle; });
  if (found == entries_.end()) return;
  Entry entry = *found;
  entries_.erase(found);
  release(entry);
}

void Connection::release(Entry& entry) {
  // Nothing to be done about a failure here, and the one that led here says more.
  if (entry.flush) {
    Esys_FlushContext(esys_, entry.handle);
  } else {
    Esys_TR_Close(esys_, &entry.handle);
  }
}

}  // namespace tpm2
