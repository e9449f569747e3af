// What is known of a graph's vertices, as networks take it.
#pragma once
#include <vector>

#include "pare/graph/feature_format.h"
#include "pare/graph/graph.h"
#include "pare/graph/layers.h"

namespace pare::graph {

enum class WithoutFeatures { own, degree };  // what serves then: which vertex it is, or how many neighbours it has

/// The graph's features, else kinds of vertices, else what `without` says, the latter two as rows with a single 1. Rows
/// of sparse features are made to sum to 1 where `sum_to_one` and none is negative. The graph's features are first
/// rounded to the format they are kept in.
Features features_of(const Graph& graph, WithoutFeatures without, bool sum_to_one, const FeatureFormat& format);
/// Which of these they are, in words.
const char* which_features(const Graph& graph, WithoutFeatures without);

Features rows_of(const Features& x, const std::vector<std::int32_t>& vertices);

/// As int64.
at::Tensor indices(const std::vector<std::int32_t>& vertices);

}  // namespace pare::graph
