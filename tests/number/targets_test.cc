// Every instruction set of the machine against the scalar twins, bit for bit: all formats, ties and their neighbours,
// tails, unaligned places, and nothing written beyond the end.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "all_formats.h"
#include "interesting.h"
#include "pare/base/random.h"
#include "pare/base/simd.h"
#include "pare/number/codec.h"

namespace pare::number {
namespace {

class Targets : public testing::TestWithParam<std::string> {
 protected:
  void TearDown() override { set_simd(""); }

  /// What `work` makes with the scalar twins, then with the target of the test.
  template <class Work>
  auto both(const Work& work) {
    set_simd("scalar");
    auto expected = work();
    set_simd(GetParam());
    return std::pair{expected, work()};
  }
};

/// memcmp, as -0 == +0 would hide a sign.
template <class T>
void expect_same(const std::vector<T>& expected, const std::vector<T>& got, const std::string& what) {
  ASSERT_EQ(expected.size(), got.size()) << what;
  if (expected.empty() || std::memcmp(expected.data(), got.data(), got.size() * sizeof(T)) == 0) return;
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(std::memcmp(&expected[i], &got[i], sizeof(T)), 0)
        << what << " at " << i << ": " << +expected[i] << " and " << +got[i];
}

TEST_P(Targets, EncodeAndRoundLikeTheScalarTwin) {
  for (const Format& f : all_formats())
    for (const Ties ties : ties_of(f))
      for (const float scale : {1.0f, 0.3f}) {
        std::vector<float> xs = interesting(f);
        for (float& x : xs) x *= scale;
        const std::string what = name(f) + " ties " + std::to_string(static_cast<int>(ties));
        const auto [codes, same_codes] = both([&] {
          std::vector<std::uint8_t> out(xs.size());
          encode(f, ties, xs.data(), xs.size(), scale, out.data());
          return out;
        });
        expect_same(codes, same_codes, what);
        const auto [values, same_values] = both([&] {
          std::vector<float> out(xs.size());
          round_to(f, ties, xs.data(), xs.size(), scale, out.data());
          return out;
        });
        expect_same(values, same_values, what);
        if (HasFatalFailure()) return;
      }
}

TEST_P(Targets, MillionRandomBitPatterns) {
  Random random(17);
  std::vector<float> xs(1 << 20);
  for (float& x : xs) {
    x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isnan(x)) x = 0;
  }
  for (const char* text : {"int8", "int4_full", "flint4", "uflint8", "float4_e2m1", "pot8", "ufloat8_e7m1"}) {
    const Format f = parse_format(text);
    const auto [codes, same] = both([&] {
      std::vector<std::uint8_t> out(xs.size());
      encode(f, Ties::away, xs.data(), xs.size(), 1.7f, out.data());
      return out;
    });
    expect_same(codes, same, text);
  }
}

TEST_P(Targets, TailsAndUnalignedPlaces) {
  for (const char* text : {"int3", "int4", "uflint4", "flint4", "float4_e2m1", "pot5", "flint8"}) {
    const Format f = parse_format(text);
    const std::vector<float> some = interesting(f);
    for (std::size_t n = 0; n <= 67 * 2; ++n)
      for (std::size_t shift = 0; shift < 4; ++shift) {
        const std::string what = std::string(text) + " n=" + std::to_string(n) + " shift=" + std::to_string(shift);
        const float* x = some.data() + shift;
        const auto [codes, same_codes] = both([&] {
          std::vector<std::uint8_t> out(n + shift + 1, 0xa5);
          encode(f, Ties::away, x, n, 0.9f, out.data() + shift);
          return out;
        });
        expect_same(codes, same_codes, what);
        const auto [packed, same_packed] = both([&] {
          std::vector<std::uint8_t> out(packed_bytes(n, f.bits) + shift + 1, 0xa5);
          encode_packed(f, Ties::away, x, n, 0.9f, out.data() + shift);
          return out;
        });
        expect_same(packed, same_packed, what);
        const auto [rounded, same_rounded] = both([&] {
          std::vector<float> out(n + shift + 1, 77.0f);
          round_to(f, Ties::away, x, n, 0.9f, out.data() + shift);
          return out;
        });
        expect_same(rounded, same_rounded, what);
        const auto [decoded, same_decoded] = both([&] {
          std::vector<float> out(n + shift + 1, 77.0f);
          decode(f, codes.data() + shift, n, 0.9f, out.data() + shift);
          return out;
        });
        expect_same(decoded, same_decoded, what);
        const auto [unpacked, same_unpacked] = both([&] {
          std::vector<float> out(n + shift + 1, 77.0f);
          decode_packed(f, packed.data() + shift, n, 0.9f, out.data() + shift);
          return out;
        });
        expect_same(unpacked, same_unpacked, what);
        expect_same(decoded, unpacked, what);
        if (HasFatalFailure()) return;
      }
  }
}

TEST_P(Targets, FiniteOrNot) {
  set_simd(GetParam());
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {inf, -inf, std::nanf(""), -std::nanf("")})
    for (std::size_t n = 1; n <= 67; ++n)
      for (std::size_t at = 0; at < n; ++at) {
        std::vector<float> xs(n, -std::numeric_limits<float>::max());
        ASSERT_TRUE(all_finite(xs.data(), n));
        xs[at] = bad;
        ASSERT_FALSE(all_finite(xs.data(), n)) << n << " " << at;
      }
  std::vector<float> xs(100'000, 1.0f);
  EXPECT_TRUE(all_finite(xs.data(), xs.size()));
  for (const std::size_t at : {0, 4095, 4096, 50'000, 99'999}) {
    xs[at] = inf;
    EXPECT_FALSE(all_finite(xs.data(), xs.size())) << at;
    xs[at] = 1;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Targets, testing::ValuesIn(simd_targets()), [](const auto& test) { return test.param; });

}  // namespace
}  // namespace pare::number
