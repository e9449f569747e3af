#include "pare/kernels/aggregate.h"

#include "pare/kernels/scalar.h"

namespace pare::kernels {

void aggregate(const Csr& a, const Weights& weights, Reduce reduce, const Input& x, const Epilogue& epilogue,
               const Output& y, std::int64_t* argmax) {
  scalar::aggregate(a, weights, reduce, x, epilogue, y, argmax);
}
void edge_dots(const Csr& a, const Input& u, const Input& v, int heads, float* out) {
  scalar::edge_dots(a, u, v, heads, out);
}
void edge_softmax(const Csr& a, const float* score, int heads, float* out) {
  scalar::edge_softmax(a, score, heads, out);
}
void edge_softmax_gradient(const Csr& a, const float* p, const float* grad, int heads, float* out) {
  scalar::edge_softmax_gradient(a, p, grad, heads, out);
}

}  // namespace pare::kernels
