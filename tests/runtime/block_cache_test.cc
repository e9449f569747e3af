#include "pare/runtime/block_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

namespace pare::runtime {
namespace {

constexpr std::int64_t megabyte = 1 << 20;

at::Tensor bytes(std::int64_t n) { return at::empty({n}, at::kByte); }

TEST(BlockCache, GivesABlockToTheNextTensorOfItsSize) {
  use_block_cache();
  const void* first = nullptr;
  {
    const at::Tensor a = bytes(3 * megabyte);
    first = a.data_ptr();
  }
  EXPECT_GE(unused_block_bytes(), std::size_t{3} * megabyte);
  EXPECT_EQ(bytes(3 * megabyte).data_ptr(), first);
}

TEST(BlockCache, HoldsAQuarterMoreThanWasInUseAtMost) {
  use_block_cache();
  std::mt19937 random(1);
  std::vector<at::Tensor> held;
  std::size_t in_use = 0, most = unused_block_bytes();  // what earlier tests left counts as once used
  const auto drop = [&](std::size_t i) {
    in_use -= held[i].nbytes();
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
  };
  for (int i = 0; i < 2000; ++i) {
    if (held.size() > 8 || (!held.empty() && random() % 2)) drop(random() % held.size());
    held.push_back(bytes(static_cast<std::int64_t>(random() % (4 * megabyte))));
    held.back().fill_(i % 256);
    in_use += held.back().nbytes();
    most = std::max(most, in_use);
    // a block may be an eighth larger than asked for, and is whole pieces of 64 KiB
    ASSERT_LE(in_use + unused_block_bytes(), (most + most / 8 + 10 * (64 << 10)) * 5 / 4);
  }
}

TEST(BlockCache, TensorsDoNotOverlap) {
  use_block_cache();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      std::mt19937 random(static_cast<unsigned>(t));
      std::vector<std::pair<at::Tensor, int>> held;
      for (int i = 0; i < 300; ++i) {
        if (held.size() > 4) held.erase(held.begin());
        const int mark = (t * 61 + i) % 251;
        held.emplace_back(bytes(1 + static_cast<std::int64_t>(random() % megabyte)).fill_(mark), mark);
        for (const auto& [tensor, value] : held) ASSERT_TRUE(tensor.eq(value).all().item<bool>());
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(held.back().first.data_ptr()) % 64, 0u);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(BlockCache, EmptyTensors) {
  use_block_cache();
  EXPECT_EQ(bytes(0).numel(), 0);
  EXPECT_EQ(at::zeros({0, 5}).sum().item<float>(), 0);
}

}  // namespace
}  // namespace pare::runtime
