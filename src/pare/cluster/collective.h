// Communication events: collectives, and the ranks that take part in them.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "pare/cluster/machine.h"

namespace pare::cluster {

/// Communication events. exchange: every rank sends its part on around a ring until all have seen all (context
/// parallelism); send: one rank to another.
enum class CollectiveKind { all_reduce, all_gather, reduce_scatter, all_to_all, exchange, send };

constexpr std::array<std::string_view, 6> collective_names{"all-reduce", "all-gather", "reduce-scatter",
                                                           "all-to-all", "exchange",   "send"};
std::string_view name(CollectiveKind kind);
/// Throws Error, naming `where`, for another name.
CollectiveKind parse_collective(const std::string& name, const std::string& where);

/// Ranks that take part: how many, how many of them in a full node, in how many nodes, and how many such groups share a
/// node's link at once.
struct Group {
  int size = 1, inside = 1, nodes = 1;
  int sharing = 1;    // groups of the same node whose transfers across nodes run together
  int below = 1;      // of its nodes, those below one leaf switch
  double climbs = 0;  // edges of all their rings that leave a leaf switch, for each node below it
};

/// How far a message goes: inside a node, to a node below the same leaf switch, to one below another.
enum class Distance { node, leaf, spine };
Distance distance(int from, int to, const Cluster& cluster);

/// The groups of `size` ranks that lie `stride` apart; where they do not all lie in the nodes alike, that in most
/// nodes, which the others wait for.
Group group_of(int size, int stride, const Cluster& cluster);
/// The same where not all of the `stride` devices begin a group, but so many first ones.
Group group_of(int size, int stride, int beginning, const Cluster& cluster);

}  // namespace pare::cluster
