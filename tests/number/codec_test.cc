// Rounding against a search over all values in double, which knows nothing of binades; codes against their tables.
#include "pare/number/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "all_formats.h"
#include "pare/base/random.h"

namespace pare::number {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

/// The nearest value to q = x / scale by the definition.
double nearest_by_search(const std::vector<float>& values, Ties ties, float q) {
  if (q >= values.back()) return values.back();
  if (q <= values.front()) return values.front();
  std::size_t low = 0;
  while (static_cast<double>(values[low + 1]) <= q) ++low;
  const double below = values[low], above = values[low + 1], x = q;
  if (x - below != above - x) return x - below < above - x ? below : above;
  if (ties == Ties::published) return above;
  if (ties == Ties::even) return std::fmod(below, 2) == 0 ? below : above;
  return std::fabs(above) > std::fabs(below) ? above : below;
}

/// Values, midpoints, their neighbours in float32, ends and beyond, tiny and huge, both zeros and infinities, random.
std::vector<float> interesting(const Format& format) {
  std::vector<float> xs{0.0f, -0.0f, inf, -inf, 0.49999997f, -0.49999997f};
  const auto around = [&xs](double x) {
    const auto f = static_cast<float>(x);
    for (const float v : {f, std::nextafter(f, inf), std::nextafter(f, -inf)}) xs.insert(xs.end(), {v, -v});
  };
  const std::vector<float>& v = values(format);
  for (std::size_t i = 0; i < v.size(); ++i) {
    around(v[i]);
    if (i > 0) around((static_cast<double>(v[i - 1]) + v[i]) / 2);
  }
  around(1.5 * largest(format));
  around(static_cast<double>(largest(format)) + 1);
  around(std::numeric_limits<float>::denorm_min());
  around(std::numeric_limits<float>::min());
  around(std::numeric_limits<float>::max());
  Random random(11);
  for (int i = 0; i < 300; ++i) {
    xs.push_back(static_cast<float>(random.normal() * largest(format) / 3));
    xs.push_back(static_cast<float>(random.normal() * std::exp2(random.uniform(-130, 20))));
  }
  return xs;
}

std::vector<Ties> ties_of(const Format& format) {
  if (format.family == Family::integer) return {Ties::away, Ties::published, Ties::even};
  return {Ties::away, Ties::published};
}

TEST(Codec, EncodeFindsTheNearestValueOfEveryFormat) {
  for (const Format& f : all_formats())
    for (const Ties ties : ties_of(f)) {
      const std::vector<float> xs = interesting(f);
      std::vector<std::uint8_t> codes(xs.size());
      encode(f, ties, xs.data(), xs.size(), 1.0f, codes.data());
      for (std::size_t i = 0; i < xs.size(); ++i) {
        ASSERT_LT(codes[i], 1 << f.bits) << name(f) << " at " << xs[i];
        ASSERT_EQ(code_values(f)[codes[i]], nearest_by_search(values(f), ties, xs[i]))
            << name(f) << " ties " << static_cast<int>(ties) << " at " << xs[i];
        ASSERT_EQ(code_values(f)[codes[i]] == 0, codes[i] == 0) << name(f) << ": zero has one code";
      }
    }
}

TEST(Codec, DividesByTheScaleInFloat32) {
  Random random(5);
  for (const char* text : {"int4", "flint4", "uint8", "float4_e2m1", "pot4"}) {
    const Format f = parse_format(text);
    for (const float scale : {0.1f, 3.0f, 1e-30f, 7e-4f}) {
      std::vector<float> xs(2000);
      // near ties, where x * (1 / scale) and a division in double would often differ
      for (float& x : xs) x = static_cast<float>((static_cast<double>(random.below(40)) - 20) / 2 * scale);
      std::vector<std::uint8_t> codes(xs.size());
      encode(f, Ties::away, xs.data(), xs.size(), scale, codes.data());
      for (std::size_t i = 0; i < xs.size(); ++i) {
        const float q = xs[i] / scale;
        ASSERT_EQ(code_values(f)[codes[i]], nearest_by_search(values(f), Ties::away, q)) << text << " " << xs[i];
      }
    }
  }
}

TEST(Codec, EveryCodeComesBack) {
  for (const Format& f : all_formats())
    for (const float scale : {1.0f, 0.3f, 100.0f}) {
      const std::size_t n = std::size_t{1} << f.bits;
      std::vector<std::uint8_t> codes(n), back(n);
      for (std::size_t i = 0; i < n; ++i) codes[i] = static_cast<std::uint8_t>(i);
      std::vector<float> x(n);
      decode(f, codes.data(), n, scale, x.data());
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(x[i], scale * code_values(f)[i]) << name(f);
      encode(f, Ties::away, x.data(), n, scale, back.data());
      for (std::size_t i = 0; i < n; ++i) {
        const bool minus_zero = i > 0 && code_values(f)[i] == 0;
        if (!minus_zero && (x[i] == 0 || std::fabs(x[i]) > 1e-36f)) {  // below, the product loses digits
          ASSERT_EQ(back[i], codes[i]) << name(f);
        }
      }
    }
}

TEST(Codec, RoundToIsEncodeThenDecode) {
  for (const Format& f : all_formats())
    for (const Ties ties : ties_of(f))
      for (const float scale : {1.0f, 0.37f, 1e-3f}) {
        std::vector<float> xs = interesting(f), expected(xs.size());
        std::vector<std::uint8_t> codes(xs.size());
        for (float& x : xs) x *= scale;
        encode(f, ties, xs.data(), xs.size(), scale, codes.data());
        decode(f, codes.data(), xs.size(), scale, expected.data());
        std::vector<float> y = xs;
        round_to(f, ties, y.data(), y.size(), scale, y.data());
        for (std::size_t i = 0; i < xs.size(); ++i)
          ASSERT_EQ(std::bit_cast<std::uint32_t>(y[i]), std::bit_cast<std::uint32_t>(expected[i]))
              << name(f) << " at " << xs[i];
      }
}

TEST(Codec, PackedIsEncodeThenPack) {
  for (const Format& f : all_formats())
    for (const std::size_t n : {0, 1, 7, 8, 15, 33, 4095, 4097, 9001}) {
      const std::vector<float> some = interesting(f);
      std::vector<float> xs(n), decoded(n), expected(n);
      for (std::size_t i = 0; i < n; ++i) xs[i] = some[i % some.size()];
      std::vector<std::uint8_t> codes(n), packed(packed_bytes(n, f.bits)), expected_packed(packed.size());
      encode(f, Ties::away, xs.data(), n, 1.0f, codes.data());
      pack(codes.data(), n, f.bits, expected_packed.data());
      encode_packed(f, Ties::away, xs.data(), n, 1.0f, packed.data());
      ASSERT_EQ(packed, expected_packed) << name(f) << " n=" << n;
      decode(f, codes.data(), n, 0.7f, expected.data());
      decode_packed(f, packed.data(), n, 0.7f, decoded.data());
      ASSERT_EQ(decoded, expected) << name(f) << " n=" << n;
    }
}

TEST(Codec, ZeroIsAlwaysPositive) {
  for (const Format& f : all_formats()) {
    const float tiny = values(f)[f.is_signed ? values(f).size() / 2 + 1 : 1] * 0.25f;
    const float xs[] = {0.0f, -0.0f, tiny, -tiny};
    float y[4];
    round_to(f, Ties::away, xs, 4, 1.0f, y);
    for (const float v : y) EXPECT_EQ(std::bit_cast<std::uint32_t>(v), 0u) << name(f);
  }
}

TEST(AllFinite, SeesEveryPlace) {
  for (const float bad : {inf, -inf, std::nanf("")})
    for (std::size_t n : {1, 2, 17, 5000})
      for (std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
        std::vector<float> xs(n, std::numeric_limits<float>::max());
        EXPECT_TRUE(all_finite(xs.data(), n));
        xs[at] = bad;
        EXPECT_FALSE(all_finite(xs.data(), n)) << n << " " << at;
      }
  EXPECT_TRUE(all_finite(nullptr, 0));
}

}  // namespace
}  // namespace pare::number
