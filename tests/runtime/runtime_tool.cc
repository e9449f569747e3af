// Runs an ONNX file on arrays: runtime_tool MODEL IN.npz OUT.npz [--fused]; inputs by name, outputs by name.
// runtime_tool -: the same for every three lines on standard input; answers with a line each, "ok" or what is wrong.
// runtime_tool operators: the operators that the importer knows.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>

#include "pare/base/error.h"
#include "pare/io/npz.h"
#include "pare/model/fuse.h"
#include "pare/model/onnx.h"
#include "pare/runtime/executor.h"
#include "pare/runtime/tensors.h"

namespace {

using namespace pare;

/// npz has no bfloat16: its bits travel as uint16, here and back.
at::Tensor to_torch(const io::Array& array, model::ElementType wanted) {
  using enum model::ElementType;
  const auto sized = [&](auto one, auto two, auto four, auto eight) {
    return array.item_bytes == 1 ? one : array.item_bytes == 2 ? two : array.item_bytes == 4 ? four : eight;
  };
  const model::ElementType of = array.kind == 'f'   ? sized(f16, f16, f32, f64)
                                : array.kind == 'b' ? boolean
                                : array.kind == 'i' ? sized(i8, i16, i32, i64)
                                                    : sized(u8, u16, u32, u64);
  const at::ScalarType type = runtime::torch_type(wanted == bf16 && of == u16 ? bf16 : of);
  at::Tensor t = at::empty(array.shape, type);
  std::ranges::copy(array.bytes, static_cast<char*>(t.data_ptr()));
  return t;
}

io::Array to_array(const at::Tensor& tensor) {
  const at::Tensor t = tensor.contiguous();
  const bool floating = t.is_floating_point() && t.scalar_type() != at::kBFloat16;
  const bool is_unsigned = !floating && std::strchr("ub", *model::name(runtime::model_type(t.scalar_type())));
  const char kind = t.scalar_type() == at::kBool ? 'b' : floating ? 'f' : is_unsigned ? 'u' : 'i';
  io::Array array{kind, static_cast<int>(t.element_size()), t.sizes().vec(), {}};
  if (t.numel() > 0) array.bytes.assign(static_cast<const char*>(t.data_ptr()), t.nbytes());
  return array;
}

void run_file(const std::string& model_path, const std::string& in, const std::string& out, bool fused) {
  const model::Model model = model::read_onnx(model_path);
  const auto arrays = io::read_npz(in);
  const c10::NoGradGuard no_gradients;
  std::vector<at::Tensor> inputs;
  for (const auto id : model.inputs) inputs.push_back(to_torch(arrays.at(model.value(id).name), model.value(id).type));
  const auto outputs = runtime::Executor(fused ? model::fuse(model) : model).run(inputs);
  std::map<std::string, io::Array> results;
  for (std::size_t i = 0; i < outputs.size(); ++i) results[model.value(model.outputs[i]).name] = to_array(outputs[i]);
  io::write_npz(out, results);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (argc == 2 && first == "operators") {
    for (const auto& name : model::onnx_operators()) std::printf("%s\n", name.c_str());
    return 0;
  }
  const bool fused = argc > 1 && std::string(argv[argc - 1]) == "--fused";
  if (fused) --argc;
  const auto attempt = [fused](const std::string& model_path, const std::string& in, const std::string& out) {
    try {
      run_file(model_path, in, out, fused);
      return std::string();
    } catch (const std::exception& e) {
      return std::string(e.what());
    }
  };
  if (argc == 2 && first == "-") {
    std::string model_path, in, out;
    while (std::getline(std::cin, model_path) && std::getline(std::cin, in) && std::getline(std::cin, out)) {
      const std::string problem = attempt(model_path, in, out);
      std::cout << (problem.empty() ? "ok" : problem) << std::endl;
    }
    return 0;
  }
  if (argc != 4) return 2;
  const std::string problem = attempt(argv[1], argv[2], argv[3]);
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  return problem.empty() ? 0 : 1;
}
