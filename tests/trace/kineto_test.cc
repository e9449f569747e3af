// What Kineto's files say, on small ones written after real ones.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "pare/base/error.h"
#include "pare/trace/read.h"

namespace pare::trace {
namespace {

using testing::HasSubstr;

std::string event(const std::string& category, const std::string& name, double start, double duration,
                  const std::string& arguments = "") {
  return fmt::format(
      R"({{"ph": "X", "cat": "{}", "name": "{}", "pid": 1, "tid": 2, "ts": {}, "dur": {}, "args": {{{}}}}})", category,
      name, start, duration, arguments);
}

std::string file(const std::vector<std::string>& events, const std::string& more = "") {
  return fmt::format(R"({{"schemaVersion": 1{}, "traceEvents": [{}]}})", more, fmt::join(events, ", "));
}

Trace parse(const std::vector<std::string>& events, const std::string& more = "") {
  return parse_trace(file(events, more), "t.json");
}

const OperatorTimes* find(const std::vector<OperatorTimes>& all, const Trace& trace, const std::string& name) {
  for (const auto& one : all)
    if (trace.texts[one.signature.name] == name) return &one;
  return nullptr;
}

std::string refused(const std::string& bytes) {
  try {
    parse_trace(bytes, "t.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "read";
}

TEST(Kineto, OwnTimesOnTheCpu) {
  const Trace trace = parse({event("cpu_op", "aten::linear", 0, 10),
                             event("cpu_op", "aten::addmm", 2, 6, R"("Input Dims": [[4], [2, 3]])"),
                             event("cpu_op", "aten::copy_", 3, 1), event("python_function", "f", 0, 100),
                             event("cpu_op", "aten::add", 10, 1)});
  const auto times = operator_times(trace);
  ASSERT_EQ(times.size(), 4u);
  EXPECT_NEAR(find(times, trace, "aten::linear")->own.total, 4e-6, 1e-12);
  EXPECT_NEAR(find(times, trace, "aten::addmm")->own.total, 5e-6, 1e-12);
  EXPECT_NEAR(find(times, trace, "aten::addmm")->whole.total, 6e-6, 1e-12);
  EXPECT_EQ(trace.texts[find(times, trace, "aten::addmm")->signature.shapes], "[[4],[2,3]]");
  EXPECT_EQ(find(times, trace, "aten::add")->signature.phase, Phase::unknown);
}

TEST(Kineto, ListsKeepTheirEmptyPlaces) {
  const Trace trace = parse({event(
      "cpu_op", "a", 0, 1, R"("Input type": ["", "", "float", ""], "Input Dims": [[], [], [[1, 2], []], [3]])")});
  const Signature& signature = trace.calls.at(0).signature;
  EXPECT_EQ(trace.texts[signature.types], "[,,float,]");
  EXPECT_EQ(trace.texts[signature.shapes], "[[],[],[[1,2],[]],[3]]");
}

TEST(Kineto, PhasesOfTraining) {
  const Trace trace = parse(
      {event("cpu_op", "aten::mm", 0, 1), event("cpu_op", "autograd::engine::evaluate_function: MmBackward0", 2, 5),
       event("cpu_op", "aten::mm", 3, 1, R"("Input Dims": [])"),
       event("user_annotation", "Optimizer.step#Adam.step", 10, 5), event("cpu_op", "aten::add_", 11, 1)});
  const auto times = operator_times(trace);
  std::map<std::string, Phase> phases;
  for (const auto& one : times)
    phases[trace.texts[one.signature.name] + trace.texts[one.signature.shapes]] = one.signature.phase;
  EXPECT_EQ(phases["aten::mm"], Phase::forward);
  EXPECT_EQ(phases["aten::mm[]"], Phase::backward);
  EXPECT_EQ(phases["aten::add_"], Phase::update);
}

TEST(Kineto, KernelsByLaunchByNumberOrAlone) {
  const Trace trace = parse({event("cpu_op", "aten::mm", 0, 10, R"("External id": 1)"),
                             event("cuda_runtime", "cudaLaunchKernel", 1, 1, R"("correlation": 7, "External id": 99)"),
                             event("kernel", "gemm", 100, 4, R"("correlation": 7, "External id": 99)"),
                             event("kernel", "gemm", 110, 2, R"("External id": 1)"),
                             event("gpu_memset", "Memset", 120, 8, R"("External id": 5)")});
  const auto times = operator_times(trace);
  EXPECT_EQ(trace.kernels, 3u);
  EXPECT_EQ(trace.kernels_alone, 1u);
  EXPECT_NEAR(find(times, trace, "aten::mm")->own.total, 6e-6, 1e-12);
  EXPECT_NEAR(find(times, trace, "Memset")->own.total, 8e-6, 1e-12);
}

constexpr const char* all_gather =
    R"("Collective name": "_allgather_base", "In msg nelems": 10, "Out msg nelems": 40, "Group size": 4,
       "dtype": "BFloat16", "Process Group Name": "0", "Process Group Ranks": [0, 1, 2, 3], "Seq": 3)";

TEST(Kineto, CollectivesOfKernels) {
  const Trace trace = parse({event("kernel", "ncclDevKernel_AllGather_RING_LL", 0, 5, all_gather)});
  ASSERT_EQ(trace.collectives.size(), 1u);
  const CollectiveCall& call = trace.collectives[0];
  EXPECT_EQ(call.kind, CollectiveKind::all_gather);
  EXPECT_EQ(call.bytes, 80);
  EXPECT_EQ(call.group_size, 4);
  EXPECT_EQ(call.sequence, 3);
  EXPECT_EQ(trace.texts[call.group], "0[0,1,2,3]");
  EXPECT_TRUE(trace.calls.empty());
}

TEST(Kineto, CollectivesOfTheCallThatMadeTheKernel) {  // as torch wrote them before kernels had the arguments
  const Trace trace =
      parse({event("cpu_op", "record_param_comms", 0, 1, fmt::format(R"("External id": 4, {})", all_gather)),
             event("kernel", "ncclDevKernel_AllGather_RING_LL", 5, 5, R"("External id": 4)"),
             event("kernel", "ncclDevKernel_AllGather_RING_LL", 20, 5, R"("External id": 6)")});
  EXPECT_EQ(trace.collectives.size(), 1u);
  EXPECT_EQ(trace.nameless, 1u);
}

TEST(Kineto, CollectivesOfGloo) {
  const std::string group = R"(, "distributedInfo": {"rank": 1, "pg_config": [{"pg_size": 2, "ranks": [0, 1]}]})";
  const std::string call =
      event("user_annotation", "gloo:all_gather", 0, 5, R"("Input Dims": [[8]], "Input type": ["float"])");
  const Trace trace = parse({call}, group);
  ASSERT_EQ(trace.collectives.size(), 1u);
  EXPECT_EQ(trace.collectives[0].bytes, 32);
  EXPECT_EQ(trace.collectives[0].group_size, 2);
  EXPECT_EQ(parse({call}).nameless, 1u);  // nobody knows the group
}

TEST(Kineto, ListsWithoutAnObject) {
  EXPECT_EQ(parse_trace("[" + event("cpu_op", "a", 0, 1) + "]", "t.json").calls.size(), 1u);
}

TEST(Kineto, OneClearLineForBadFiles) {
  EXPECT_THAT(refused(""), HasSubstr("is empty"));
  EXPECT_THAT(refused("{}"), HasSubstr("traceEvents"));
  EXPECT_THAT(refused(R"({"traceEvents": 3})"), HasSubstr("traceEvents"));
  const std::string whole = file({event("cpu_op", "a", 0, 1)});
  for (std::size_t bytes = 1; bytes < whole.size(); ++bytes)
    EXPECT_THAT(refused(whole.substr(0, bytes)), HasSubstr("damaged or cut off")) << bytes;
  EXPECT_THAT(refused(R"([{"ph": "X", "cat": "cpu_op", "name": "a", "ts": 1}])"),
              HasSubstr("event 1 ('a') needs a 'ts'"));
  EXPECT_THAT(refused(file({event("cpu_op", "a", 0, -1)})), HasSubstr("'dur' of at least 0"));
  EXPECT_THAT(refused(std::string(100, '[')), HasSubstr("more than 64 lists"));
  EXPECT_THAT(refused(R"([{"name": ")" + std::string(std::size_t{1} << 25, 'a')), HasSubstr("one text"));
}

}  // namespace
}  // namespace pare::trace
