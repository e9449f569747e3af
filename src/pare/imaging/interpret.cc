// Node by node over pieces of a row, so that every loop is a plain one over an array.
#include "pare/imaging/interpret.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/imaging/integers.h"

namespace pare::imaging {
namespace {

using std::size_t;

/// One row of a source's channel, with what the border rule puts beside it.
struct Tap {
  int source = 0, channel = 0, dy = 0;
  bool operator==(const Tap&) const = default;
};

/// Computes rows of one stage in T, which holds every node's range.
template <typename T>
class Rows {
 public:
  Rows(const Pipeline& pipeline, const Stage& stage, const std::vector<Frame>& frames, Frame& out)
      : pipeline_(pipeline), stage_(stage), frames_(frames), out_(out), values_(stage.nodes.size()) {
    for (size_t s = 0; s < stage.sources.size(); ++s) windows_.push_back(window(stage, static_cast<int>(s)));
    for (const Node& node : stage.nodes) taps_of_.push_back(node.op == Op::pixel ? tap(node.read) : 0);
    padded_.resize(taps_.size());
    // short pieces where there are many nodes, so that the values stay in the cache
    piece_ = std::clamp((size_t{1} << 16) / stage.nodes.size(), size_t{16}, size_t{512});
    buffers_.resize(stage.nodes.size() * piece_);
  }

  void row(int y) {
    for (size_t i = 0; i < taps_.size(); ++i) pad(taps_[i], y, padded_[i]);
    const auto width = static_cast<size_t>(out_.width), channels = stage_.roots.size();
    for (size_t x = 0; x < width; x += piece_) {
      const size_t count = std::min(piece_, width - x);
      for (size_t i = 0; i < stage_.nodes.size(); ++i) values_[i] = evaluate(i, static_cast<int>(x), y, count);
      std::int64_t* to = out_.codes.data() + (static_cast<size_t>(y) * width + x) * channels;
      for (size_t c = 0; c < channels; ++c) {
        const T* from = values_[static_cast<size_t>(stage_.roots[c])];
        for (size_t i = 0; i < count; ++i) to[i * channels + c] = from[i];
      }
    }
  }

 private:
  size_t tap(const Read& read) {
    const Tap tap{read.source, read.channel, read.dy};
    const auto found = std::ranges::find(taps_, tap);
    if (found != taps_.end()) return static_cast<size_t>(found - taps_.begin());
    taps_.push_back(tap);
    return taps_.size() - 1;
  }

  const Source& source_of(int source) const { return stage_.sources[static_cast<size_t>(source)]; }
  const Frame& frame_of(int source) const { return frames_[static_cast<size_t>(source_of(source).stage)]; }
  int margin(int source) const { return std::max(windows_[static_cast<size_t>(source)].left, 0); }

  void pad(const Tap& tap, int y, std::vector<T>& to) const {
    const Frame& frame = frame_of(tap.source);
    const Source& source = source_of(tap.source);
    const int left = margin(tap.source), right = std::max(windows_[static_cast<size_t>(tap.source)].right, 0),
              length = left + frame.width + right;
    to.assign(static_cast<size_t>(length), 0);
    const int from_row = border_index(y * source.multiply / source.divide + tap.dy, frame.height, stage_.border);
    if (from_row < 0) return;
    const auto channels = static_cast<size_t>(frame.channels);
    const std::int64_t* from = frame.codes.data() +
                               static_cast<size_t>(from_row) * static_cast<size_t>(frame.width) * channels +
                               static_cast<size_t>(tap.channel);
    for (int i = 0; i < length; ++i) {
      const int column = border_index(i - left, frame.width, stage_.border);
      if (column >= 0) to[static_cast<size_t>(i)] = static_cast<T>(from[static_cast<size_t>(column) * channels]);
    }
  }

  const T* evaluate(size_t index, int x, int y, size_t count) {
    const Node& node = stage_.nodes[index];
    T* out = buffers_.data() + index * piece_;
    const auto argument = [&](int i) {
      const int from = node.arguments[static_cast<size_t>(i)];
      return from < 0 ? nullptr : values_[static_cast<size_t>(from)];
    };
    const T *a = argument(0), *b = argument(1), *c = argument(2);
    const auto one = [&](auto f) {
      for (size_t i = 0; i < count; ++i) out[i] = static_cast<T>(f(a[i]));
      return out;
    };
    const auto two = [&](auto f) {
      for (size_t i = 0; i < count; ++i) out[i] = static_cast<T>(f(a[i], b[i]));
      return out;
    };
    const auto shift = std::min<std::int64_t>(node.value, std::numeric_limits<T>::digits);
    switch (node.op) {
      case Op::constant: std::fill_n(out, count, static_cast<T>(node.value)); return out;
      case Op::pixel: return pixels(node.read, padded_[taps_of_[index]], x, count, out);
      case Op::column:
        for (size_t i = 0; i < count; ++i) out[i] = static_cast<T>(static_cast<size_t>(x) + i);
        return out;
      case Op::row: std::fill_n(out, count, static_cast<T>(y)); return out;
      case Op::add: return two([](T u, T v) { return u + v; });
      case Op::subtract: return two([](T u, T v) { return u - v; });
      case Op::multiply: return two([](T u, T v) { return u * v; });
      case Op::divide: return two(floor_divide<T>);
      case Op::modulo: return two([](T u, T v) { return u - v * floor_divide(u, v); });
      case Op::minimum: return two([](T u, T v) { return std::min(u, v); });
      case Op::maximum: return two([](T u, T v) { return std::max(u, v); });
      case Op::absolute: return one([](T u) { return u < 0 ? -u : u; });
      case Op::negate: return one([](T u) { return -u; });
      case Op::shift_left: return one([shift](T u) { return static_cast<T>(u * (std::int64_t{1} << shift)); });
      case Op::shift_right: return one([shift](T u) { return u >> shift; });
      case Op::bit_and: return two([](T u, T v) { return u & v; });
      case Op::bit_or: return two([](T u, T v) { return u | v; });
      case Op::bit_xor: return two([](T u, T v) { return u ^ v; });
      case Op::less: return two([](T u, T v) { return u < v; });
      case Op::less_equal: return two([](T u, T v) { return u <= v; });
      case Op::equal: return two([](T u, T v) { return u == v; });
      case Op::logical_not: return one([](T u) { return u == 0; });
      case Op::select:
        for (size_t i = 0; i < count; ++i) out[i] = a[i] != 0 ? b[i] : c[i];
        return out;
      case Op::lookup: {
        const std::int64_t* entries = pipeline_.tables[static_cast<size_t>(node.value)].entries.data();
        return one([entries](T u) { return entries[u]; });
      }
    }
    return out;
  }

