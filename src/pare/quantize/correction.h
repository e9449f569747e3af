// What quantisation does to the statistics of a layer's output is taken off its bias and, if asked, its scales.
#pragma once
#include "pare/io/dataset.h"
#include "pare/quantize/calibrate.h"
#include "pare/runtime/batch.h"

namespace pare::quantize {

/// none; mean: the shift of each output channel's mean goes off its bias (empirical bias correction, Nagel et al. 2019,
/// section 4.2, with means measured); affine: besides, each channel's scale takes the gain that fits the float output
/// best (least squares over the calibration samples), which costs nothing where scales are per channel.
enum class Correction { none, mean, affine };
const char* name(Correction correction);

/// The recipe corrected. Layers are done in order, each with those before it corrected, the float and the quantised
/// network running side by side over `samples`. A bias that several layers share is left alone.
model::Recipe correct(const Calibrated& network, model::Recipe recipe, Correction correction,
                      const runtime::Batch& samples);

}  // namespace pare::quantize
