// Values on edges: dots of what lies at both ends, and the softmax of attention. One source, compiled once a target.
#include <algorithm>
#include <vector>

#include "pare/base/parallel.h"
#include "pare/base/simd.h"
#include "pare/kernels/aggregate.h"
#include "pare/kernels/scalar.h"

// the widest of each kind of registers: every target more is compiled anew
#define HWY_DISABLED_TARGETS HWY_SSSE3
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "pare/kernels/edges.cc"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pare::kernels {
namespace HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

void EdgeDots(const Csr& a, const Input& u, const Input& v, int heads, float* out) {
  scalar::edge_dots(a, u, v, heads, out);
}

#else
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
void dots_of(D d, const Csr& a, const Input& u, const Input& v, int heads, float* out) {
  const auto n = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t part = u.width / heads;
  for (std::int64_t r = 0; r < a.rows; ++r) {
    const float* left = static_cast<const float*>(u.data) + r * u.stride;
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) {
      const float* right = static_cast<const float*>(v.data) + a.column[e] * v.stride;
      for (int h = 0; h < heads; ++h) {
        const std::int64_t from = h * part, to = from + part;
        auto sum = hn::Zero(d);
        std::int64_t f = from;
        for (; f + n <= to; f += n) sum = hn::MulAdd(hn::LoadU(d, left + f), hn::LoadU(d, right + f), sum);
        float dot = hn::GetLane(hn::SumOfLanes(d, sum));
        for (; f < to; ++f) dot += left[f] * right[f];
        out[e * heads + h] = dot;
      }
    }
  }
}

void EdgeDots(const Csr& a, const Input& u, const Input& v, int heads, float* out) {
  const hn::ScalableTag<float> widest;
  const std::int64_t part = u.width / heads;
  if (part >= static_cast<std::int64_t>(hn::Lanes(widest)))
    dots_of(widest, a, u, v, heads, out);
  else if (part >= 8)
    dots_of(hn::CappedTag<float, 8>(), a, u, v, heads, out);
  else
    dots_of(hn::CappedTag<float, 4>(), a, u, v, heads, out);
}

#endif
}  // namespace HWY_NAMESPACE
}  // namespace pare::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pare::kernels {
namespace {

/// Calls work(rows of a as a matrix, its first row, its first nonzero) for pieces of the rows. What is done must be
/// independent by row.
template <class Work>
void by_rows(const Csr& a, int heads, const Work& work) {
  ready_simd();
  const std::int64_t share = std::max<std::int64_t>(1, 65536 / std::max(heads, 1));
  std::vector<std::int64_t> begins{0};
  for (std::int64_t r = 1; r <= a.rows; ++r)
    if (r == a.rows || a.begin[r] - a.begin[begins.back()] >= share) begins.push_back(r);
  parallel_for(begins.size() - 1, [&](std::size_t i) {
    const std::int64_t first = begins[i];
    work(Csr{begins[i + 1] - first, a.columns, a.begin + first, a.column}, first);
  });
}

}  // namespace

HWY_EXPORT(EdgeDots);

void edge_dots(const Csr& a, const Input& u, const Input& v, int heads, float* out) {
  by_rows(a, heads, [&](const Csr& part, std::int64_t first) {
    Input left = u;
    left.data = static_cast<const float*>(u.data) + first * u.stride;
    HWY_DYNAMIC_DISPATCH(EdgeDots)(part, left, v, heads, out);
  });
}

void edge_softmax(const Csr& a, const float* score, int heads, float* out) {
  by_rows(a, heads, [&](const Csr& part, std::int64_t) { scalar::edge_softmax(part, score, heads, out); });
}

void edge_softmax_gradient(const Csr& a, const float* p, const float* grad, int heads, float* out) {
  by_rows(a, heads, [&](const Csr& part, std::int64_t) { scalar::edge_softmax_gradient(part, p, grad, heads, out); });
}

}  // namespace pare::kernels
#endif
