// Sparse times dense: what every vertex of a graph gathers from its neighbours. Raw pointers only.
//
// A row is a vertex that gathers, a column one that it gathers from, a nonzero an edge from column to row.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pare::kernels {

/// A sparse matrix by rows (compressed sparse row), a view.
struct Csr {
  std::int64_t rows = 0, columns = 0;
  const std::int64_t* begin = nullptr;   // [rows + 1], from 0, never falling
  const std::int32_t* column = nullptr;  // [nonzeros], in [0, columns)

  std::int64_t nonzeros() const { return rows == 0 ? 0 : begin[rows]; }
};

enum class Float { float32, bfloat16 };
constexpr std::size_t bytes_of(Float type) { return type == Float::float32 ? 4 : 2; }

/// A dense matrix, row-major, its rows `stride` elements apart.
template <class Pointer>
struct Dense {
  Pointer data = nullptr;  // [rows, width]
  std::int64_t width = 0, stride = 0;
  Float type = Float::float32;
};
using Input = Dense<const void*>;
using Output = Dense<void*>;

enum class Reduce {
  sum,
  mean,  // the sum over the number of nonzeros of the row; weights are not counted; an empty row gives 0
  max,   // by feature; an empty row gives 0. Weights are not allowed
};

/// What an edge's value is multiplied with; nothing set: 1.
struct Weights {
  const float* edge = nullptr;    // [nonzeros, heads]
  int heads = 1;                  // the width is `heads` equal parts, one after the other
  const float* column = nullptr;  // [columns], beside or instead of `edge`
};

/// What follows while the sums are in registers: y = relu(row_scale · sum + self · own + bias), each where set.
struct Epilogue {
  const float* row_scale = nullptr;  // [rows]
  float self = 0;                    // 0: own is not read
  Input own;                         // [rows, width]: GIN's and SAGE's own features
  const float* bias = nullptr;       // [width]
  bool relu = false;
};

/// y[r] = epilogue(reduce over the nonzeros (r, c) of weight · x[c]). Sums are taken in float32, in an order that does
/// not depend on the number of threads. x and y may differ in type; they must not overlap. With Reduce::max,
/// `argmax` [rows, x.width] gets the nonzero (its index) that won, the first of equals, or -1; may be null.
void aggregate(const Csr& a, const Weights& weights, Reduce reduce, const Input& x, const Epilogue& epilogue,
               const Output& y, std::int64_t* argmax = nullptr);

/// out[e, h] = dot over head h of u[row of e] and v[column of e] (sampled dense-dense product). u, v: float32.
void edge_dots(const Csr& a, const Input& u, const Input& v, int heads, float* out);

/// Softmax over the nonzeros of each row, by head: score and out [nonzeros, heads], may be the same.
void edge_softmax(const Csr& a, const float* score, int heads, float* out);
/// Its gradient: out = p · (grad - sum over the row of p · grad). out may be grad.
void edge_softmax_gradient(const Csr& a, const float* p, const float* grad, int heads, float* out);

}  // namespace pare::kernels
