// ONNX files to Model and back.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pare/model/model.h"

namespace pare::model {

/// Names of the ONNX operators that can be read.
std::vector<std::string> onnx_operators();

/// Reads an ONNX file (opset 7 to 23 of the default domain) into a Model: attributes checked, constants decoded,
/// Constant and Identity nodes gone, integer arithmetic on shapes folded, shapes inferred, nodes that nothing needs
/// dropped. Throws Error naming operator and node for what pare does not know; nothing is skipped silently. Not known
/// so far: control flow, sequences, texts, indices of MaxPool, sparse initialisers, types of less than a byte.
Model read_onnx(const std::filesystem::path& path);

/// The same from bytes; `where` is used in messages, `folder` is where external data may lie (empty: refused).
Model parse_onnx(std::string_view bytes, const std::string& where, const std::filesystem::path& folder = {});

/// The Model as an ONNX file of standard operators (opset 13 or the least that its operators need). pare's own
/// operators are lowered: see lower.h. Deterministic: the same Model gives the same bytes.
std::string to_onnx(const Model& model);
void write_onnx(const std::filesystem::path& path, const Model& model);

}  // namespace pare::model
