#include "pare/model/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/base/error.h"
#include "pare/number/format.h"

namespace pare::model {
namespace {

/// Steps that one table spans on each side of zero.
constexpr double longest_table = 32768;

/// The largest power of two of which x is a multiple; x is positive.
double granularity(double x) {
  int exponent = 0;
  auto mantissa = static_cast<std::int64_t>(std::ldexp(std::frexp(x, &exponent), 53));
  exponent -= 53;
  for (; mantissa % 2 == 0; mantissa /= 2) ++exponent;
  return std::ldexp(1.0, exponent);
}

/// The borders between neighbouring values that lie in one table: all multiples of `step`, none beyond `last` in size.
struct Band {
  double first, last, step;  // of magnitudes
};

std::vector<double> border_magnitudes(const number::Format& format) {
  const std::vector<float>& values = number::values(format);
  std::vector<double> borders;
  for (std::size_t i = 1; i < values.size(); ++i)
    borders.push_back(std::fabs((static_cast<double>(values[i - 1]) + static_cast<double>(values[i])) / 2));
  std::sort(borders.begin(), borders.end());
  return borders;
}

std::vector<Band> bands(const number::Format& format) {
  std::vector<Band> result;
  for (const double border : border_magnitudes(format)) {
    const double step = result.empty() ? 0 : std::min(result.back().step, granularity(border));
    if (!result.empty() && border / step <= longest_table)
      result.back() = {result.back().first, border, step};
    else
      result.push_back({border, border, granularity(border)});
  }
  return result;
}

/// The value that a number of grid units rounds to; the search knows nothing of codes.
float nearest(const std::vector<float>& values, number::Ties ties, double x) {
  const auto above = std::lower_bound(values.begin(), values.end(), x);
  if (above == values.end()) return values.back();
  if (above == values.begin()) return values.front();
  const double high = *above, low = *(above - 1), border = (low + high) / 2;
  if (x == border) return ties == number::Ties::published || high > 0 ? *above : *(above - 1);
  return x > border ? *above : *(above - 1);
}

float scale_of(const Model& model, const Node& node) {
  const auto& scales = model.value(node.inputs[1]).constant;
  if (!scales || scales->type != ElementType::f32 || scales->elements() != 1)
    throw Error("cannot be written with standard operators: its scale is no single constant", describe(node),
                "quantise activations with one scale a tensor");
  const float scale = scales->data<float>()[0];
  if (!(scale > 0) || !std::isfinite(scale)) throw Error(fmt::format("has the scale {}", scale), describe(node));
  return scale;
}

/// x in units of scale * step. One division by the product rounds as x / scale does where all of them are normal
/// numbers around the borders; elsewhere x / scale is multiplied, by powers of two that float32 holds.
std::string in_steps(GraphWriter& w, const std::string& stem, const std::string& x, float scale, const Band& band) {
  const double product = static_cast<double>(scale) * band.step;
  if (product >= 0x1p-126 && product < 0x1p127 && band.first >= 0x1p-120)
    return w.add("Div", stem + "/steps",
                 {x, w.constant(stem + "/unit", Tensor::f32({}, {static_cast<float>(product)}))});
  const std::string steps = stem + "/steps", per_unit = stem + "/per_unit";
  std::string y = w.add("Div", stem + "/units", {x, w.constant(stem + "/scale", Tensor::f32({}, {scale}))});
  for (int left = -std::ilogb(band.step), part = 0; left != 0; left -= part) {
    part = std::clamp(left, -100, 100);
    y = w.add("Mul", steps, {y, w.constant(per_unit, Tensor::f32({}, {static_cast<float>(std::ldexp(1.0, part))}))});
  }
  return y;
}

/// The flat quantised tensor by a table that is right up to the last border of the band and constant beyond.
std::string look_up(GraphWriter& w, const std::string& stem, const std::string& x, const QuantizeAttributes& a,
                    float scale, const Band& band) {
  const bool floor = a.ties == number::Ties::published;
  const auto reach = static_cast<std::int64_t>(band.last / band.step);
  const std::int64_t low = a.format.is_signed ? -reach - (floor ? 1 : 0) : 0;
  std::string steps = in_steps(w, stem, x, scale, band);
  if (floor) steps = w.add("Floor", stem + "/floor", {steps});
  steps = w.add("Clip", stem + "/clip",
                {steps, w.constant(stem + "/low", Tensor::f32({}, {static_cast<float>(low)})),
                 w.constant(stem + "/high", Tensor::f32({}, {static_cast<float>(reach)}))});
  std::string index = w.add("Cast", stem + "/index", {steps});
  set_attribute(w.last(), "to", std::int64_t{onnx::TensorProto::INT32});
  index = w.add("Reshape", stem + "/flat", {index, w.constant(stem + "/all", Tensor::i64({1}, {-1}))});

  // entries for 0, 1, .. reach, then those that negative indices reach from the end
  const std::vector<float>& values = number::values(a.format);
  std::vector<float> table;
  for (std::int64_t i = 0; i <= reach - low; ++i) {
    const std::int64_t steps_at = i <= reach ? i : i - (reach - low + 1);
    table.push_back(scale * nearest(values, a.ties, static_cast<double>(steps_at) * band.step));
  }
  const auto entries = static_cast<std::int64_t>(table.size());
  return w.add("GatherElements", stem + "/look_up",
               {w.constant(stem + "/table", Tensor::f32({entries}, table)), index});
}

void by_tables(GraphWriter& w, const std::string& stem, const std::string& x, const QuantizeAttributes& a, float scale,
               const std::string& output) {
  const std::vector<Band> all = bands(a.format);
  const std::string flat_shape = all.size() > 1 ? w.constant(stem + "/flat_shape", Tensor::i64({1}, {-1})) : "";
  const std::string flat = all.size() > 1 ? w.add("Reshape", stem + "/flat_x", {x, flat_shape}) : x;
  const std::string size = all.size() > 1 ? w.add("Abs", stem + "/size", {flat}) : "";
  std::string result = look_up(w, stem, flat, a, scale, all[0]);
  for (std::size_t b = 1; b < all.size(); ++b) {
    const std::string band_stem = fmt::format("{}/band{}", stem, b);
    const auto named = [&](const char* part) { return fmt::format("{}{}", band_stem, part); };
    const std::string units =
        w.add("Div", named("/units"), {size, w.constant(named("/scale"), Tensor::f32({}, {scale}))});
    const std::string below =
        w.add("Less", named("/below"),
              {units, w.constant(named("/first"), Tensor::f32({}, {static_cast<float>(all[b].first)}))});
    result = w.add("Where", named("/choice"), {below, result, look_up(w, band_stem, flat, a, scale, all[b])});
  }
  const std::string shape = w.add("Shape", stem + "/shape", {x});
  w.add("Reshape", stem, {result, shape}, output);
}

/// Integers with ties to even: Round does that. The way over int32 turns -0 into 0.
void by_rounding(GraphWriter& w, const std::string& stem, const std::string& x, const QuantizeAttributes& a,
                 float scale, const std::string& output) {
  const std::vector<float>& values = number::values(a.format);
  const std::string unit = w.constant(stem + "/scale", Tensor::f32({}, {scale}));
  const std::string steps = stem + "/steps", per_unit = stem + "/per_unit";
  std::string y = w.add("Div", stem + "/units", {x, unit});
  y = w.add("Round", stem + "/round", {y});
  y = w.add("Clip", stem + "/clip",
            {y, w.constant(stem + "/low", Tensor::f32({}, {values.front()})),
             w.constant(stem + "/high", Tensor::f32({}, {values.back()}))});
  y = w.add("Cast", stem + "/integer", {y});
  set_attribute(w.last(), "to", std::int64_t{onnx::TensorProto::INT32});
  y = w.add("Cast", stem + "/float", {y});
  set_attribute(w.last(), "to", std::int64_t{onnx::TensorProto::FLOAT});
  w.add("Mul", stem, {y, unit}, output);
}

}  // namespace

void lower_fake_quantize(const Model& model, const Node& node, GraphWriter& writer) {
  const auto& a = node.as<QuantizeAttributes>();
  const std::string& output = model.value(node.outputs[0]).name;
  if (model.value(node.inputs[0]).constant) return lower_constant(model, node, writer);
  const float scale = scale_of(model, node);
  const std::string& x = model.value(node.inputs[0]).name;
  if (a.ties != number::Ties::even) return by_tables(writer, node.name, x, a, scale, output);
  if (a.format.family != number::Family::integer)
    throw Error("cannot be written with ties to even: only integers have them", describe(node));
  by_rounding(writer, node.name, x, a, scale, output);
}

}  // namespace pare::model
