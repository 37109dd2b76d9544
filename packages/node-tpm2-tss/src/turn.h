// One conversation with the TPM at a time in this process, and none while the process ends.
//
// Commands of two conversations get mixed up in a TPM without a resource manager. The queue in JavaScript keeps order and deadlines; this
// holds where there are several of it (worker threads). And exit handlers free what a conversation uses (OpenSSL, Node's own structures):
// of 120 processes that called process.exit() during a seal, 10 ended by SIGSEGV without the wait below.
#pragma once

#include <chrono>

namespace tpm2 {

// For as long as it lives, this thread may use the TSS and call into Node. Waits for its turn; once the process ends it gets none.
class Turn {
 public:
  Turn();
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
};

// On the main thread, before exit handlers run. Gives a conversation under way so long to come to its end; one that hangs is left
// behind, and stands still at its next step if it ever gets there.
void endTurns(std::chrono::milliseconds patience);

// A conversation goes no further once it was left behind.
void standStillIfLeftBehind();

}  // namespace tpm2
