// One source, which Highway compiles once a target (rows: rows-inl.h).
#include "pare/kernels/vector.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <type_traits>

#include "pare/base/simd.h"
#include "pare/kernels/scalar.h"

// the widest of each kind of registers: every target more is compiled anew
#define HWY_DISABLED_TARGETS HWY_SSSE3
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "pare/kernels/vector.cc"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pare::kernels::vector {
namespace HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

// The fallback is the twin itself, so that forcing `scalar` runs what reads like the formula.

void Rows(const Job& job, std::int64_t first, std::int64_t last) { scalar::rows(job, first, last); }
void Partial(const Job& job, std::int64_t first, std::int64_t last, float* sums) {
  scalar::partial(job, first, last, sums);
}
void Finish(const Job& job, std::int64_t place, const float* sums) { scalar::finish(job, place, sums); }

#else
#include "pare/kernels/rows-inl.h"

void Rows(const Job& job, std::int64_t first, std::int64_t last) {
  by_type(job, RowsOf{&job, first, last});
  if (job.tactics.stream) hwy::FlushStream();
}

void Partial(const Job& job, std::int64_t first, std::int64_t last, float* sums) {
  by_type(job, PartialOf{&job, first, last, sums});
}

void Finish(const Job& job, std::int64_t place, const float* sums) { by_type(job, FinishOf{&job, place, sums}); }

#endif
}  // namespace HWY_NAMESPACE
}  // namespace pare::kernels::vector
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pare::kernels::vector {

HWY_EXPORT(Rows);
HWY_EXPORT(Partial);
HWY_EXPORT(Finish);

void rows(const Job& job, std::int64_t first, std::int64_t last) { HWY_DYNAMIC_DISPATCH(Rows)(job, first, last); }
void partial(const Job& job, std::int64_t first, std::int64_t last, float* sums) {
  HWY_DYNAMIC_DISPATCH(Partial)(job, first, last, sums);
}
void finish(const Job& job, std::int64_t place, const float* sums) { HWY_DYNAMIC_DISPATCH(Finish)(job, place, sums); }

}  // namespace pare::kernels::vector
#endif
