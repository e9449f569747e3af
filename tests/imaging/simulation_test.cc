// Generated Verilog in simulators, held against the interpreter in every pixel.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "pare/base/error.h"
#include "pare/imaging/parse.h"
#include "pare/imaging/verilog.h"
#include "pare/rtl/area.h"
#include "random_pipeline.h"
#include "simulate.h"

namespace pare::imaging {
namespace {

rtl::Memory dual_port() {
  rtl::Memory memory;
  memory.name = "dual";
  memory.ports = {.read_write = 2};
  memory.shapes = {{512, 32}, {1024, 16}, {2048, 8}};
  return memory;
}

rtl::Memory single_port() {
  rtl::Memory memory = dual_port();
  memory.name = "single";
  memory.kind = rtl::MemoryKind::sram;
  memory.ports = {.read_write = 1};
  memory.exact = true;
  return memory;
}

rtl::Memory two_lines_a_block() {
  rtl::Memory memory = dual_port();
  memory.name = "coalesced";
  memory.lines_per_block = 2;
  return memory;
}

/// Frames that differ.
std::vector<std::vector<Frame>> several(RandomPipeline& random, const Pipeline& pipeline, int width, int height) {
  std::vector<std::vector<Frame>> out;
  for (int i = 0; i < 3; ++i) out.push_back(random.frames(pipeline, width, height));
  return out;
}

class RandomPipelines : public testing::TestWithParam<unsigned> {
 protected:
  void equals_the_interpreter(RandomPipeline& random, const Pipeline& pipeline, int width, int height,
                              const rtl::Memory& memory, int lanes = 1) const {
    const Graph graph = graph_of(pipeline, width, height, lanes);
    const Schedule found = schedule(graph, memory);
    const Outcome outcome = simulate(pipeline, graph, found, memory, several(random, pipeline, width, height));
    EXPECT_TRUE(outcome.good) << "seed " << GetParam() << "\n" << outcome.log;
  }
};

TEST_P(RandomPipelines, EqualTheInterpreter) {
  const unsigned seed = GetParam();
  RandomPipeline random(seed);
  const Pipeline pipeline = random.make(2, seed % 3 == 2 ? 4 : 7, 2);  // two lines a block take the solver longest
  const int width = 7 + static_cast<int>(seed % 3), height = 6 + static_cast<int>(seed % 2);
  equals_the_interpreter(random, pipeline, width, height,
                         seed % 3 == 0   ? single_port()
                         : seed % 3 == 1 ? dual_port()
                                         : two_lines_a_block());
}

TEST_P(RandomPipelines, OfSeveralSizes) {
  const unsigned seed = GetParam();
  RandomPipeline random(1000 + seed);
  const Pipeline pipeline = random.make(1, 5, 1, true);
  const int size = 3 * std::ranges::max(steps(pipeline));
  equals_the_interpreter(random, pipeline, 2 * size, size, seed % 2 ? dual_port() : single_port());
}

TEST_P(RandomPipelines, SeveralPixelsAClock) {
  const unsigned seed = GetParam();
  RandomPipeline random(2000 + seed);
  const Pipeline pipeline = random.make(1, 4, 3);
  const int lanes = 2 << seed % 3, width = lanes * (8 / lanes + 1);
  equals_the_interpreter(random, pipeline, width, 7, seed % 2 ? dual_port() : single_port(), lanes);
}

/// PARE_PIPELINES=N runs so many instead of a handful.
unsigned pipelines() {
  const char* text = std::getenv("PARE_PIPELINES");
  return text ? static_cast<unsigned>(std::atoi(text)) : 6U;
}
INSTANTIATE_TEST_SUITE_P(Some, RandomPipelines, testing::Range(0U, pipelines()));

/// Waves, noise, and both.
std::vector<std::vector<Frame>> pictures(const Pipeline& pipeline, const Graph& graph) {
  std::mt19937 random(5);
  std::vector<std::vector<Frame>> out(3);
  for (std::size_t f = 0; f < out.size(); ++f)
    for (std::size_t s = 0; s < pipeline.stages.size(); ++s) {
      const Type& type = pipeline.stages[s].type;
      if (!pipeline.stages[s].is_input) continue;
      const Range all = codes(type);
      const auto span = static_cast<double>(all.high - all.low);
      Frame frame{graph.width / graph.stages[s].step, graph.height / graph.stages[s].step, type.channels, {}};
      for (int y = 0; y < frame.height; ++y)
        for (int x = 0; x < frame.width; ++x)
          for (int c = 0; c < frame.channels; ++c) {
            const double noise = std::uniform_real_distribution<>(0, 1)(random);
            const double wave = 0.5 + 0.5 * std::sin(0.35 * x + c + static_cast<double>(s)) * std::cos(0.25 * y);
            const double value = f == 0 ? wave : f == 1 ? noise : 0.8 * wave + 0.2 * noise;
            frame.codes.push_back(all.low + static_cast<std::int64_t>(value * span));
          }
      out[f].push_back(std::move(frame));
    }
  return out;
}

std::vector<std::string> examples() {
  std::vector<std::string> out;
  for (const auto& file : std::filesystem::directory_iterator(PARE_SOURCE_DIR "/examples/imaging"))
    if (file.path().extension() == ".pipe") out.push_back(file.path().stem().string());
  std::ranges::sort(out);
  return out;
}

class Examples : public testing::TestWithParam<std::string> {
 protected:
  const Pipeline pipeline = read_pipeline(PARE_SOURCE_DIR "/examples/imaging/" + GetParam() + ".pipe");

