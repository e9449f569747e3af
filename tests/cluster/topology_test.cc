#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "pare/base/error.h"
#include "pare/cluster/costs.h"

namespace pare::cluster {
namespace {

using ::testing::HasSubstr;

/// Links so that time is bytes over the node's share of the bandwidth across, and nothing else.
Cluster cluster(int nodes, int devices, Fabric fabric) {
  Cluster c{.nodes = nodes, .devices_per_node = devices, .inside = {1e-15, 1e18}, .across = {1e-15, 1e9}};
  c.fabric = fabric;
  return c;
}

double seconds(CollectiveKind kind, int size, int stride, const Cluster& c) {
  return DescribedCosts(c).collective_s(kind, 1e9, group_of(size, stride, c));
}

/// How long the busiest link is busy when all groups send around their rings at once, a byte an edge: flows are routed
/// one by one, up and down where leaves differ.
double busiest(int size, int stride, const Cluster& c) {
  std::map<std::pair<char, int>, double> load;
  const int span = size * stride;
  for (int first = 0; first < c.devices(); ++first) {
    if (first % span >= stride) continue;
    for (int i = 0; i < size; ++i) {
      const int from = first + i * stride, to = first + (i + 1) % size * stride;
      if (from / c.devices_per_node == to / c.devices_per_node) continue;
      load[{'n', from / c.devices_per_node}] += 1 / c.across.bandwidth;
      if (c.leaf_of(from) == c.leaf_of(to)) continue;
      const double uplinks = c.fabric.leaf_nodes * c.across.bandwidth / c.fabric.oversubscription;
      load[{'u', c.leaf_of(from)}] += 1 / uplinks;
    }
  }
  double most = 0;
  for (const auto& [link, each] : load) most = std::max(most, each);
  return most;
}

TEST(Topology, RingsTakeAsLongAsTheirBusiestLink) {
  for (const int devices : {1, 4})
    for (const int leaf : {1, 2, 4})
      for (const double over : {1.0, 1.5, 3.0, 8.0})
        for (int stride = 1; stride <= 16; stride *= 2)
          for (int size = 2; size * stride <= 16 * devices; size *= 2) {
            const Cluster c = cluster(16, devices, {Topology::fat_tree, leaf, over});
            if (size * stride <= devices) continue;  // inside a node
            const double around = 1e9 * (size - 1) / size;
            EXPECT_NEAR(seconds(CollectiveKind::all_gather, size, stride, c) / (around * busiest(size, stride, c)), 1,
                        1e-6)
                << devices << " devices, leaf " << leaf << ", " << over << ", size " << size << " stride " << stride;
          }
}

TEST(Topology, GroupsThatStraddleNodesTakeAsLongAsTheWidestOfThem) {
  int straddling = 0;
  for (const int devices : {2, 3, 4, 5, 6, 8})
    for (int stride = 1; stride <= 10; ++stride)
      for (int size = 2; size * stride <= 120; ++size) {
        const bool straddles = devices % (size * stride) && size * stride % devices;
        for (const Fabric& fabric : {Fabric{}, Fabric{Topology::fat_tree, 2, 1.5}, Fabric{Topology::fat_tree, 3, 8}}) {
          const Cluster c = cluster(120 / devices, devices, fabric);
          if (c.devices() % (size * stride) || (fabric.leaf_nodes > 0 && !straddles)) continue;
          const double around = 1e9 * (size - 1) / size, expected = around * busiest(size, stride, c);
          EXPECT_NEAR(seconds(CollectiveKind::all_gather, size, stride, c), expected, 1e-6 * (1 + expected))
              << devices << " devices, size " << size << " stride " << stride << " leaf " << fabric.leaf_nodes;
        }
        straddling += straddles;
      }
  EXPECT_GT(straddling, 50);
  // of 4 stages of 4 devices, the first and the last add up the words' gradients: {0, 12} to {3, 15}
  EXPECT_EQ(group_of(2, 12, 4, cluster(2, 8, {})).sharing, 4);
  // {6, 7, 8} and {15, 16, 17} of 24 devices cross nodes; node 1 takes part in both
  const Group three = group_of(3, 1, cluster(3, 8, {}));
  EXPECT_EQ((std::array{three.size, three.inside, three.nodes, three.sharing}), (std::array{3, 2, 2, 2}));
}

TEST(Topology, ExchangesOfAllClimbMoreThanRings) {
  const Cluster flat = cluster(16, 4, {}), tree = cluster(16, 4, {Topology::fat_tree, 4, 4});
  const double slower =
      seconds(CollectiveKind::all_to_all, 64, 1, tree) / seconds(CollectiveKind::all_to_all, 64, 1, flat);
  EXPECT_NEAR(slower, 4 * 12.0 / 15, 1e-6);  // 12 of the 15 other nodes lie below other leaves
  EXPECT_EQ(seconds(CollectiveKind::all_to_all, 16, 1, tree), seconds(CollectiveKind::all_to_all, 16, 1, flat));
  EXPECT_NEAR(seconds(CollectiveKind::all_gather, 64, 1, tree), seconds(CollectiveKind::all_gather, 64, 1, flat), 1e-9);
}

TEST(Topology, OnRailsOtherNumbersAreReachedThroughTheNode) {
  Cluster c = cluster(4, 8, {Topology::rail, 4, 1});
  c.inside.bandwidth = 1e7;  // so slow that it decides
  const double n = 32, each = 1e9 / n;
  EXPECT_NEAR(seconds(CollectiveKind::all_to_all, 32, 1, c), (7 * each + 24 * each * 7 / 8) / 1e7, 1e-6);
  EXPECT_NEAR(seconds(CollectiveKind::all_to_all, 4, 8, c), 1e9 / 4 * 3 * 8 / 1e9, 1e-6);  // of one number
}

TEST(Topology, MessagesShareUplinks) {
  const Cluster c = cluster(8, 2, {Topology::fat_tree, 2, 3});
  EXPECT_EQ(distance(0, 1, c), Distance::node);
  EXPECT_EQ(distance(1, 2, c), Distance::leaf);
  EXPECT_EQ(distance(3, 4, c), Distance::spine);
  const DescribedCosts costs(c);
  EXPECT_NEAR(costs.transfer_s(1e9, Distance::leaf), 2, 1e-6);
  EXPECT_NEAR(costs.transfer_s(1e9, Distance::spine), 6, 1e-6);
}

std::string refused(const std::string& across) {
  const std::string text = R"([device]
matrix_tflops = 1
memory_gib = 1
memory_gb_s = 1
[nodes]
count = 4
devices = 2
[inside]
latency_us = 1
bandwidth_gb_s = 1
[across]
latency_us = 1
bandwidth_gb_s = 1
)";
  try {
    parse_cluster(text + across, "c.toml");
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(Topology, IsRead) {
  EXPECT_EQ(refused("topology = 'rail'\nnodes_per_switch = 2\noversubscription = 2"), "");
  EXPECT_THAT(refused("topology = 'torus'"), HasSubstr("knows no topology 'torus'"));
  EXPECT_THAT(refused("oversubscription = 2"), HasSubstr("add nodes_per_switch"));
  EXPECT_THAT(refused("nodes_per_switch = 2\noversubscription = 0.5"), HasSubstr("at least 1"));
  EXPECT_THAT(refused("nodes_per_switch = -2"), HasSubstr("nodes_per_switch"));
}

}  // namespace
}  // namespace pare::cluster
