#include "job.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "tss_error.h"
#include "turn.h"

namespace tpm2 {

namespace {

struct Failure {
  std::string step;
  uint32_t code = 0;
  std::string text;
};

struct Outcome {
  Deliver deliver;
  Failure failure;
};

std::unique_ptr<Outcome> perform(const Work& work) {
  auto outcome = std::make_unique<Outcome>();
  try {
    outcome->deliver = work();
  } catch (const TssError& error) {
    outcome->failure = {error.step(), error.code(), error.text()};
  } catch (const std::exception& error) {
    outcome->failure = {"Internal", 0, error.what()};
  }
  return outcome;
}

void callBack(Napi::Env env, Napi::Function callback, Outcome* raw) {
  const std::unique_ptr<Outcome> outcome(raw);
  if (env == nullptr || callback.IsEmpty()) return;
  if (outcome->deliver) {
    callback.Call({env.Null(), outcome->deliver(env)});
    return;
  }
  Napi::Object failure = Napi::Object::New(env);
  failure["step"] = outcome->failure.step;
  failure["code"] = Napi::Number::New(env, outcome->failure.code);
  failure["text"] = outcome->failure.text;
  callback.Call({failure, env.Undefined()});
}

}  // namespace

Napi::Value startJob(Napi::Env env, Napi::Function callback, Work work) {
  // Both are touched on the main thread only.
  auto isOver = std::make_shared<bool>(false);
  auto toMain = Napi::ThreadSafeFunction::New(env, callback, "tpm2", 0, 1, [isOver](Napi::Env) { *isOver = true; });
  std::thread([toMain, work = std::move(work)]() mutable {
    const Turn turn;
    std::unique_ptr<Outcome> outcome = perform(work);
    // The request holds secrets: gone before anybody hears of the result.
    work = nullptr;
    standStillIfLeftBehind();
    const napi_status status = toMain.NonBlockingCall(outcome.get(), callBack);
    // Its environment (a worker thread) has ended: the function is not to be touched again.
    if (status == napi_closing) return;
    // callBack owns it now.
    if (status == napi_ok) static_cast<void>(outcome.release());
    toMain.Release();
  }).detach();

  Napi::Object job = Napi::Object::New(env);
  job["abandon"] = Napi::Function::New(
      env,
      [toMain, isOver](const Napi::CallbackInfo& info) {
        if (!*isOver) toMain.Unref(info.Env());
      },
      "abandon");
  return job;
}

}  // namespace tpm2
