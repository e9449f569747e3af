// Generated Verilog in simulators, held against the interpreter in every pixel.
#include <gtest/gtest.h>

#include <cstdlib>

#include "pare/base/error.h"
#include "pare/imaging/parse.h"
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

/// Frames that differ.
std::vector<std::vector<Frame>> several(RandomPipeline& random, const Pipeline& pipeline, int width, int height) {
  std::vector<std::vector<Frame>> out;
  for (int i = 0; i < 3; ++i) out.push_back(random.frames(pipeline, width, height));
  return out;
}

class RandomPipelines : public testing::TestWithParam<unsigned> {};

TEST_P(RandomPipelines, EqualTheInterpreter) {
  const unsigned seed = GetParam();
  RandomPipeline random(seed);
  const Pipeline pipeline = random.make(2, 7, 2);
  const int width = 7 + static_cast<int>(seed % 3), height = 6 + static_cast<int>(seed % 2);
  const Graph graph = graph_of(pipeline, width, height);
  const rtl::Memory memory = seed % 2 ? single_port() : dual_port();
  const Schedule found = schedule(graph, memory);
  const Outcome outcome = simulate(pipeline, graph, found, memory, several(random, pipeline, width, height));
  EXPECT_TRUE(outcome.good) << "seed " << seed << "\n" << outcome.log;
}

TEST_P(RandomPipelines, OfSeveralSizes) {
  const unsigned seed = GetParam();
  RandomPipeline random(1000 + seed);
  const Pipeline pipeline = random.make(1, 5, 1, true);
  const int size = 3 * std::ranges::max(steps(pipeline)), width = 2 * size, height = size;
  const Graph graph = graph_of(pipeline, width, height);
  const rtl::Memory memory = seed % 2 ? dual_port() : single_port();
  const Schedule found = schedule(graph, memory);
  const Outcome outcome = simulate(pipeline, graph, found, memory, several(random, pipeline, width, height));
  EXPECT_TRUE(outcome.good) << "seed " << seed << "\n" << outcome.log;
}

TEST_P(RandomPipelines, SeveralPixelsAClock) {
  const unsigned seed = GetParam();
  RandomPipeline random(2000 + seed);
  const Pipeline pipeline = random.make(1, 4, 3);
  const int lanes = 2 << seed % 3, width = lanes * (8 / lanes + 1), height = 7;
  const Graph graph = graph_of(pipeline, width, height, lanes);
  const rtl::Memory memory = seed % 2 ? dual_port() : single_port();
  const Schedule found = schedule(graph, memory);
  const Outcome outcome = simulate(pipeline, graph, found, memory, several(random, pipeline, width, height));
  EXPECT_TRUE(outcome.good) << "seed " << seed << "\n" << outcome.log;
}

/// PARE_PIPELINES=N runs so many instead of a handful.
unsigned pipelines() {
  const char* text = std::getenv("PARE_PIPELINES");
  return text ? static_cast<unsigned>(std::atoi(text)) : 6U;
}
INSTANTIATE_TEST_SUITE_P(Some, RandomPipelines, testing::Range(0U, pipelines()));

}  // namespace
}  // namespace pare::imaging
