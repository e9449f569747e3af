// Runs an ONNX file on arrays: runtime_tool MODEL IN.npz OUT.npz [--exported FILE]; inputs by name, outputs by name.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cstdio>
#include <cstring>

#include "pare/base/error.h"
#include "pare/io/npz.h"
#include "pare/model/onnx.h"
#include "pare/runtime/executor.h"
#include "pare/runtime/tensors.h"

namespace {

using namespace pare;

at::Tensor to_torch(const io::Array& array) {
  at::ScalarType type = at::kFloat;
  if (array.kind == 'f')
    type = array.item_bytes == 8 ? at::kDouble : array.item_bytes == 2 ? at::kHalf : at::kFloat;
  else if (array.kind == 'b')
    type = at::kBool;
  else if (array.kind == 'i')
    type = array.item_bytes == 8 ? at::kLong : array.item_bytes == 4 ? at::kInt : at::kChar;
  else
    type = at::kByte;
  at::Tensor t = at::empty(array.shape, type);
  std::memcpy(t.data_ptr(), array.bytes.data(), array.bytes.size());
  return t;
}

io::Array to_array(const at::Tensor& tensor) {
  const at::Tensor t = tensor.contiguous();
  const bool floating = t.is_floating_point();
  const char kind = t.scalar_type() == at::kBool ? 'b' : floating ? 'f' : t.scalar_type() == at::kByte ? 'u' : 'i';
  io::Array array{kind, static_cast<int>(t.element_size()), t.sizes().vec(), {}};
  array.bytes.assign(static_cast<const char*>(t.data_ptr()), t.nbytes());
  return array;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    const model::Model model = model::read_onnx(argv[1]);
    const auto arrays = io::read_npz(argv[2]);
    const c10::NoGradGuard no_gradients;
    std::vector<at::Tensor> inputs;
    for (const auto id : model.inputs) inputs.push_back(to_torch(arrays.at(model.value(id).name)));
    const auto outputs = runtime::Executor(model).run(inputs);
    std::map<std::string, io::Array> results;
    for (std::size_t i = 0; i < outputs.size(); ++i) results[model.value(model.outputs[i]).name] = to_array(outputs[i]);
    io::write_npz(argv[3], results);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
