// The plain twins of the kernels: what they compute, and what runs where vectors are switched off.
#pragma once
#include "pare/kernels/aggregate.h"

namespace pare::kernels::scalar {

void aggregate(const Csr& a, const Weights& weights, Reduce reduce, const Input& x, const Epilogue& epilogue,
               const Output& y, std::int64_t* argmax = nullptr);
void edge_dots(const Csr& a, const Input& u, const Input& v, int heads, float* out);
void edge_softmax(const Csr& a, const float* score, int heads, float* out);
void edge_softmax_gradient(const Csr& a, const float* p, const float* grad, int heads, float* out);

}  // namespace pare::kernels::scalar