  const T* pixels(const Read& read, const std::vector<T>& row, int x, size_t count, T* out) const {
    const Source& source = source_of(read.source);
    const T* from = row.data() + margin(read.source) + read.dx;
    if (source.multiply == source.divide) return from + x;
    for (size_t i = 0; i < count; ++i) out[i] = from[(x + static_cast<int>(i)) * source.multiply / source.divide];
    return out;
  }

  const Pipeline& pipeline_;
  const Stage& stage_;
  const std::vector<Frame>& frames_;
  Frame& out_;
  std::vector<Window> windows_;
  std::vector<Tap> taps_;
  std::vector<size_t> taps_of_;         // of each node
  std::vector<std::vector<T>> padded_;  // of each tap
  size_t piece_ = 0;
  std::vector<T> buffers_;        // [nodes, piece]
  std::vector<const T*> values_;  // of each node
};

template <typename T>
void compute(const Pipeline& pipeline, const Stage& stage, const std::vector<Frame>& frames, Frame& out) {
  const auto height = static_cast<size_t>(out.height), bands = std::min(height, 4 * static_cast<size_t>(threads()));
  parallel_for(bands, [&](size_t band) {
    Rows<T> rows(pipeline, stage, frames, out);
    for (size_t y = height * band / bands; y < height * (band + 1) / bands; ++y) rows.row(static_cast<int>(y));
  });
}

bool fits_32(const Stage& stage) {
  using Limits = std::numeric_limits<std::int32_t>;
  return std::ranges::all_of(stage.nodes, [](const Node& node) {
    return node.range.low >= Limits::min() + 1 && node.range.high <= Limits::max();
  });
}

void check_input(const Frame& frame, const Stage& stage, int width, int height) {
  const auto refuse = [&](const std::string& what, const std::string& mend) {
    throw Error(what, fmt::format("input '{}'", stage.name), mend);
  };
  if (frame.channels != stage.type.channels)
    refuse(fmt::format("the image has {} channels, the type {} has {}", frame.channels, name(stage.type),
                       stage.type.channels),
           "convert the image, or change the type");
  if (frame.width != width || frame.height != height)
    refuse(fmt::format("the image is {} x {} pixels, {} x {} are needed beside the first", frame.width, frame.height,
                       width, height),
           "crop or scale the image");
  const Range all = codes(stage.type);
  const auto bad = std::ranges::find_if(frame.codes, [&](std::int64_t v) { return v < all.low || v > all.high; });
  if (bad == frame.codes.end()) return;
  const auto pixel = static_cast<std::int64_t>(bad - frame.codes.begin()) / frame.channels;
  refuse(fmt::format("the pixel at ({}, {}) is {}, outside {}'s {} to {}", pixel % width, pixel / width, *bad,
                     name(stage.type), all.low, all.high),
         "widen the type, or scale the image");
}

}  // namespace

std::vector<Frame> interpret(const Pipeline& pipeline, const std::vector<Frame>& inputs) {
  const auto needed = static_cast<size_t>(std::ranges::count_if(pipeline.stages, &Stage::is_input));
  if (inputs.size() != needed)
    throw Error(fmt::format("{} images are given, the pipeline has {} inputs", inputs.size(), needed), pipeline.name);
  const std::vector<int> step = steps(pipeline);
  const size_t count = pipeline.stages.size();
  std::vector<size_t> last(count, 0);  // the stage after which a frame is not needed
  int width = 0, height = 0;
  for (size_t i = 0; i < count; ++i) {
    for (const Source& source : pipeline.stages[i].sources) last[static_cast<size_t>(source.stage)] = i;
    if (!pipeline.stages[i].is_input || width) continue;
    width = inputs[0].width * step[i];
    height = inputs[0].height * step[i];
  }
  check_size(pipeline, width, height);
  std::vector<Frame> frames(count), outputs;
  for (size_t i = 0, input = 0; i < count; ++i) {
    const Stage& stage = pipeline.stages[i];
    Frame& frame = frames[i];
    if (stage.is_input) {
      check_input(inputs[input], stage, width / step[i], height / step[i]);
      frame = inputs[input++];
    } else {
      frame = {width / step[i], height / step[i], stage.type.channels, {}};
      frame.codes.resize(static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height) *
                         static_cast<size_t>(frame.channels));
      if (fits_32(stage))
        compute<std::int32_t>(pipeline, stage, frames, frame);
      else
        compute<std::int64_t>(pipeline, stage, frames, frame);
    }
    if (stage.is_output) outputs.push_back(frame);
    for (const Source& source : stage.sources)
      if (last[static_cast<size_t>(source.stage)] == i) frames[static_cast<size_t>(source.stage)] = {};
  }
  return outputs;
}

}  // namespace pare::imaging
