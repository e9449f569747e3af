#include "pare/trace/shapes.h"

#include <gmock/gmock.h>

namespace pare::trace {
namespace {

using testing::ElementsAre;

TEST(Shapes, AsTorchWritesThem) {
  EXPECT_THAT(parse_shapes("[[4,16],[],[[2],[3]],[7]]"),
              ElementsAre(ElementsAre(4, 16), ElementsAre(), ElementsAre(), ElementsAre(7)));
  EXPECT_THAT(parse_types("[float,Scalar,GenericList[Tensor,Int],]"),
              ElementsAre("float", "Scalar", "GenericList[Tensor,Int]", ""));
}

TEST(Shapes, WhatCannotBeReadIsEmpty) {
  for (const char* text : {"", "[", "]", "[]", "4", "[4"}) EXPECT_THAT(parse_shapes(text), testing::IsEmpty()) << text;
  EXPECT_THAT(parse_shapes("[[-1],[99999999999999999999],[4,x]]"),
              ElementsAre(ElementsAre(), ElementsAre(), ElementsAre()));
}

TEST(Shapes, ElementsDoNotOverflow) {
  EXPECT_EQ(elements({4, 16}), 64);
  EXPECT_EQ(elements({}), 1);
  EXPECT_EQ(elements({std::int64_t{1} << 40, std::int64_t{1} << 40}), std::int64_t{1} << 62);
  EXPECT_EQ(elements({std::int64_t{1} << 40, 0}), 0);
}

}  // namespace
}  // namespace pare::trace
