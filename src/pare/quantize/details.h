// What a study tells about a quantised network, tensor by tensor.
#pragma once
#include "pare/quantize/finetune.h"
#include "pare/quantize/network_search.h"
#include "pare/study/study.h"

namespace pare::quantize {

/// One row a tensor: name, kind, format, bits, granularity, scale (a number, or least and largest of the channels),
/// mse, range_used (share of the format's range that the values reach).
study::Json tensor_details(const Calibrated& network, const model::Recipe& recipe, const Plan& plan);

/// The weight and the activation of largest relative error: histograms in grid units beside the format's values.
study::Json distributions(const Calibrated& network, const model::Recipe& recipe);

/// The candidates of the search, best first.
study::Json tried_details(const std::vector<NetworkCandidate>& tried);

study::Json finetune_details(const Finetuned& tuned);

}  // namespace pare::quantize