  void run(int width, int height, const rtl::Memory& memory, const std::string& targets = "lint test") const {
    const Graph graph = graph_of(pipeline, width, height);
    const Outcome outcome =
        simulate(pipeline, graph, schedule(graph, memory), memory, pictures(pipeline, graph), targets);
    EXPECT_TRUE(outcome.good) << width << " x " << height << ", " << memory.name << "\n" << outcome.log;
  }
  /// Windows of 18 columns and of 5 in an eighth of the image do not fit the smallest.
  int small() const {
    try {
      check_size(pipeline, 16, 16);
      return 16;
    } catch (const Error&) {
      return 40;
    }
  }
};

TEST_P(Examples, SmallOnDualPorts) { run(small(), small(), dual_port(), "lint test icarus"); }
TEST_P(Examples, SmallOnSinglePorts) { run(small(), small(), single_port()); }
TEST_P(Examples, LargerOnDualPorts) { run(48, 40, dual_port()); }
TEST_P(Examples, LargerOnSinglePorts) { run(48, 40, single_port()); }

INSTANTIATE_TEST_SUITE_P(All, Examples, testing::ValuesIn(examples()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

/// A -> B 3 x 3, A -> C 3 x 3, B -> C.
Pipeline two_readers() {
  PipelineBuilder builder("two_readers");
  const int a = builder.input("A", {.bits = 8});
  const auto box = [](StageBuilder& stage, int from) {
    std::vector<Expr> terms;
    for (int dy = -1; dy <= 1; ++dy)
      for (int dx = -1; dx <= 1; ++dx) terms.push_back(stage.read(from, dx, dy));
    return reduce(Op::add, terms);
  };
  StageBuilder b = builder.stage("B");
  const int blurred = b.finish({.bits = 12}, {box(b, a)});
  StageBuilder c = builder.stage("C");
  c.finish({.is_signed = true, .bits = 14}, {box(c, a) - c.read(blurred) + c.read(a)}, true);
  return builder.finish();
}

TEST(Mutations, NoBufferCanLoseALine) {
  const Pipeline pipeline = two_readers();
  const Graph graph = graph_of(pipeline, 12, 9);
  for (const rtl::Memory& memory : {dual_port(), single_port(), two_lines_a_block()}) {
    const Schedule found = schedule(graph, memory);
    const auto frames = pictures(pipeline, graph);
    const Outcome whole = simulate(pipeline, graph, found, memory, frames, "test");
    EXPECT_TRUE(whole.good) << whole.log;
    int tried = 0;
    for (std::size_t i = 0; i < found.buffers.size(); ++i) {
      Schedule less = found;
      Buffer& buffer = less.buffers[i];
      if (buffer.registers || buffer.lines <= buffer.lines_per_block) continue;
      buffer.lines -= buffer.lines_per_block;
      const Outcome outcome = simulate(pipeline, graph, less, memory, frames, "test");
      EXPECT_FALSE(outcome.good) << memory.name << ", buffer of stage " << buffer.stage;
      // it must have run, and have been wrong or stopped by the check of ports
      EXPECT_NE(outcome.log.find("\"good\": false"), std::string::npos) << outcome.log;
      ++tried;
    }
    EXPECT_GT(tried, 0);
  }
}

TEST(Mutations, PortsThatMeetStopTheSimulation) {
  const Pipeline pipeline = two_readers();
  const Graph graph = graph_of(pipeline, 12, 9);
  Schedule found = schedule(graph, dual_port());
  for (Buffer& buffer : found.buffers)
    for (auto& rows : buffer.ports) std::ranges::fill(rows, 0);
  const Outcome outcome = simulate(pipeline, graph, found, dual_port(), pictures(pipeline, graph), "test");
  EXPECT_FALSE(outcome.good);
  EXPECT_NE(outcome.log.find("two accesses to one port"), std::string::npos) << outcome.log;
}

TEST(Mutations, AFetchInTheCycleOfTheWriteIsNoticed) {
  const Pipeline pipeline = two_readers();
  const Graph graph = graph_of(pipeline, 12, 9);
  Schedule early = schedule(graph, dual_port());
  early.start[1] = early.start[0] + graph.look_ahead(graph.edges[0]) + graph.width;  // B's, one less than it can be
  const Outcome outcome = simulate(pipeline, graph, early, dual_port(), pictures(pipeline, graph), "test");
  EXPECT_FALSE(outcome.good) << outcome.log;
}

/// Specification, section 10: lines of 480 pixels of 16 bits in a block RAM each, two on ice40 (4 kbit).
TEST(Synthesis, BlockRamsAreThoseOfTheSchedule) {
  PipelineBuilder builder("box");
  const int image = builder.input("image", {.bits = 16});
  StageBuilder stage = builder.stage("sum");
  std::vector<Expr> terms;
  for (int dy = -1; dy <= 1; ++dy)
    for (int dx = -1; dx <= 1; ++dx) terms.push_back(stage.read(image, dx, dy));
  stage.finish({.bits = 20}, {reduce(Op::add, terms)}, true);
  const Pipeline pipeline = builder.finish();
  const Graph graph = graph_of(pipeline, 480, 320);
  const Schedule found = schedule(graph, dual_port());
  ASSERT_EQ(found.buffers.size(), 1U);
  const int lines = found.buffers[0].lines;
  const auto verilog = write_verilog(pipeline, graph, found, dual_port());
  const std::string top = top_module(pipeline);
  EXPECT_EQ(rtl::synthesise(verilog, top, rtl::Family::ice40).block_rams, 2 * lines);
  EXPECT_EQ(rtl::synthesise(verilog, top, rtl::Family::ecp5).block_rams, lines);
  const rtl::Area xilinx = rtl::synthesise(verilog, top, rtl::Family::xilinx7);
  EXPECT_EQ(xilinx.block_rams, lines);
  EXPECT_GT(xilinx.luts, 0);
  EXPECT_GT(xilinx.flip_flops, 0);
}

}  // namespace
}  // namespace pare::imaging
