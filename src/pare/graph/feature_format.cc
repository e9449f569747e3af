#include "pare/graph/feature_format.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/number/tensor_codec.h"
#include "pare/quantize/tensor_search.h"

namespace pare::graph {

std::string name_of(const FeatureFormat& format) { return format ? number::name(*format) : "float32"; }

FeatureFormat feature_format(const std::string& name) {
  if (name == "float32") return std::nullopt;
  return number::parse_format(name);
}

bool has_features(const Graph& graph) { return !graph.dense_features.empty() || graph.sparse_features.rows() > 0; }

std::int64_t feature_bytes(const Graph& graph, const FeatureFormat& format) {
  const auto of_values = [&](std::size_t values, std::int64_t scales) -> std::int64_t {
    if (!format) return static_cast<std::int64_t>(4 * values);
    return static_cast<std::int64_t>(number::packed_bytes(values, format->bits)) + 4 * scales;
  };
  if (!graph.dense_features.empty()) return of_values(graph.dense_features.size(), graph.feature_width);
  const Adjacency& x = graph.sparse_features;
  const std::int64_t places = 4 * x.nonzeros() + 8 * (x.rows() + 1);
  return places + (x.weight.empty() ? 0 : of_values(x.weight.size(), 1));
}

namespace {

void refuse_negative(const number::Format& format, const float* x, std::size_t count) {
  if (!format.is_signed && std::any_of(x, x + count, [](float v) { return v < 0; }))
    throw Error(fmt::format("are negative in part, {} has no such values", number::name(format)),
                "the graph's features", "choose a signed format");
}

}  // namespace

void check_features(const Graph& graph, const FeatureFormat& format) {
  if (!format) return;
  if (!has_features(graph))
    throw UsageError(fmt::format("{} has no features to keep as {}", graph.name, name_of(format)), "--features",
                     "leave it out");
  const std::vector<float>& values = graph.dense_features.empty() ? graph.sparse_features.weight : graph.dense_features;
  refuse_negative(*format, values.data(), values.size());
}

void round_features(const number::Format& format, std::int64_t rows, std::int64_t width, float* x) {
  const std::int64_t values = rows * width;
  refuse_negative(format, x, static_cast<std::size_t>(values));
  const number::Layout layout = number::layout({rows, width}, number::Granularity::channel, 1, 0);
  const auto fit = quantize::fit_formats(x, layout, {format}, quantize::Window::free())[0];
  number::round_tensor(format, number::Ties::away, x, layout, fit.scales.data(), x);
}

}  // namespace pare::graph
