// A call of the TSS that failed: its response code and the step it failed in, because the same code means other things elsewhere
// (0x9a2 in CreatePrimary is the owner's password, in Unseal the caller's).
#pragma once

#include <tss2/tss2_common.h>
#include <tss2/tss2_rc.h>

#include <exception>
#include <string>

#include "turn.h"

namespace tpm2 {

class TssError : public std::exception {
 public:
  TssError(const char* step, TSS2_RC code) : step_(step), code_(code), text_(code == 0 ? "" : Tss2_RC_Decode(code)) {}

  // Found out by this package: no call of the TSS failed.
  explicit TssError(const char* step) : TssError(step, 0) {}

  const char* what() const noexcept override { return text_.c_str(); }
  const char* step() const noexcept { return step_; }
  TSS2_RC code() const noexcept { return code_; }
  const std::string& text() const noexcept { return text_; }

 private:
  const char* step_;
  TSS2_RC code_;
  std::string text_;
};

inline void check(const char* step, TSS2_RC code) {
  standStillIfLeftBehind();
  if (code != TSS2_RC_SUCCESS) throw TssError(step, code);
}

}  // namespace tpm2
