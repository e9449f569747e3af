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

/// Bytes are compared, as -0 == +0 would hide a sign.
template <class T>
void expect_same(const std::vector<T>& expected, const std::vector<T>& got, const std::string& what) {
  ASSERT_EQ(expected.size(), got.size()) << what;
  if (expected.empty() || std::memcmp(expected.data(), got.data(), got.size() * sizeof(T)) == 0) return;
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(std::memcmp(&expected[i], &got[i], sizeof(T)), 0)
        << what << " at " << i << ": " << +expected[i] << " and " << +got[i];
}

class Targets : public testing::TestWithParam<std::string> {
 protected:
  void TearDown() override { set_simd(""); }

  /// Runs `work(out)` on a vector of `size` times `fill` with the scalar twins and with the target of the test, which
  /// must agree. Returns what they made.
  template <class T, class Work>
  std::vector<T> both(const std::string& what, std::size_t size, T fill, const Work& work) {
    std::vector<T> expected(size, fill), got(size, fill);
    set_simd("scalar");
    work(expected.data());
    set_simd(GetParam());
    work(got.data());
    expect_same(expected, got, what);
    return got;
  }

  static constexpr std::uint8_t no_code = 0xa5;
  static constexpr float no_number = 77.0f;
};

TEST_P(Targets, EncodeAndRoundLikeTheScalarTwin) {
  for (const Format& f : all_formats())
    for (const Ties ties : ties_of(f))
      for (const float scale : {1.0f, 0.3f}) {
        std::vector<float> xs = interesting(f);
        for (float& x : xs) x *= scale;
        const std::size_t n = xs.size();
        const std::string what = name(f) + " ties " + std::to_string(static_cast<int>(ties));
        both(what, n, no_code, [&](std::uint8_t* out) { encode(f, ties, xs.data(), n, scale, out); });
        both(what, n, no_number, [&](float* out) { round_to(f, ties, xs.data(), n, scale, out); });
        both(what, packed_bytes(n, f.bits), no_code,
             [&](std::uint8_t* out) { encode_packed(f, ties, xs.data(), n, scale, out); });
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
    both(text, xs.size(), no_code, [&](std::uint8_t* out) { encode(f, Ties::away, xs.data(), xs.size(), 1.7f, out); });
  }
}

TEST_P(Targets, TailsAndUnalignedPlaces) {
  for (const char* text : {"int3", "int4", "uflint4", "flint4", "int4_full", "pot5", "flint8"}) {
    const Format f = parse_format(text);
    const std::vector<float> some = interesting(f);
    for (std::size_t n = 0; n <= 2 * 67; ++n)
      for (std::size_t shift = 0; shift < 4; ++shift) {
        const std::string what = std::string(text) + " n=" + std::to_string(n) + " shift=" + std::to_string(shift);
        const float* x = some.data() + shift;
        const std::size_t room = n + shift + 1;  // the last one must stay as it is
        const auto codes =
            both(what, room, no_code, [&](std::uint8_t* out) { encode(f, Ties::away, x, n, 0.9f, out + shift); });
        const auto packed = both(what, packed_bytes(n, f.bits) + shift + 1, no_code,
                                 [&](std::uint8_t* out) { encode_packed(f, Ties::away, x, n, 0.9f, out + shift); });
        const auto rounded =
            both(what, room, no_number, [&](float* out) { round_to(f, Ties::away, x, n, 0.9f, out + shift); });
        const auto decoded =
            both(what, room, no_number, [&](float* out) { decode(f, codes.data() + shift, n, 0.9f, out + shift); });
        const auto unpacked = both(what, room, no_number,
                                   [&](float* out) { decode_packed(f, packed.data() + shift, n, 0.9f, out + shift); });
        expect_same(decoded, unpacked, what);
        expect_same(decoded, rounded, what);
        ASSERT_EQ(codes.back(), no_code) << what;
        ASSERT_EQ(packed.back(), no_code) << what;
        ASSERT_EQ(rounded.back(), no_number) << what;
        ASSERT_EQ(decoded.back(), no_number) << what;
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
