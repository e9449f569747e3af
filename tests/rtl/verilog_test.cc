#include "pare/rtl/verilog.h"

#include <gtest/gtest.h>

namespace pare::rtl {
namespace {

TEST(Verilog, LiteralsAreTwosComplements) {
  EXPECT_EQ(literal(200, 8), "8'hc8");
  EXPECT_EQ(literal(-56, 8), "8'hc8");
  EXPECT_EQ(literal(-1, 1), "1'b1");
  EXPECT_EQ(literal(0, 1), "1'b0");
  EXPECT_EQ(literal(-1, 64), "64'hffffffffffffffff");
  EXPECT_EQ(literal(-2, 66), "{{2{1'b1}}, 64'hfffffffffffffffe}");
  EXPECT_EQ(literal(5, 70), "70'h5");
}

TEST(Verilog, IndicesHaveAtLeastOneBit) {
  EXPECT_EQ(index_bits(1), 1);
  EXPECT_EQ(index_bits(2), 1);
  EXPECT_EQ(index_bits(3), 2);
  EXPECT_EQ(index_bits(480), 9);
  EXPECT_EQ(index_bits(512), 9);
  EXPECT_EQ(index_bits(513), 10);
}

TEST(Verilog, NamesAreIdentifiers) {
  EXPECT_EQ(identifier("canny-m"), "canny_m");
  EXPECT_EQ(identifier("2x"), "_2x");
  EXPECT_EQ(identifier(""), "_");
}

TEST(Verilog, SizesChangeBySign) {
  Module module("m", "A test.");
  const Signal a{"a", 4, false}, b{"b", 4, true}, c{"c", 1, true}, five{"", 3, false, 5}, minus{"", 3, true, -3};
  EXPECT_EQ(module.resized(a, 6), "{2'h0, a}");
  EXPECT_EQ(module.resized(a, 5), "{1'b0, a}");
  EXPECT_EQ(module.resized(b, 6), "{{2{b[3]}}, b}");
  EXPECT_EQ(module.resized(b, 5), "{b[3], b}");
  EXPECT_EQ(module.resized(b, 4), "b");
  EXPECT_EQ(module.resized(b, 2), "b[1:0]");
  EXPECT_EQ(module.resized(b, 1), "b[0]");
  EXPECT_EQ(module.resized(c, 3), "{{2{c}}, c}");
  EXPECT_EQ(module.resized(five, 8), "8'h5");
  EXPECT_EQ(module.resized(minus, 8), "8'hfd");
  EXPECT_EQ(module.bits(minus, 2, 1), "2'h2");
}

TEST(Verilog, BitsThatNothingReadsAreNamed) {
  Module module("m", "A test.");
  const Signal in = module.watch(module.input("in", 8)), whole = module.watch(module.input("whole", 2));
  module.watch(module.input("never", 3));
  module.output("out", 3);
  module.line("assign out = " + module.bits(in, 4, 3) + " + " + module.all(whole) + ";");
  const std::string text = module.text();
  EXPECT_NE(text.find("wire unused = &{1'b0, in[2:0], in[7:5], never};"), std::string::npos) << text;
}

}  // namespace
}  // namespace pare::rtl
