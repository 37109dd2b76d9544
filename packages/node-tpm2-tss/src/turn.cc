#include "turn.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace tpm2 {

namespace {

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  bool taken = false;
  bool ending = false;
  std::atomic<bool> leftBehind{false};
};

// Never destroyed: threads may still wait on it when static destructors run.
State& state() {
  static auto* only = new State;
  return *only;
}

[[noreturn]] void standStill() {
  for (;;) pause();
}

}  // namespace

Turn::Turn() {
  std::unique_lock<std::mutex> lock(state().mutex);
  state().changed.wait(lock, [] { return !state().taken; });
  if (state().ending) {
    lock.unlock();
    standStill();
  }
  state().taken = true;
}

Turn::~Turn() {
  standStillIfLeftBehind();
  const std::lock_guard<std::mutex> lock(state().mutex);
  state().taken = false;
  state().changed.notify_all();
}

void endTurns(std::chrono::milliseconds patience) {
  std::unique_lock<std::mutex> lock(state().mutex);
  state().ending = true;
  if (!state().changed.wait_for(lock, patience, [] { return !state().taken; })) state().leftBehind = true;
}

void standStillIfLeftBehind() {
  if (state().leftBehind) standStill();
}

}  // namespace tpm2
