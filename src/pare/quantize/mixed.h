// Mixed precision: most layers at a low width, the ones that hurt most at eight bits (ANT, MICRO 2022, section 5.3).
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "pare/quantize/network_search.h"
#include "pare/runtime/evaluate.h"

namespace pare::quantize {

struct MixedResult {
  NetworkCandidate candidate;
  std::vector<std::string> wide_layers;  // at eight bits
  runtime::Difference drop;              // points lost on the selection samples against the float network
  double weight_bits = 0;                // mean width
};

/// Starting from `narrow` (a candidate at a low width), widens layers (weights and input) to eight bits until
/// the drop on the selection samples, with one standard error added, is at most options.max_drop, then takes back each
/// that is not needed, the largest first; or, with options.average_bits, widens as far as that mean width of the
/// weights allows. Order: Select::network ranks layers by how much divergence each one alone takes away a bit added;
/// Select::tensor by the paper's score, the error of weight and input.
MixedResult widen_layers(const Calibrated& network, const Judge& judge, const NetworkCandidate& narrow,
                         const Options& options);

}  // namespace pare::quantize
