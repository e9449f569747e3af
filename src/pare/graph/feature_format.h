// How the features of vertices are kept: as float32, or as codes of a number format with scales (docs/formats.md).
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "pare/graph/graph.h"
#include "pare/number/format.h"

namespace pare::graph {

using FeatureFormat = std::optional<number::Format>;  // nothing: float32

std::string name_of(const FeatureFormat& format);
/// "float32" or what number::parse_format knows. Throws UsageError.
FeatureFormat feature_format(const std::string& name);

bool has_features(const Graph& graph);

/// Throws UsageError where there are none to keep so, Error for negative values and an unsigned format.
void check_features(const Graph& graph, const FeatureFormat& format);

/// Bytes of the file's features: of dense ones every value, or its code and a scale for each column; of sparse ones
/// 4 bytes for the place of each nonzero, 8 for the begin of each row, and values, or codes and one scale, unless all
/// are 1.
std::int64_t feature_bytes(const Graph& graph, const FeatureFormat& format);

/// What x [rows, width], row-major, is after it was kept so: a scale for each column, of least squared error. Throws
/// Error for negative values and an unsigned format.
void round_features(const number::Format& format, std::int64_t rows, std::int64_t width, float* x);

}  // namespace pare::graph
