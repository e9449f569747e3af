#include "pare/imaging/graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/imaging/integers.h"

namespace pare::imaging {

int Graph::newest_word(const Edge& edge) const { return ceil_divide(edge.window.right, lanes); }

int Graph::look_ahead(const Edge& edge) const { return newest_word(edge) * stage(edge.producer).step + latency; }

Graph graph_of(const Pipeline& pipeline, int width, int height, int lanes) {
  check_size(pipeline, width, height);
  Graph graph{.width = width, .height = height, .lanes = lanes};
  const std::vector<int> step = steps(pipeline);
  if (lanes < 1 || width % lanes)
    throw UsageError(fmt::format("{} columns do not divide by {} pixels a clock", width, lanes), "--lanes",
                     "crop or pad the image");
  if (lanes > 1 && std::ranges::any_of(step, [](int s) { return s > 1; }))
    throw UsageError("a pipeline that samples down or up makes one pixel a clock", "--lanes", "leave it out");
  for (std::size_t i = 0; i < pipeline.stages.size(); ++i) {
    const Stage& stage = pipeline.stages[i];
    graph.stages.push_back(
        {stage.name, stage.type.bits * stage.type.channels, step[i], stage.is_input, stage.is_output});
    for (std::size_t s = 0; s < stage.sources.size(); ++s)
      graph.edges.push_back({stage.sources[s].stage, static_cast<int>(i), window(stage, static_cast<int>(s)),
                             stage.sources[s].multiply, stage.sources[s].divide});
  }
  std::ranges::sort(graph.edges, {}, [](const Edge& e) { return std::pair(e.consumer, e.producer); });
  return graph;
}

}  // namespace pare::imaging
