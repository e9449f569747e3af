#include "pare/imaging/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <numeric>

#include "pare/base/error.h"

namespace pare::imaging {
namespace {

/// A step that is not settled yet: columns between neighbouring pixels, in those of some stage.
struct Ratio {
  std::int64_t over = 0, under = 1;  // over 0: not known yet

  Ratio times(std::int64_t factor, std::int64_t divisor) const {
    const std::int64_t a = over * factor, b = under * divisor, common = std::gcd(a, b);
    return {a / common, b / common};
  }
  bool operator==(const Ratio&) const = default;
};

void check_side(const Pipeline& pipeline, const char* axis, int side) {
  if (side < 1 || side > most_side)
    throw Error(fmt::format("an image has 1 to {} {}, not {}", most_side, axis, side), pipeline.name);
}

}  // namespace

std::string name(const Type& type) {
  std::string text = fmt::format("{}{}", type.is_signed ? 's' : 'u', type.bits - type.fraction);
  if (type.fraction) text += fmt::format(".{}", type.fraction);
  if (type.channels > 1) text += fmt::format("x{}", type.channels);
  return text;
}

Range codes(const Type& type) {
  const std::int64_t values = std::int64_t{1} << type.bits;
  return type.is_signed ? Range{-values / 2, values / 2 - 1} : Range{0, values - 1};
}

int bits_of(const Range& range) {
  const auto width = [](std::int64_t v) { return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(v))); };
  if (range.low >= 0) return std::max(1, width(range.high));
  return 1 + std::max(width(~range.low), width(std::max<std::int64_t>(range.high, 0)));
}

int arity(Op op) {
  switch (op) {
    case Op::constant:
    case Op::pixel:
    case Op::column:
    case Op::row: return 0;
    case Op::absolute:
    case Op::negate:
    case Op::shift_left:
    case Op::shift_right:
    case Op::logical_not:
    case Op::lookup: return 1;
    case Op::select: return 3;
    default: return 2;
  }
}

int border_index(int i, int n, Border border) {
  if (i >= 0 && i < n) return i;
  if (border == Border::zero) return -1;
  if (border == Border::replicate) return std::clamp(i, 0, n - 1);
  return i < 0 ? -i : 2 * (n - 1) - i;
}

int Pipeline::find(const std::string& name) const {
  const auto found = std::ranges::find(stages, name, &Stage::name);
  return found == stages.end() ? -1 : static_cast<int>(found - stages.begin());
}

Window window(const Stage& stage, int source) {
  Window w;
  bool first = true;
  for (const Node& node : stage.nodes) {
    if (node.op != Op::pixel || node.read.source != source) continue;
    const auto [up, left] = std::pair(-node.read.dy, -node.read.dx);
    w = first ? Window{up, -up, left, -left}
              : Window{std::max(w.up, up), std::max(w.down, -up), std::max(w.left, left), std::max(w.right, -left)};
    first = false;
  }
  if (stage.border == Border::zero) return w;
  if (stage.border == Border::replicate)
    return {std::max(w.up, 0), std::max(w.down, 0), std::max(w.left, 0), std::max(w.right, 0)};
  const int rows = std::max(w.up, w.down), columns = std::max(w.left, w.right);
  return {rows, rows, columns, columns};
}

std::vector<int> steps(const Pipeline& pipeline) {
  if (pipeline.stages.empty()) return {};
  struct Link {
    std::size_t to;
    int multiply, divide;
  };
  const std::size_t count = pipeline.stages.size();
  std::vector<std::vector<Link>> links(count);
  for (std::size_t reader = 0; reader < count; ++reader)
    for (const Source& source : pipeline.stages[reader].sources) {
      links[static_cast<std::size_t>(source.stage)].push_back({reader, source.multiply, source.divide});
      links[reader].push_back({static_cast<std::size_t>(source.stage), source.divide, source.multiply});
    }
  std::vector<Ratio> ratios(count);
  for (std::size_t root = 0; root < count; ++root) {
    if (ratios[root].over) continue;
    ratios[root] = {1, 1};
    for (std::vector<std::size_t> open{root}; !open.empty();) {
      const std::size_t at = open.back();
      open.pop_back();
      for (const Link& link : links[at]) {
        const Ratio step = ratios[at].times(link.multiply, link.divide);
        if (std::max(step.over, step.under) > most_side)
          throw Error(fmt::format("stage '{}' is more than {} times larger or smaller than another",
                                  pipeline.stages[link.to].name, most_side),
                      pipeline.name);
        if (!ratios[link.to].over) {
          ratios[link.to] = step;
          open.push_back(link.to);
        } else if (ratios[link.to] != step) {
          throw Error(fmt::format("stage '{}' would need two sizes: '{}' meets images of different sizes",
                                  pipeline.stages[link.to].name, pipeline.stages[std::max(at, link.to)].name),
                      pipeline.name, "read all of them so that they have one size, as in a(2*x, 2*y) + b(x, y)");
        }
      }
    }
  }
  const Ratio finest = *std::ranges::min_element(
      ratios, [](const Ratio& a, const Ratio& b) { return a.over * b.under < b.over * a.under; });
  std::vector<int> out;
  for (std::size_t i = 0; i < count; ++i) {
    const Ratio step = ratios[i].times(finest.under, finest.over);
    if (step.under != 1)
      throw Error(fmt::format("stage '{}' is {}/{} of the finest stage's size, no whole part of it",
                              pipeline.stages[i].name, step.under, step.over),
                  pipeline.name, "sample by multiples of each other");
    out.push_back(static_cast<int>(step.over));
  }
  return out;
}

void check_size(const Pipeline& pipeline, int width, int height) {
  check_side(pipeline, "columns", width);
  check_side(pipeline, "rows", height);
  const std::vector<int> step = steps(pipeline);
  for (std::size_t i = 0; i < step.size(); ++i)
    if (width % step[i] || height % step[i])
      throw Error(fmt::format("{} x {} pixels do not divide by {}, as stage '{}' needs", width, height, step[i],
                              pipeline.stages[i].name),
                  pipeline.name, "crop or pad the image");
  for (const Stage& stage : pipeline.stages)
    for (std::size_t s = 0; s < stage.sources.size(); ++s) {
      const auto source = static_cast<std::size_t>(stage.sources[s].stage);
      const Window w = window(stage, static_cast<int>(s));
      const int rows = std::max(w.up, 0) + std::max(w.down, 0) + 1,
                columns = std::max(w.left, 0) + std::max(w.right, 0) + 1;
      if (columns > width / step[source] || rows > height / step[source])
        throw Error(
            fmt::format("stage '{}' needs a window of {} x {} of '{}', an image of {} x {}", stage.name, columns, rows,
                        pipeline.stages[source].name, width / step[source], height / step[source]),
            pipeline.name, "give a larger image");
    }
}

}  // namespace pare::imaging
