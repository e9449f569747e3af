// A matrix brought into the layout that a kernel wants.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "pare/graph/adjacency.h"
#include "pare/graph/order.h"
#include "pare/kernels/layout.h"

namespace pare::graph {

enum class Intra { none, tile, local };  // no subgraphs; dense tiles; rows of 8-bit local columns
enum class Inter { rows, coordinates };

/// Which kernels run over which subgraphs, in which order of the rows.
///
/// Rows are worked on in `order`, and each row's result goes to its own place, so that callers keep their numbering.
/// Features stay where they are too, unless they are `copied` into the order first: twice the features' bytes are moved
/// for that, and neighbours then share pages and neighbouring cache lines.
struct KernelPlan {
  Order order = Order::natural;
  int window = 0;  // places within which rows of equal degree are worked on together, so that their loops' ends are
                   // foreseen; 0: not
  int block = 0;   // rows of a community, at most 256; 0: the matrix is not split
  Intra intra = Intra::none;
  Inter inter = Inter::rows;
  int column_tiles = 1;  // the columns are cut into so many parts, worked on one after the other
  bool copied = false;   // features are first copied in the order; nothing is split
  int prefetch = 0;      // edges ahead
  bool stream = false;   // results go past the caches

  bool operator==(const KernelPlan&) const = default;
};

/// "natural", "community", "community degrees", "community 16: tile + rows", ...
std::string name_of(const KernelPlan& plan);

/// The share of the matrix that a layout depends on: plans that differ in tactics only share one.
struct LayoutKey {
  Order order;
  int window, block;
  Intra intra;
  Inter inter;
  int column_tiles;
  bool copied;
  auto operator<=>(const LayoutKey&) const = default;
};
LayoutKey layout_of(const KernelPlan& plan);

class Prepared {
 public:
  /// new_of: the place of each row; null: natural. A matrix that is split must be square. The matrix must outlive it.
  Prepared(const Adjacency& a, const std::vector<std::int32_t>* new_of, const LayoutKey& key);
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  /// More than one where columns are tiled: what they come to is added up.
  const std::vector<kernels::Layout>& layouts() const { return layouts_; }
  /// How layouts() of a width are shared out, kept from the first call on.
  const std::vector<kernels::Work>& work(std::int64_t width, bool whole_rows) const;
  std::size_t bytes() const;  // beside the matrix's own

  /// The features as layouts() of a copied plan wants them: out [rows, width], without gaps.
  void copy(const kernels::Input& x, std::byte* out) const;

 private:
  struct Part {
    std::vector<std::int64_t> begin;
    std::vector<std::int32_t> column;
    std::vector<std::uint8_t> local, row_in_block;
    std::vector<float> weight;
    std::vector<std::int64_t> source;
  };
  kernels::Edges edges(const Part& part) const;
  void fill();
  std::vector<kernels::Layout> make_layouts() const;

  const Adjacency& a_;
  LayoutKey key_;
  std::vector<std::int32_t> row_of_;
  bool untouched_ = false;  // the matrix's own arrays serve
  std::vector<float> tile_;
  Part intra_;
  std::vector<Part> inter_;
  std::vector<kernels::Layout> layouts_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::int64_t, bool>, std::vector<kernels::Work>> work_;
};

}  // namespace pare::graph
