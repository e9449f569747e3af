// A small helper for the checks written in Python: model_tool COMMAND ...
#include <fmt/format.h>

#include "pare/base/error.h"
#include "pare/model/onnx.h"
#include "pare/model/shapes.h"

namespace pare::model {
namespace {

int show(const Model& model) {
  for (const Node& node : model.nodes) {
    fmt::print("{} {}:", name(node.op), node.name);
    for (const ValueId id : node.inputs)
      fmt::print(" {}{}", id == no_value ? "-" : to_string(model.value(id).shape),
                 id != no_value && model.value(id).constant ? "c" : "");
    fmt::print(" ->");
    for (const ValueId id : node.outputs) fmt::print(" {} {}", model.value(id).name, to_string(model.value(id).shape));
    fmt::print("\n");
  }
  return 0;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "show") return show(read_onnx(arguments[1]));
  fmt::print(stderr, "usage: model_tool show FILE\n");
  return 2;
}

}  // namespace
}  // namespace pare::model

int main(int argc, char** argv) {
  try {
    return pare::model::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
