// A timeline cut to what a drawing can show.
#include <algorithm>
#include <array>
#include <cmath>

#include "pare/cluster/predict.h"

namespace pare::cluster {
namespace {

constexpr int most_rows = 12;
constexpr double steps = 150;     // of a batch: shorter passes are drawn together
constexpr double units = 10'000;  // of a batch, in which times are written

struct Drawn {
  PassKind kind;
  int micro_batch;  // -1: several passes
  Interval time;
};

double length(const Interval& time) { return time.end_s - time.start_s; }

/// Passes shorter than `least` are gathered as far as that reaches: of what begins within it first all forward passes,
/// then all backward ones, then the weights', then what was idle.
std::vector<Drawn> drawn(const std::vector<TimedPass>& passes, double least) {
  std::vector<Drawn> out;
  for (std::size_t i = 0; i < passes.size();) {
    const TimedPass& first = passes[i];
    if (length(first.time) >= least) {
      out.push_back({first.pass.kind, first.pass.micro_batch, first.time});
      ++i;
      continue;
    }
    std::array<double, 3> sums{};
    for (; i < passes.size() && length(passes[i].time) < least && passes[i].time.start_s < first.time.start_s + least;
         ++i)
      sums[static_cast<std::size_t>(passes[i].pass.kind)] += length(passes[i].time);
    double at = first.time.start_s;
    for (std::size_t kind = 0; kind < sums.size(); ++kind)
      if (sums[kind] > 0) {
        out.push_back({static_cast<PassKind>(kind), -1, {at, at + sums[kind]}});
        at += sums[kind];
      }
  }
  return out;
}

}  // namespace

study::Json timeline_details(const Prediction& p) {
  const double unit = p.batch_time_s / units;
  const auto written = [&](double seconds) { return std::lround(seconds / unit); };
  const auto interval = [&](const Interval& i) { return study::Json{written(i.start_s), written(i.end_s)}; };
  const int ranks = static_cast<int>(p.timeline.ranks.size()), rows = std::min(ranks, most_rows);
  study::Json out{{"unit_s", unit}, {"pipeline_ranks", ranks}};
  for (int row = 0; row < rows; ++row) {
    const int rank = rows == 1 ? 0 : row * (ranks - 1) / (rows - 1);
    const auto r = static_cast<std::size_t>(rank);
    std::string kinds;
    study::Json micro_batches = study::Json::array(), starts = micro_batches, ends = micro_batches;
    for (const Drawn& d : drawn(p.timeline.ranks[r], p.batch_time_s / steps)) {
      kinds += "FBW"[static_cast<int>(d.kind)];
      micro_batches.push_back(d.micro_batch);
      starts.push_back(written(d.time.start_s));
      ends.push_back(written(d.time.end_s));
    }
    study::Json item{
        {"rank", rank}, {"kinds", kinds}, {"micro_batches", micro_batches}, {"starts", starts}, {"ends", ends}};
    if (length(p.gradients[r]) > 0) item["gradients"] = interval(p.gradients[r]);
    item["optimizer"] = interval(p.optimizers[r]);
    out["rows"].push_back(std::move(item));
  }
  return out;
}

}  // namespace pare::cluster
