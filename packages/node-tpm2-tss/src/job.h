// Runs one piece of TPM work off the main thread, on a thread of its own and not on libuv's pool: a silent TPM cannot be timed out from
// inside the TSS, so a pool thread would be lost for good, and process.exit() would wait for it.
#pragma once

#include <napi.h>

#include <functional>

namespace tpm2 {

// Makes the JavaScript value of a result, on the main thread. Owns what it needs for that.
using Deliver = std::function<Napi::Value(Napi::Env)>;
using Work = std::function<Deliver()>;

// Calls `callback(failure, value)` once; failure is {step, code, text}. Answers with an object whose `abandon()` lets the process end
// though the work has not.
Napi::Value startJob(Napi::Env env, Napi::Function callback, Work work);

}  // namespace tpm2
