// One conversation with a TPM. Owns everything that the conversation made inside it: a TPM without a resource manager has room for
// three objects and three sessions, so what is left behind there breaks the next caller.
#pragma once

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include <memory>
#include <string>
#include <vector>

namespace tpm2 {

struct EsysFree {
  void operator()(void* memory) const { Esys_Free(memory); }
};

// What the ESYS allocates for its caller.
template <typename T>
using EsysPtr = std::unique_ptr<T, EsysFree>;

class Connection {
 public:
  explicit Connection(const std::string& tcti);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  ESYS_CONTEXT* esys() const { return esys_; }

  // A transient object or a session: flushed at the end.
  ESYS_TR own(ESYS_TR handle);
  // A persistent object: ours is only the reference to it.
  ESYS_TR borrow(ESYS_TR handle);
  // Flushes before the end.
  void drop(ESYS_TR handle);

 private:
  struct Entry {
    ESYS_TR handle;
    bool flush;
  };

  void release(Entry& entry);

  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
  std::vector<Entry> entries_;
};

}  // namespace tpm2
