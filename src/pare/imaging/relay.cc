#include "pare/imaging/relay.h"

#include <algorithm>
#include <optional>

#include "pare/base/error.h"
#include "pare/base/stopwatch.h"

namespace pare::imaging {
namespace {

std::string free_name(const Pipeline& pipeline, const std::string& stage) {
  std::string name = stage + "_relay";
  for (int more = 2; pipeline.find(name) >= 0; ++more) name = stage + "_relay" + std::to_string(more);
  return name;
}

/// Readers of a stage by when they fetch, those that fetch together in one list.
std::vector<std::vector<int>> fetches(const Compiled& c, int stage) {
  std::vector<std::pair<std::int64_t, int>> all;
  for (const Edge& e : c.graph.edges)
    if (e.producer == stage) all.emplace_back(fetch_start(c.graph, c.schedule.start, e), e.consumer);
  std::ranges::sort(all);
  std::vector<std::vector<int>> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == 0 || all[i].first != all[i - 1].first) out.emplace_back();
    out.back().push_back(all[i].second);
  }
  return out;
}

std::optional<Compiled> scheduled(Pipeline pipeline, const Graph& like, const rtl::Memory& memory,
                                  const ScheduleOptions& options) {
  try {
    Compiled c{std::move(pipeline), {}, {}};
    c.graph = graph_of(c.pipeline, like.width, like.height, like.lanes);
    c.schedule = schedule(c.graph, memory, options);
    return c;
  } catch (const Error&) {  // no schedule, or none in time: not this relay
    return std::nullopt;
  }
}

}  // namespace

Pipeline with_relay(const Pipeline& pipeline, int stage, const std::vector<int>& readers) {
  Pipeline out = pipeline;
  const Stage& from = pipeline.stages[static_cast<std::size_t>(stage)];
  Stage copy{.name = free_name(pipeline, from.name), .type = from.type, .sources = {{.stage = stage}}};
  for (int channel = 0; channel < from.type.channels; ++channel) {
    copy.roots.push_back(channel);
    copy.nodes.push_back({.op = Op::pixel, .read = {.channel = channel}, .range = codes(from.type)});
  }
  const auto moved = [&](int s) { return s > stage ? s + 1 : s; };
  for (std::size_t s = 0; s < out.stages.size(); ++s) {
    const bool relayed = std::ranges::find(readers, static_cast<int>(s)) != readers.end();
    for (Source& source : out.stages[s].sources)
      source.stage = relayed && source.stage == stage ? stage + 1 : moved(source.stage);
  }
  out.stages.insert(out.stages.begin() + stage + 1, std::move(copy));
  return out;
}

Compiled relay(Compiled best, const rtl::Memory& memory, const ScheduleOptions& options) {
  const Stopwatch watch;
  ScheduleOptions each = options;
  each.suggest = false;
  for (bool better = true; better;) {
    better = false;
    Compiled next = best;
    for (const Buffer& b : best.schedule.buffers) {
      if (b.registers) continue;
      const auto readers = fetches(best, b.stage);
      std::vector<int> late;
      for (std::size_t from = readers.size(); from-- > 1;) {
        late.insert(late.end(), readers[from].begin(), readers[from].end());
        each.time_limit_s = options.time_limit_s - watch.seconds();
        if (each.time_limit_s <= 0) return next;
        const auto tried = scheduled(with_relay(best.pipeline, b.stage, late), best.graph, memory, each);
        if (!tried || tried->schedule.objective >= next.schedule.objective - 1e-6) continue;
        next = *tried;
        better = true;
      }
    }
    best = std::move(next);
  }
  return best;
}

}  // namespace pare::imaging
