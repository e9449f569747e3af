// Random pipelines: every operation, windows of any shape and place, all border rules, signed and unsigned types.
#pragma once
#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "pare/imaging/builder.h"
#include "pare/imaging/interpret.h"

namespace pare::imaging {

class RandomPipeline {
 public:
  explicit RandomPipeline(unsigned seed) : random_(seed), builder_("random_" + std::to_string(seed)) {}

  /// `stages` beside the inputs; offsets up to `reach`; with `rates` some stages are half or twice the inputs' size.
  Pipeline make(int inputs, int stages, int reach, bool rates = false) {
    rates_ = rates;
    for (int i = 0; i < inputs; ++i) {
      known_.push_back(builder_.input("in" + std::to_string(i), type()));
      steps_.push_back(2);
    }
    std::vector<std::int64_t> entries(16);
    for (auto& entry : entries) entry = between(-40, 40);
    table_ = builder_.table("table", entries);
    for (int i = 0; i < stages; ++i) known_.push_back(stage(i, i < inputs ? i : -1, reach));
    for (int unused; (unused = builder_.unused()) >= 0;) builder_.mark_output(unused);
    return builder_.finish();
  }

  /// Any codes of the inputs' types; the size is that of the finest stage.
  std::vector<Frame> frames(const Pipeline& pipeline, int width, int height) {
    std::vector<Frame> out;
    for (const Stage& stage : pipeline.stages) {
      if (!stage.is_input) continue;
      const Range all = codes(stage.type);
      const int step = steps(pipeline)[static_cast<std::size_t>(&stage - pipeline.stages.data())];
      Frame frame{width / step, height / step, stage.type.channels, {}};
      frame.codes.resize(static_cast<std::size_t>(frame.width * frame.height * frame.channels));
      for (auto& code : frame.codes) code = std::uniform_int_distribution<std::int64_t>(all.low, all.high)(random_);
      out.push_back(std::move(frame));
    }
    return out;
  }

 private:
  int between(int low, int high) { return std::uniform_int_distribution<>(low, high)(random_); }
  bool chance() { return between(0, 1) == 1; }
  Type type() { return {.is_signed = chance(), .bits = between(1, 11), .fraction = 0, .channels = between(1, 2)}; }
  const Expr& any(const std::vector<Expr>& pool) {
    return pool[static_cast<std::size_t>(between(0, static_cast<int>(pool.size()) - 1))];
  }

  /// Pixels of one or two stages, each out of a rectangle that may lie wholly to one side.
  std::vector<Expr> reads(StageBuilder& stage, int first, int reach) {
    std::vector<Expr> out;
    const int step = rates_ ? 1 << between(0, 2) : 2;
    steps_.push_back(step);
    for (int sources = between(1, 2); sources-- > 0;) {
      const auto some = static_cast<std::size_t>(between(0, static_cast<int>(known_.size()) - 1));
      const int from = first >= 0 ? std::exchange(first, -1) : chance() ? known_.back() : known_[some];
      const int its = steps_[static_cast<std::size_t>(from)];
      const bool point = between(0, 3) == 0;
      const int x0 = point ? 0 : between(-reach, reach), x1 = point ? 0 : between(-reach, reach);
      const int y0 = point ? 0 : between(-reach, reach), y1 = point ? 0 : between(-reach, reach);
      for (int n = between(1, 4); n-- > 0;)
        out.push_back(stage.read(
            from, between(std::min(x0, x1), std::max(x0, x1)), between(std::min(y0, y1), std::max(y0, y1)),
            between(0, builder_.stage_at(from).type.channels - 1), std::max(step / its, 1), std::max(its / step, 1)));
    }
    return out;
  }

  Expr operation(StageBuilder& stage, const Expr& a, const Expr& b, const Expr& c) {
    switch (between(0, 23)) {
      case 0: return a + b;
      case 1: return a - b;
      case 2:
      case 3: return a * b;
      case 4: return a / (abs(b) + 1);
      case 5: return a / (-1 - abs(b));
      case 6: return a / (std::int64_t{1} << between(1, 5));
      case 7: return a % (abs(b) + 1);
      case 8: return a % (std::int64_t{1} << between(1, 5));
      case 9: return a % 7;
      case 10: return min(a, b);
      case 11: return max(a, b);
      case 12: return abs(a);
      case 13: return -a;
      case 14: return a << between(1, 4);
      case 15: return a >> between(1, 6);
      case 16: return a & b;
      case 17: return a | b;
      case 18: return a ^ b;
      case 19: return chance() ? a < b : a <= b;
      case 20: return chance() ? a == b : !a;
      case 21: return a * a - b * 3;
      case 22: return stage.lookup(table_, wrap(a, {.is_signed = false, .bits = 4}));
      default: return select(a, b, c);
    }
  }

  /// Reads the stage `first`, unless it is -1, and maybe others.
  int stage(int number, int first, int reach) {
    StageBuilder stage = builder_.stage("s" + std::to_string(number), static_cast<Border>(between(0, 2)));
    std::vector<Expr> pool = reads(stage, first, reach);
    const std::size_t leaves = pool.size();
    if (between(0, 2) == 0) pool.push_back(chance() ? stage.column() : stage.row());
    pool.emplace_back(between(-9, 9));
    for (int n = between(4, 14); n-- > 0;) {
      Expr value = operation(stage, any(pool), any(pool), any(pool));
      const Range r = value.range();
      if (r.low < -(std::int64_t{1} << 24) || r.high > std::int64_t{1} << 24)
        value = wrap(value, {.is_signed = true, .bits = 14});
      pool.push_back(value);
    }
    // everything read is used, so that windows are as wide as they were drawn
    Expr all = pool.back();
    for (std::size_t i = 0; i < leaves; ++i) all = all + pool[i];
    const Type out = type();
    std::vector<Expr> channels;
    for (int c = 0; c < out.channels; ++c) channels.push_back(wrap(c == 0 ? all : any(pool), out));
    return stage.finish(out, channels);
  }

  std::mt19937 random_;
  PipelineBuilder builder_;
  std::vector<int> known_, steps_;
  bool rates_ = false;
  int table_ = 0;
};

}  // namespace pare::imaging
