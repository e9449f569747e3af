#include "pare/trace/chakra_order.h"

#include <gmock/gmock.h>

#include "pare/base/error.h"

namespace pare::trace {
namespace {

using Ids = std::vector<std::uint64_t>;

std::string refused(DependencyOrder& order) {
  try {
    order.check("file");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ChakraOrder, WhatIsDependedOnStandsBefore) {
  DependencyOrder order;
  order.add(7, Ids{9}, Ids{8}, "file");
  order.add(8, Ids{9}, Ids{}, "file");
  order.add(9, Ids{}, Ids{}, "file");
  order.check("file");
  EXPECT_THAT(order.in_order(), testing::ElementsAre(2, 1, 0));
  EXPECT_EQ(order.first_control(0), 2u);
  EXPECT_EQ(order.first_control(2), std::nullopt);
}

TEST(ChakraOrder, DataIsNoControl) {
  DependencyOrder order;
  order.add(1, Ids{}, Ids{}, "file");
  order.add(2, Ids{}, Ids{1}, "file");
  order.check("file");
  EXPECT_EQ(order.first_control(1), std::nullopt);
}

TEST(ChakraOrder, NamesTheCycle) {
  DependencyOrder order;
  order.add(1, Ids{}, Ids{2}, "file");
  order.add(2, Ids{3}, Ids{}, "file");
  order.add(3, Ids{}, Ids{2}, "file");
  EXPECT_THAT(refused(order), testing::HasSubstr("file: nodes depend on themselves: 2 on 3 on 2"));
}

TEST(ChakraOrder, NamesWhatIsNotThere) {
  DependencyOrder order;
  order.add(1, Ids{}, Ids{5}, "file");
  EXPECT_THAT(refused(order), testing::HasSubstr("node 1 needs the data of node 5, which is not there"));
}

TEST(ChakraOrder, ControlByWhatIsNotThereIsCounted) {
  DependencyOrder order;
  order.add(1, Ids{5}, Ids{}, "file");
  order.add(2, Ids{5}, Ids{1}, "file");
  order.check("file");
  EXPECT_EQ(order.dropped(), 2u);
  EXPECT_EQ(order.first_control(0), std::nullopt);
}

TEST(ChakraOrder, RefusesAnIdTwice) {
  DependencyOrder order;
  order.add(1, Ids{}, Ids{}, "file");
  EXPECT_THROW(order.add(1, Ids{}, Ids{}, "file"), Error);
}

TEST(ChakraOrder, LongChainsNeedNoStack) {
  DependencyOrder order;
  constexpr std::uint64_t count = 300000;
  for (std::uint64_t i = 0; i < count; ++i) order.add(i, i + 1 < count ? Ids{i + 1} : Ids{}, Ids{}, "file");
  order.check("file");
  EXPECT_EQ(order.in_order().front(), count - 1);
}

}  // namespace
}  // namespace pare::trace
