#include "pare/cli/example.h"

#include <algorithm>
#include <cmath>

#include "pare/base/random.h"
#include "pare/model/onnx.h"
#include "pare/model/shapes.h"
#include "pare/quantize/finetune.h"

namespace pare::cli {
namespace {

constexpr std::int64_t side = 24, classes = 8;

/// Whether the point (x, y), relative to the centre in units of the radius, belongs to the shape.
bool inside(std::int64_t shape, double x, double y) {
  const double r = std::hypot(x, y), box = std::max(std::abs(x), std::abs(y));
  switch (shape) {
    case 0: return r < 1;
    case 1: return r < 1 && r > 0.55;
    case 2: return box < 0.85;
    case 3: return box < 0.85 && box > 0.45;
    case 4: return box < 1 && std::min(std::abs(x), std::abs(y)) < 0.28;
    case 5: return y < 0.75 && y > -0.9 && std::abs(x) < (y + 0.9) * 0.55;
    case 6: return box < 1 && std::fmod(y + 4, 0.8) < 0.4;
    default: return box < 1 && std::fmod(x + y + 8, 0.9) < 0.45;
  }
}

class Builder {
 public:
  explicit Builder(std::uint64_t seed) : random_(seed) {
    model_.name = "shapes";
    last_ =
        model_.add_value({.name = "image", .shape = {{-1, "N"}, {1, ""}, {side, ""}, {side, ""}}, .shape_known = true});
    model_.inputs = {last_};
  }

  void conv(std::int64_t in, std::int64_t out, std::int64_t stride) {
    const std::string name = "conv" + std::to_string(model_.nodes.size() / 2 + 1);
    add(name, model::Op::conv,
        model::ConvAttributes{.kernel = {3, 3}, .strides = {stride, stride}, .dilations = {1, 1}, .pads = {1, 1, 1, 1}},
        {weights(name + ".weight", {out, in, 3, 3}, in * 9), zeros(name + ".bias", out)});
    add(name + ".relu", model::Op::relu, {}, {});
  }

  model::Model finish(std::int64_t features) {
    add("pool", model::Op::global_average_pool, {}, {});
    add("flatten", model::Op::flatten, model::AxisAttributes{1}, {});
    add("linear", model::Op::gemm, model::GemmAttributes{.transpose_b = true},
        {weights("linear.weight", {classes, features}, features), zeros("linear.bias", classes)});
    model_.outputs = {last_};
    model::infer_shapes(model_);
    return std::move(model_);
  }

 private:
  /// Normal with variance 2 / fan-in (He et al. 2015).
  model::ValueId weights(const std::string& name, const std::vector<std::int64_t>& shape, std::int64_t fan_in) {
    std::int64_t n = 1;
    for (const auto size : shape) n *= size;
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& x : values) x = static_cast<float>(random_.normal() * std::sqrt(2.0 / static_cast<double>(fan_in)));
    return model_.add_constant(name, model::Tensor::f32(shape, values));
  }

  model::ValueId zeros(const std::string& name, std::int64_t n) {
    return model_.add_constant(name, model::Tensor::f32({n}, std::vector<float>(static_cast<std::size_t>(n))));
  }

  void add(const std::string& name, model::Op op, model::Attributes attributes,
           const std::vector<model::ValueId>& more) {
    std::vector<model::ValueId> inputs{last_};
    inputs.insert(inputs.end(), more.begin(), more.end());
    last_ = model_.add_value({.name = name + "_output"});
    model_.nodes.push_back({name, op, std::move(attributes), inputs, {last_}});
  }

  Random random_;
  model::Model model_;
  model::ValueId last_ = model::no_value;
};

}  // namespace

Shapes::Shapes(std::size_t count, std::uint64_t seed, std::string name) : seed_(seed) {
  size_ = count;
  sample_shape_ = {1, side, side};
  name_ = std::move(name);
  for (std::size_t i = 0; i < count; ++i) labels_.push_back(static_cast<std::int64_t>(i) % classes);
}

void Shapes::read(std::span<const std::size_t> samples, float* out) const {
  for (const std::size_t sample : samples) {
    Random random(seed_ * 0x10001u + sample);
    const double radius = random.uniform(5, 9), low = random.uniform(-1, 0.2), high = low + random.uniform(0.6, 1.2);
    const double cx = random.uniform(radius * 0.8, side - radius * 0.8),
                 cy = random.uniform(radius * 0.8, side - radius * 0.8);
    const double angle = random.uniform(-0.35, 0.35), c = std::cos(angle), s = std::sin(angle);
    const bool inverted = random.uniform() < 0.5;
    for (std::int64_t y = 0; y < side; ++y)
      for (std::int64_t x = 0; x < side; ++x) {
        const double dx = (static_cast<double>(x) - cx) / radius, dy = (static_cast<double>(y) - cy) / radius;
        const bool hit = inside(labels_[sample], c * dx + s * dy, c * dy - s * dx) != inverted;
        *out++ = static_cast<float>((hit ? high : low) + 0.15 * random.normal());
      }
  }
}

model::Model train_example(const io::Dataset& training, std::uint64_t seed) {
  Builder builder(seed + 1);
  builder.conv(1, 16, 1);
  builder.conv(16, 24, 2);
  builder.conv(24, 32, 2);
  builder.conv(32, 48, 1);
  quantize::Options options;
  options.finetune_epochs = 12;
  options.learning_rate = 0.1;
  options.seed = seed;
  options.mirror = false;
  return quantize::finetune_float(builder.finish(48), training, options).network;
}

}  // namespace pare::cli
