// A helper for peers_test.py: what the library makes of a file, and exported quantisers with what they should give.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/random.h"
#include "pare/model/count.h"
#include "pare/model/onnx.h"
#include "pare/model/recipe.h"
#include "pare/model/shapes.h"
#include "pare/number/codec.h"

namespace pare::model {
namespace {

namespace fs = std::filesystem;

int show(const Model& model) {
  for (const Node& node : model.nodes) {
    fmt::print("{} {}:", name(node.op), node.name);
    for (const ValueId id : node.inputs)
      fmt::print(" {}{}", id == no_value ? "-" : to_string(model.value(id).shape),
                 id != no_value && model.value(id).constant ? "c" : "");
    fmt::print(" ->");
    for (const ValueId id : node.outputs) fmt::print(" {} {}", model.value(id).name, to_string(model.value(id).shape));
    fmt::print("\n");
  }
  return 0;
}

int count_file(const std::string& path) {
  const Counts counts = count(read_onnx(path));
  fmt::print("{} {} {}\n", counts.macs, counts.parameters, counts.weight_bytes);
  return 0;
}

/// Reads and writes, and reads and writes what was written: the second must be the same bytes.
int round_trip(const std::string& in, const std::string& out) {
  const std::string once = to_onnx(read_onnx(in));
  write_file(out, once);
  if (to_onnx(parse_onnx(once, out)) == once) return 0;
  fmt::print(stderr, "{}: written again it differs\n", out);
  return 1;
}

void write_floats(const fs::path& path, const std::vector<float>& values) {
  write_file(path, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

std::vector<number::Format> all_formats() {
  std::vector<number::Format> formats;
  for (const int bits : {3, 4, 6, 8})
    for (const bool is_signed : {true, false}) {
      for (const auto family : {number::Family::integer, number::Family::power_of_two, number::Family::flint})
        formats.push_back({.family = family, .bits = bits, .is_signed = is_signed});
      if (is_signed) formats.push_back({.bits = bits, .range = number::IntRange::full});
      for (int e = 1; e <= bits - is_signed; ++e)
        formats.push_back(
            {.family = number::Family::floating, .bits = bits, .is_signed = is_signed, .exponent_bits = e});
    }
  std::erase_if(formats, [](const number::Format& f) {
    try {
      number::check(f);
      return false;
    } catch (const Error&) {
      return true;
    }
  });
  return formats;
}

/// Every value, border and their float neighbours, of both signs, times the scale; then random numbers.
std::vector<float> probes(const number::Format& format, float scale) {
  std::vector<float> points{0.0f, -0.0f, 1e-30f, -1e-30f, 1e30f, -1e30f};
  points.push_back(std::numeric_limits<float>::infinity());
  points.push_back(-std::numeric_limits<float>::infinity());
  const std::vector<float>& values = number::values(format);
  const auto add = [&](double units) {
    float x = static_cast<float>(units * scale);
    for (int i = 0; i < 3; ++i) x = std::nextafter(x, -std::numeric_limits<float>::infinity());
    for (int i = 0; i < 7; ++i, x = std::nextafter(x, std::numeric_limits<float>::infinity()))
      points.insert(points.end(), {x, -x});
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    add(values[i]);
    if (i > 0) add((static_cast<double>(values[i - 1]) + values[i]) / 2);
  }
  Random random(values.size());
  for (int i = 0; i < 2000; ++i) {
    points.push_back(static_cast<float>(random.normal() * 0.5 * values.back() * scale));
    points.push_back(static_cast<float>(std::exp(random.uniform(-3, 1) * 5) * (i % 2 ? 1 : -1) * scale));
  }
  return points;
}

Model identity_of(const std::string& name, std::vector<std::int64_t> shape) {
  Model model{.name = name, .hash = name};
  Value x{.name = "x", .type = ElementType::f32, .shape = {}, .shape_known = true};
  for (const std::int64_t size : shape) x.shape.push_back({size, {}});
  model.inputs = {model.add_value(std::move(x))};
  return model;
}

void write_quantizer(const fs::path& folder, const number::Format& format, number::Ties ties, float scale) {
  const std::vector<float> x = probes(format, scale);
  Model model = identity_of("quantizer", {static_cast<std::int64_t>(x.size())});
  const ValueId scales = model.add_constant("s", Tensor::f32({1}, {scale}));
  const ValueId y = model.add_value({.name = "y", .type = ElementType::f32, .shape = {}});
  model.nodes.push_back({.name = "q",
                         .op = Op::fake_quantize,
                         .attributes = QuantizeAttributes{.format = format, .ties = ties},
                         .inputs = {model.inputs[0], scales},
                         .outputs = {y}});
  model.outputs = {y};
  infer_shapes(model);
  const std::string stem = fmt::format("{}_{}_{}", number::name(format),
                                       std::vector{"away", "published", "even"}[static_cast<size_t>(ties)], scale);
  write_onnx(folder / (stem + ".onnx"), model);
  std::vector<float> expected(x.size());
  number::round_to(format, ties, x.data(), x.size(), scale, expected.data());
  write_floats(folder / (stem + ".in"), x);
  write_floats(folder / (stem + ".out"), expected);
}

/// x + weight, the weight quantised by a recipe, in both forms.
void write_weight(const fs::path& folder, const number::Format& format, Granularity granularity, std::int64_t axis,
                  std::int64_t group_size) {
  const std::vector<std::int64_t> shape{4, 6, 5};
  Model model = identity_of("weight", shape);
  Random random(static_cast<std::uint64_t>(axis + format.bits));
  std::vector<float> weight(120);
  for (float& w : weight) w = static_cast<float>(random.normal());
  const ValueId w = model.add_constant("w", Tensor::f32(shape, weight));
  const ValueId y = model.add_value({.name = "y", .type = ElementType::f32, .shape = {}});
  model.nodes.push_back(
      {.name = "add", .op = Op::add, .attributes = {}, .inputs = {model.inputs[0], w}, .outputs = {y}});
  model.outputs = {y};
  infer_shapes(model);

  // by index arithmetic of its own: channel and place within it, element by element
  QuantizedTensor t{.value = "w", .format = format, .granularity = granularity, .axis = axis, .group_size = group_size};
  const std::int64_t rest = 120 / shape[static_cast<std::size_t>(axis)];
  const std::int64_t groups = granularity == Granularity::group ? (rest + group_size - 1) / group_size : 1;
  const std::int64_t count = granularity == Granularity::tensor ? 1 : shape[static_cast<std::size_t>(axis)] * groups;
  for (std::int64_t i = 0; i < count; ++i)
    t.scales.push_back(static_cast<float>(random.uniform(0.5, 1)) * 2 / number::largest(format));
  std::vector<std::int64_t> next(4 * 6 * 5, 0);
  std::vector<std::uint8_t> codes;
  std::vector<float> expected;
  for (std::int64_t i = 0; i < 120; ++i) {
    const std::int64_t index[3] = {i / 30, i / 5 % 6, i % 5};
    const auto channel = static_cast<std::size_t>(index[axis]);
    const std::int64_t place = next[channel]++;
    std::size_t which = 0;
    if (granularity == Granularity::channel) which = channel;
    if (granularity == Granularity::group)
      which = channel * static_cast<std::size_t>(groups) + static_cast<std::size_t>(place / group_size);
    std::uint8_t code = 0;
    float value = 0;
    number::encode(format, number::Ties::away, &weight[static_cast<std::size_t>(i)], 1, t.scales[which], &code);
    number::decode(format, &code, 1, t.scales[which], &value);
    codes.push_back(code);
    expected.push_back(value);
  }
  t.packed.resize(number::packed_bytes(codes.size(), format.bits));
  number::pack(codes.data(), codes.size(), format.bits, t.packed.data());
  Recipe recipe{.model_name = model.name, .model_hash = model.hash};
  recipe.tensors.push_back(t);
  for (const WeightForm form : {WeightForm::packed, WeightForm::trainable}) {
    const std::string stem = fmt::format("weight_{}_{}_{}_{}_{}", number::name(format), static_cast<int>(granularity),
                                         axis, group_size, form == WeightForm::packed ? "packed" : "trainable");
    write_onnx(folder / (stem + ".onnx"), apply(model, recipe, form));
    write_floats(folder / (stem + ".in"), std::vector<float>(120, 0.0f));
    write_floats(folder / (stem + ".out"), expected);
  }
}

int write_quantizers(const fs::path& folder) {
  using number::Ties;
  for (const number::Format& format : all_formats()) {
    for (const float scale : {1.0f, 0.0374f, 3.1e-5f, 7.7f, 1.3e-36f, 2.1e30f}) {
      const bool extreme = scale < 1e-30f || scale > 1e30f;
      if (extreme && (format.bits != 4 || number::largest(format) > 1e6f)) continue;
      write_quantizer(folder, format, Ties::away, scale);
      write_quantizer(folder, format, Ties::published, scale);
      if (format.family == number::Family::integer) write_quantizer(folder, format, Ties::even, scale);
    }
    write_weight(folder, format, Granularity::tensor, 0, 0);
    for (const int axis : {0, 1, 2}) write_weight(folder, format, Granularity::channel, axis, 0);
    if (format.bits == 4)
      for (const int axis : {0, 1, 2})
        for (const int size : {1, 4, 5, 100}) write_weight(folder, format, Granularity::group, axis, size);
  }
  return 0;
}

int run(const std::vector<std::string>& arguments) {
  const std::string command = arguments.empty() ? "" : arguments[0];
  if (command == "show" && arguments.size() == 2) return show(read_onnx(arguments[1]));
  if (command == "count" && arguments.size() == 2) return count_file(arguments[1]);
  if (command == "roundtrip" && arguments.size() == 3) return round_trip(arguments[1], arguments[2]);
  if (command == "quantizers" && arguments.size() == 2) return write_quantizers(arguments[1]);
  fmt::print(stderr, "usage: model_tool show FILE | count FILE | roundtrip IN OUT | quantizers FOLDER\n");
  return 2;
}

}  // namespace
}  // namespace pare::model

int main(int argc, char** argv) {
  try {
    return pare::model::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
