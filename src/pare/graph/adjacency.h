// Graphs as sparse matrices.
#pragma once
#include <cstdint>
#include <vector>

#include "pare/kernels/aggregate.h"

namespace pare::graph {

/// A sparse matrix by rows that owns its arrays. A row is a vertex that gathers, a column one that it gathers from:
/// y = A x. Columns rise within a row, and no entry is there twice.
struct Adjacency {
  std::int64_t columns = 0;
  std::vector<std::int64_t> begin{0};  // [rows + 1]
  std::vector<std::int32_t> column;    // [nonzeros]
  std::vector<float> weight;           // [nonzeros], or empty: all 1

  std::int64_t rows() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  std::int64_t nonzeros() const { return begin.back(); }
  kernels::Csr view() const { return {rows(), columns, begin.data(), column.data()}; }
};

struct Transposed {
  Adjacency matrix;
  std::vector<std::int64_t> source;  // [nonzeros]: which nonzero of the original each one is
};
Transposed transpose(const Adjacency& a);

/// An entry, for building.
struct Edge {
  std::int32_t row, column;
  float weight = 1;
};
/// Sorts, in linear time; equal entries become one, their weights added. Weights are left out where all are 1 (and
/// nothing was added). Entries must lie inside (assert): readers check first.
Adjacency from_edges(std::int64_t rows, std::int64_t columns, std::vector<Edge> edges);

/// The same for rows of which the columns come in any order, more than once even.
Adjacency canonical(Adjacency a);

bool is_symmetric(const Adjacency& a);  // structure and weights
/// Every diagonal entry there once, those missing with weight 1; square matrices.
Adjacency with_self_loops(const Adjacency& a);
Adjacency without_self_loops(const Adjacency& a);
/// A or Aᵀ: the union of both structures; where both have an entry, the first one's weight.
Adjacency symmetric(const Adjacency& a);

/// B[new_of[r], new_of[c]] = A[r, c], columns sorted again; square matrices. new_of: a permutation of the vertices.
Adjacency renumbered(const Adjacency& a, const std::vector<std::int32_t>& new_of);

}  // namespace pare::graph
