// Relays change when and where pixels are kept, never what is computed.
#include "pare/imaging/relay.h"

#include <gtest/gtest.h>

#include <random>

#include "pare/imaging/interpret.h"
#include "pare/imaging/parse.h"
#include "random_pipeline.h"
#include "simulate.h"

namespace pare::imaging {
namespace {

Pipeline example(const std::string& name) {
  return read_pipeline(std::string(PARE_SOURCE_DIR) + "/examples/imaging/" + name + ".pipe");
}

/// Outputs of an image drawn by chance.
std::vector<std::vector<std::int64_t>> outputs(const Pipeline& pipeline) {
  std::mt19937_64 random(3);
  std::vector<Frame> inputs;
  const auto step = steps(pipeline);
  for (std::size_t s = 0; s < pipeline.stages.size(); ++s) {
    const Stage& stage = pipeline.stages[s];
    if (!stage.is_input) continue;
    Frame frame{64 / step[s], 48 / step[s], stage.type.channels, {}};
    const Range all = codes(stage.type);
    for (int i = 0; i < frame.width * frame.height * frame.channels; ++i)
      frame.codes.push_back(all.low +
                            static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(all.high - all.low + 1)));
    inputs.push_back(std::move(frame));
  }
  std::vector<std::vector<std::int64_t>> out;
  for (Frame& frame : interpret(pipeline, inputs)) out.push_back(std::move(frame.codes));
  return out;
}

std::vector<int> readers(const Pipeline& pipeline, int stage) {
  std::vector<int> out;
  for (std::size_t s = 0; s < pipeline.stages.size(); ++s)
    for (const Source& source : pipeline.stages[s].sources)
      if (source.stage == stage) out.push_back(static_cast<int>(s));
  return out;
}

TEST(Relay, ComputesTheSame) {
  for (const char* name : {"canny-m", "denoise-m", "unsharp-m", "demosaic", "laplacian-pyramid"}) {
    const Pipeline pipeline = example(name);
    const auto wanted = outputs(pipeline);
    for (int stage = 0; stage < static_cast<int>(pipeline.stages.size()); ++stage) {
      const auto all = readers(pipeline, stage);
      if (all.empty()) continue;
      // all readers, and only the last; then a relay of the relay
      Pipeline relayed = with_relay(pipeline, stage, all);
      EXPECT_EQ(outputs(relayed), wanted) << name << " " << stage;
      EXPECT_EQ(readers(relayed, stage), std::vector{stage + 1});
      relayed = with_relay(pipeline, stage, {all.back()});
      EXPECT_EQ(outputs(relayed), wanted) << name << " " << stage;
      relayed = with_relay(relayed, stage + 1, readers(relayed, stage + 1));
      EXPECT_EQ(outputs(relayed), wanted) << name << " " << stage;
      EXPECT_NE(relayed.stages[static_cast<std::size_t>(stage + 1)].name,
                relayed.stages[static_cast<std::size_t>(stage + 2)].name);
    }
  }
}

TEST(Relay, KeepsLinesThatAreNotReadTwice) {
  // i is read in 3 x 3 by b, and at the pixel by o, which comes after b: with one port that reads, i's rows must all
  // lie behind b's window before o may read them; a relay hands them on as b fetches
  const Pipeline pipeline = parse_pipeline(
      "input i: u8\n"
      "stage b: u8 = sum(dy in -1..1, dx in -1..1: i(x + dx, y + dy)) >> 4\n"
      "output o: u8 = max(i(x, y), b(x, y))\n",
      "test", "test");
  const rtl::Memory memory = rtl::find_memory("ice40");
  Compiled plain{pipeline, graph_of(pipeline, 480, 64), {}};
  const ScheduleOptions lines{.objective = Objective::lines};
  plain.schedule = schedule(plain.graph, memory, lines);
  const Compiled relayed = relay(plain, memory, lines);
  EXPECT_EQ(relayed.schedule.lines(), 3);
  EXPECT_GT(plain.schedule.lines(), 3);
  ASSERT_EQ(relayed.pipeline.stages.size(), 4U);
  EXPECT_EQ(relayed.pipeline.stages[1].name, "i_relay");
  for (const Buffer& b : relayed.schedule.buffers)
    EXPECT_EQ(conflict(relayed.graph, relayed.schedule.start, b, memory.ports), "");
  EXPECT_EQ(outputs(relayed.pipeline), outputs(pipeline));
}

TEST(Relay, HardwareEqualsTheInterpreter) {
  RandomPipeline random(4);
  for (const char* name : {"unsharp-m", "harris-m"})
    for (const char* memory_name : {"ice40", "sram-single-port"}) {
      const Pipeline pipeline = example(name);
      const rtl::Memory memory = rtl::find_memory(memory_name);
      Compiled plain{pipeline, graph_of(pipeline, 64, 12), {}};
      plain.schedule = schedule(plain.graph, memory);
      const Compiled relayed = relay(plain, memory, {});
      EXPECT_LT(relayed.schedule.blocks(), plain.schedule.blocks()) << name;
      const Outcome outcome = simulate(relayed.pipeline, relayed.graph, relayed.schedule, memory,
                                       {random.frames(pipeline, 64, 12), random.frames(pipeline, 64, 12)});
      EXPECT_TRUE(outcome.good) << name << " " << memory_name << "\n" << outcome.log;
    }
}

TEST(Relay, IsLeftOutWhereItDoesNotHelp) {
  const Pipeline pipeline = example("harris-s");
  const rtl::Memory memory = rtl::find_memory("xilinx7");
  Compiled plain{pipeline, graph_of(pipeline, 480, 64), {}};
  plain.schedule = schedule(plain.graph, memory);
  EXPECT_EQ(relay(plain, memory, {}).pipeline.stages.size(), pipeline.stages.size());
}

}  // namespace
}  // namespace pare::imaging
