// Tensors of ONNX files, checked while they are decoded.
#pragma once
#include <onnx-ml.pb.h>

#include <filesystem>
#include <optional>
#include <string>

#include "pare/model/limits.h"
#include "pare/model/model.h"

namespace pare::model {

std::optional<ElementType> element_type(int onnx_type);  // onnx::TensorProto::DataType
int onnx_type(ElementType type);

/// Where tensors may keep their bytes outside the model's file, and the hash of what was read there.
struct ExternalData {
  std::filesystem::path folder;  // empty: refused
  std::string hash;              // of all that was read, in order; empty where nothing was
};

/// Throws Error (with `where`) for an unknown type, sizes that overflow or do not match the data, and external data
/// outside of its folder.
Tensor read_tensor(const onnx::TensorProto& proto, const std::string& where, ExternalData& external);

void write_tensor(const Tensor& tensor, const std::string& tensor_name, onnx::TensorProto* proto);

}  // namespace pare::model
