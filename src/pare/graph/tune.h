// The verb `graph tune`: which kernels suit a graph on this machine.
#pragma once
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pare/graph/tuned.h"
#include "pare/study/study.h"

namespace pare::graph {

constexpr std::array<std::string_view, 3> reduce_names{"sum", "mean", "max"};  // in the order of kernels::Reduce

struct TuneRequest {
  std::filesystem::path graph;
  std::vector<std::int64_t> widths{64};
  std::string matrix = "file";  // file: as it is; gcn: D^-1/2 (A + I) D^-1/2, weights written out
  bool transposed = false;      // what the backward pass multiplies with
  bool bfloat16 = false;
  kernels::Reduce reduce = kernels::Reduce::sum;
  std::vector<Order> orders{Order::natural, Order::community};
  bool exhaustive = false, judge = false;  // as TuneOptions
  std::uint64_t seed = 0;
};

/// One candidate for each plan that was tried at each width. Features are random. Throws Error for what is no graph.
study::Study tune(const TuneRequest& request);

}  // namespace pare::graph
