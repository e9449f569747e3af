// Formats and scales of whole tensors by least squared error: ANT's choice, tensor by tensor.
#pragma once
#include <vector>

#include "pare/number/tensor_codec.h"
#include "pare/quantize/scale_search.h"

namespace pare::quantize {

/// A format with the scales that suit a tensor best.
struct FormatFit {
  number::Format format;
  std::vector<float> scales;  // as Layout::scales()
  double squared_error = 0;   // summed over the values searched
};

/// Each format's fit, in the order given (formats that exist at this width only). One sort a channel serves all
/// formats; channels in parallel. `x` is float32, all finite, laid out as `layout`.
std::vector<FormatFit> fit_formats(const float* x, const number::Layout& layout,
                                   const std::vector<number::Format>& formats, const Window& window);

/// The fit of least error; the first of equals (ANT breaks ties by the order of its candidates).
const FormatFit& least_error(const std::vector<FormatFit>& fits);

/// Formats named by family at a width: "int", "pot", "float" (three exponent bits, or as many as fit), "flint", or a
/// full split such as "e2" for float. Throws UsageError for an unknown family or width.
std::vector<number::Format> formats_of(const std::vector<std::string>& families, int bits, bool is_signed,
                                       number::IntRange range);

}  // namespace pare::quantize
