#include "pare/runtime/fake_quantize.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "pare/base/error.h"
#include "pare/base/random.h"
#include "pare/number/tensor_codec.h"

namespace pare::runtime {
namespace {

using model::Granularity;
using model::QuantizeAttributes;

QuantizeAttributes attributes(const char* format, Granularity granularity = Granularity::tensor, std::int64_t axis = 0,
                              std::int64_t group = 0) {
  return {.format = number::parse_format(format), .granularity = granularity, .axis = axis, .group_size = group};
}

at::Tensor random_tensor(at::IntArrayRef shape, std::uint64_t seed) {
  Random random(seed);
  at::Tensor t = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < t.numel(); ++i) t.data_ptr<float>()[i] = static_cast<float>(random.normal());
  return t;
}

TEST(FakeQuantize, IsTheNearestValueTimesTheScale) {
  const at::Tensor x = random_tensor({3, 5, 4}, 1);
  for (const char* format : {"int4", "flint4", "pot4", "float6_e3m2", "int8", "flint3"}) {
    const at::Tensor y = fake_quantize(x, at::tensor({0.17f}), attributes(format));
    const auto& grid = number::values(number::parse_format(format));
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const double v = x.flatten()[i].item<float>(), q = y.flatten()[i].item<float>();
      double nearest = 1e9;
      for (const float g : grid)
        if (std::abs(v - 0.17f * static_cast<double>(g)) < std::abs(v - nearest))
          nearest = 0.17f * static_cast<double>(g);
      EXPECT_NEAR(q, nearest, 1e-5) << format << " at " << i;
    }
  }
}

TEST(FakeQuantize, GivesEachChannelAndGroupItsScale) {
  const at::Tensor x = random_tensor({2, 3, 4}, 2);
  for (const std::int64_t axis : {0, 1, 2, -1}) {
    const std::int64_t channels = x.size(axis);
    const at::Tensor scales = at::rand({channels}) + 0.1;
    const at::Tensor y = fake_quantize(x, scales, attributes("int4", Granularity::channel, axis));
    for (std::int64_t c = 0; c < channels; ++c)
      EXPECT_TRUE(at::equal(y.select(axis, c), fake_quantize(x.select(axis, c).contiguous(), scales.slice(0, c, c + 1),
                                                             attributes("int4"))));
  }
  const at::Tensor rows = random_tensor({3, 10}, 3), scales = at::rand({3, 3}) + 0.1;
  const at::Tensor y = fake_quantize(rows, scales, attributes("flint4", Granularity::group, 0, 4));
  for (std::int64_t r = 0; r < 3; ++r)
    for (std::int64_t i = 0; i < 10; ++i)
      EXPECT_EQ(
          y[r][i].item<float>(),
          fake_quantize(rows[r][i].reshape({1}), scales[r][i / 4].reshape({1}), attributes("flint4")).item<float>());
}

/// The formula of the gradient, written out element by element.
TEST(FakeQuantize, GradientsAreStraightThroughInsideTheRange) {
  for (const auto& a : {attributes("int4"), attributes("flint4", Granularity::channel, 1),
                        attributes("int4", Granularity::group, 0, 3)}) {
    at::Tensor x = (random_tensor({2, 4}, 4) * 3).requires_grad_(true);
    const auto layout = number::layout({2, 4}, a.granularity, a.axis, a.group_size);
    at::Tensor s = at::linspace(0.2, 0.5, static_cast<std::int64_t>(layout.scales())).requires_grad_(true);
    const at::Tensor upstream = random_tensor({2, 4}, 5);
    fake_quantize(x, s, a).backward(upstream);
    const auto spread = number::spread_scales(layout, s.data_ptr<float>());
    const at::Tensor y = fake_quantize(x.detach(), s.detach(), a);
    std::vector<float> index(layout.scales());
    for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<float>(i);
    const auto owner = number::spread_scales(layout, index.data());
    std::vector<double> for_scales(layout.scales());
    const double top = number::largest(a.format);
    for (std::size_t i = 0; i < 8; ++i) {
      const double ratio = x.data_ptr<float>()[i] / spread[i], g = upstream.data_ptr<float>()[i];
      const bool inside = ratio >= -top && ratio <= top;
      EXPECT_FLOAT_EQ(x.grad().data_ptr<float>()[i], static_cast<float>(inside ? g : 0));
      for_scales[static_cast<std::size_t>(owner[i])] += g * (y.data_ptr<float>()[i] / spread[i] - (inside ? ratio : 0));
    }
    for (std::size_t i = 0; i < for_scales.size(); ++i) EXPECT_NEAR(s.grad().data_ptr<float>()[i], for_scales[i], 1e-4);
  }
}

TEST(Dequantize, UndoesPacking) {
  for (const char* format : {"int3", "flint4", "float5_e2m2", "pot6", "int7", "int8"}) {
    const at::Tensor x = random_tensor({3, 7}, 6), scales = at::rand({3}) + 0.05;
    QuantizeAttributes a = attributes(format, Granularity::channel, 0);
    a.shape = {3, 7};
    const auto layout = number::layout(a.shape, a.granularity, 0, 0);
    std::vector<std::uint8_t> codes(21), packed(number::packed_bytes(21, a.format.bits));
    number::encode_tensor(a.format, a.ties, x.data_ptr<float>(), layout, scales.data_ptr<float>(), codes.data());
    number::pack(codes.data(), 21, a.format.bits, packed.data());
    const at::Tensor bytes = at::tensor(at::ArrayRef<std::uint8_t>(packed), at::kByte);
    EXPECT_TRUE(at::equal(dequantize(bytes, scales, a), fake_quantize(x, scales, a))) << format;
    EXPECT_THROW(dequantize(bytes.slice(0, 1), scales, a), Error);
  }
}

}  // namespace
}  // namespace pare::runtime
