#include "pare/base/error.h"

#include <gtest/gtest.h>

namespace pare {
namespace {

TEST(Error, IsOneLineOfWhatIsThere) {
  EXPECT_STREQ(Error("is broken", "net.onnx", "export it again").what(), "net.onnx: is broken (export it again)");
  EXPECT_STREQ(Error("is broken", "net.onnx").what(), "net.onnx: is broken");
  EXPECT_STREQ(Error("is broken", "", "export it again").what(), "is broken (export it again)");
  EXPECT_STREQ(Error("is broken", "").what(), "is broken");
}

TEST(Error, KeepsItsPartsAndItsKind) {
  try {
    throw UsageError("what", "where", "mend");
  } catch (const Error& e) {
    EXPECT_EQ(e.problem(), "what");
    EXPECT_EQ(e.where(), "where");
    EXPECT_EQ(e.mend(), "mend");
    EXPECT_NE(dynamic_cast<const UsageError*>(&e), nullptr);
  }
}

TEST(Printable, KeepsALineALine) {
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f\t"), "a?b?[31m??");
  EXPECT_EQ(printable(std::string("\0x", 2)), "?x");
  EXPECT_EQ(printable("größer"), "größer");
}

TEST(Printable, CutsWhatIsLong) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdefg", 6), "abcdef...");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), 123u);
}

}  // namespace
}  // namespace pare
