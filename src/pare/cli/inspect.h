// pare inspect: what a network is made of.
#pragma once
#include "pare/model/model.h"
#include "pare/study/study.h"

namespace pare::cli {

/// One candidate: parameters, MACs and bytes counted, layer by layer.
study::Study inspect(const model::Model& model);

}  // namespace pare::cli
