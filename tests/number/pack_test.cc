// Packing against a stream of single bits.
#include <gtest/gtest.h>

#include <vector>

#include "pare/base/random.h"
#include "pare/number/codec.h"

namespace pare::number {
namespace {

TEST(Pack, BitsLieInOrderAndComeBack) {
  Random random(3);
  for (int bits = 1; bits <= 8; ++bits)
    for (std::size_t n = 0; n <= 67; ++n) {
      std::vector<std::uint8_t> codes(n), back(n + 1, 0xa5), packed(packed_bytes(n, bits) + 1, 0xa5);
      for (auto& c : codes) c = static_cast<std::uint8_t>(random.below(std::uint64_t{1} << bits));
      pack(codes.data(), n, bits, packed.data());
      ASSERT_EQ(packed.back(), 0xa5) << "wrote beyond the end";
      const auto width = static_cast<std::size_t>(bits);
      for (std::size_t bit = 0; bit < 8 * packed_bytes(n, bits); ++bit) {
        const int expected = bit < n * width ? (codes[bit / width] >> (bit % width)) & 1 : 0;
        ASSERT_EQ((packed[bit / 8] >> (bit % 8)) & 1, expected) << bits << " bits, " << n << " codes, bit " << bit;
      }
      unpack(packed.data(), n, bits, back.data());
      ASSERT_EQ(back.back(), 0xa5) << "wrote beyond the end";
      back.pop_back();
      ASSERT_EQ(back, codes);
    }
}

TEST(Pack, FourBitsAreLowNibbleFirst) {
  const std::uint8_t codes[] = {1, 2, 15};
  std::uint8_t packed[2];
  pack(codes, 3, 4, packed);
  EXPECT_EQ(packed[0], 0x21);
  EXPECT_EQ(packed[1], 0x0f);
}

}  // namespace
}  // namespace pare::number
