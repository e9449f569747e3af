// The plain twins of the kernels: what they compute, and what runs where vectors are switched off.
#pragma once
#include "pare/kernels/layout.h"

namespace pare::kernels::scalar {

// as in vector.h
void rows(const Job& job, std::int64_t first, std::int64_t last);
void partial(const Job& job, std::int64_t first, std::int64_t last, float* sums);
void finish(const Job& job, std::int64_t place, const float* sums);

void edge_dots(const Csr& a, const Input& u, const Input& v, int heads, float* out);
void edge_softmax(const Csr& a, const float* score, int heads, float* out);
void edge_softmax_gradient(const Csr& a, const float* p, const float* grad, int heads, float* out);

}  // namespace pare::kernels::scalar
