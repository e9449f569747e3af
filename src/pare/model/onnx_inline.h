// Local functions of an ONNX file: calls are replaced by the nodes they stand for.
#pragma once
#include <onnx-ml.pb.h>

#include <string>

namespace pare::model {

/// Replaces every call of a function that the file defines by the function's nodes, values and nodes named after the
/// call, attributes filled in (ONNX IR.md, "Functions"). Throws Error (with `where`) for functions that call
/// themselves, are nested or grow beyond the limits, are defined twice, or use another opset than the file.
void inline_functions(onnx::ModelProto& proto, const std::string& where);

}  // namespace pare::model
