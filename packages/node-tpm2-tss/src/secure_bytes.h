// Memory for secrets: overwritten before it is given back. No protection against a core dump or a debugger.
#pragma once

#include <string.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tpm2 {

template <typename T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) {}

  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }

  void deallocate(T* memory, std::size_t count) {
    // Not memset: a compiler drops writes to memory that is freed next.
    explicit_bzero(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }

  bool operator==(const WipingAllocator&) const { return true; }
  bool operator!=(const WipingAllocator&) const { return false; }
};

using Bytes = std::vector<uint8_t>;
using SecureBytes = std::vector<uint8_t, WipingAllocator<uint8_t>>;

// A C struct of the TSS that holds a secret for a moment.
template <typename T>
class Wiped {
 public:
  Wiped() = default;
  ~Wiped() { explicit_bzero(&value_, sizeof value_); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

  T* operator->() { return &value_; }
  const T* get() const { return &value_; }

 private:
  T value_{};
};

}  // namespace tpm2
