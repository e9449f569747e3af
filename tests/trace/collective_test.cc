#include "pare/trace/collective.h"

#include <gtest/gtest.h>

namespace pare::trace {
namespace {

TEST(Collective, NamesOfTorchNcclAndGloo) {
  using Kind = CollectiveKind;
  const std::pair<const char*, Kind> names[] = {{"allreduce", Kind::all_reduce},
                                                {"allreduce_coalesced", Kind::all_reduce},
                                                {"_allgather_base", Kind::all_gather},
                                                {"all_gather_into_tensor_coalesced", Kind::all_gather},
                                                {"_reduce_scatter_base", Kind::reduce_scatter},
                                                {"all_to_allv", Kind::all_to_all},
                                                {"broadcast", Kind::broadcast},
                                                {"reduce", Kind::reduce},
                                                {"gather", Kind::gather},
                                                {"scatter", Kind::scatter},
                                                {"barrier", Kind::barrier},
                                                {"recv", Kind::transfer},
                                                {"gloo:send", Kind::transfer},
                                                {"ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL", Kind::reduce_scatter}};
  for (const auto& [text, kind] : names) EXPECT_EQ(collective_kind(text), kind) << text;
  EXPECT_EQ(collective_kind("wait"), std::nullopt);
}

TEST(Collective, SizesOfElements) {
  EXPECT_EQ(element_bytes("BFloat16"), 2);
  EXPECT_EQ(element_bytes("c10::BFloat16"), 2);
  EXPECT_EQ(element_bytes("Float"), 4);
  EXPECT_EQ(element_bytes("long int"), 8);
  EXPECT_EQ(element_bytes("Float8_e4m3fn"), 1);
  EXPECT_EQ(element_bytes("Scalar"), 0);
}

CollectiveCall call(std::uint32_t file, std::int64_t sequence, double seconds) {
  return {.bytes = 100, .group_size = 2, .group = 1, .sequence = sequence, .file = file, .seconds = seconds};
}

TEST(Collective, TheTimeIsTheLeastOverRanks) {
  // the first waits on rank 0, the second on rank 1
  const auto times = collective_times({call(0, 1, 9), call(0, 2, 2), call(1, 1, 3), call(1, 2, 8)});
  ASSERT_EQ(times.size(), 1u);
  EXPECT_EQ(times[0].times.count, 2u);
  EXPECT_EQ(times[0].times.total, 5);
  EXPECT_EQ(times[0].times.least, 2);
  EXPECT_EQ(times[0].times.median, 2.5);
  EXPECT_EQ(times[0].alone, 0u);
}

TEST(Collective, WithoutNumbersTheOrderDecides) {
  const auto times = collective_times({call(0, -1, 9), call(0, -1, 2), call(1, -1, 3), call(1, -1, 8)});
  ASSERT_EQ(times.size(), 1u);
  EXPECT_EQ(times[0].times.total, 5);
}

TEST(Collective, OneRankAloneIsSaid) {
  const auto times = collective_times({call(0, 1, 9), call(0, 2, 2), call(1, 1, 3)});
  ASSERT_EQ(times.size(), 1u);
  EXPECT_EQ(times[0].alone, 1u);
}

TEST(Collective, GroupsAreNotMixed) {
  CollectiveCall other = call(1, 1, 3);
  other.group = 2;
  EXPECT_EQ(collective_times({call(0, 1, 9), other})[0].times.count, 2u);
}

TEST(Collective, GroupsWithoutASizeAreAsLargeAsFilesNameThem) {
  std::vector<CollectiveCall> calls;
  for (std::uint32_t file = 0; file < 3; ++file)
    calls.push_back(
        {.kind = CollectiveKind::all_gather, .bytes = 10, .file = file, .input_of_one_rank = true, .seconds = 1});
  const auto times = collective_times(calls);
  ASSERT_EQ(times.size(), 1u);
  EXPECT_EQ(times[0].group_size, 3);
  EXPECT_EQ(times[0].bytes, 30);
}

}  // namespace
}  // namespace pare::trace
