// Quantisation inside a differentiable run: values go to the nearest of a number format and stay float32.
#pragma once
#include <ATen/core/Tensor.h>

#include "pare/model/model.h"

namespace pare::runtime {

/// decode(encode(x)) with the granularity and format of `a`. x float32 of any shape, scales float32 [1], [channels] or
/// [channels, groups]. Bit-equal to number::round_to on the CPU.
///
/// Gradients (straight-through): inside the range of the format dy/dx = 1 and dy/ds = q - x/s, outside dy/dx = 0 and
/// dy/ds = q, with q the value in grid units (Esser et al. 2020, equation 3). The code published with ANT has no such
/// limit on dy/dx.
at::Tensor fake_quantize(const at::Tensor& x, const at::Tensor& scales, const model::QuantizeAttributes& a);

/// The float32 tensor that packed codes stand for.
at::Tensor dequantize(const at::Tensor& packed, const at::Tensor& scales, const model::QuantizeAttributes& a);

}  // namespace pare::runtime
