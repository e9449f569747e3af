#include "pare/runtime/block_cache.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>

namespace pare::runtime {
namespace {

constexpr std::size_t alignment = 64;       // what torch and its vectors expect
constexpr std::size_t smallest = 64 << 10;  // malloc keeps smaller blocks itself

/// Stands before every block, so that the pointer alone is enough to free it.
struct alignas(alignment) Header {
  std::size_t bytes;  // of the block behind it
};

class BlockCache final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &free_block, c10::Device(c10::DeviceType::CPU)};
    void* block = bytes < smallest ? new_block(bytes) : take((bytes + smallest - 1) / smallest * smallest);
    return {block, block, &free_block, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }

  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

  std::size_t unused() {
    const std::scoped_lock lock(mutex_);
    return unused_;
  }

  static BlockCache& instance() {
    static BlockCache* cache = new BlockCache;  // tensors may outlive every static object
    return *cache;
  }

 private:
  static void* new_block(std::size_t bytes) {
    auto* header =
        static_cast<Header*>(std::aligned_alloc(alignment, (bytes + 2 * alignment - 1) / alignment * alignment));
    if (!header) throw std::bad_alloc();
    header->bytes = bytes;
    return header + 1;
  }

  static void free_block(void* block) {
    if (!block) return;
    Header* header = static_cast<Header*>(block) - 1;
    if (header->bytes < smallest)
      std::free(header);
    else
      instance().give_back(header);
  }

  void* take(std::size_t bytes) {
    const std::scoped_lock lock(mutex_);
    used_ += bytes;
    if (const auto found = free_.lower_bound(bytes); found != free_.end() && found->first <= bytes + bytes / 8) {
      used_ += found->first - bytes;
      unused_ -= found->first;
      most_used_ = std::max(most_used_, used_);
      Header* header = found->second;
      free_.erase(found);
      return header + 1;
    }
    most_used_ = std::max(most_used_, used_);
    trim();
    return new_block(bytes);
  }

  void give_back(Header* header) {
    const std::scoped_lock lock(mutex_);
    used_ -= header->bytes;
    unused_ += header->bytes;
    free_.emplace(header->bytes, header);
    trim();
  }

  void trim() {
    while (used_ + unused_ > most_used_ + most_used_ / 4) {
      const auto largest = std::prev(free_.end());
      unused_ -= largest->first;
      std::free(largest->second);
      free_.erase(largest);
    }
  }

  std::mutex mutex_;
  std::multimap<std::size_t, Header*> free_;  // by size
  std::size_t used_ = 0, unused_ = 0, most_used_ = 0;
};

}  // namespace

void use_block_cache() { c10::SetCPUAllocator(&BlockCache::instance(), /*priority=*/1); }

std::size_t unused_block_bytes() { return BlockCache::instance().unused(); }

}  // namespace pare::runtime
