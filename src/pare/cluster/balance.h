// Where the stages of a pipeline begin when its parts take unequal times.
#pragma once
#include <cstddef>
#include <vector>

namespace pare::cluster {

/// The first part of each stage, such that the longest stage is as short as it can be. times: of each part, s; at least
/// as many as stages.
std::vector<std::size_t> balanced_starts(const std::vector<double>& times, int stages);

}  // namespace pare::cluster
