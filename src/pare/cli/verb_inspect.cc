#include <fmt/format.h>

#include <memory>

#include "pare/cli/context.h"
#include "pare/cli/inspect.h"
#include "pare/model/onnx.h"

namespace pare::cli {

void add_inspect(CLI::App& app, const Global& global) {
  CLI::App* verb = add_verb(app, "inspect", "Networks", "Parameters, operations and bytes of a network, layer by layer",
                            {"pare inspect resnet20.onnx", "pare inspect resnet20.onnx --json"});
  auto path = std::make_shared<std::string>();
  verb->add_option("model", *path, "an ONNX file")->required();
  verb->callback([path, &global] {
    const study::Study study = inspect(model::read_onnx(*path));
    if (!global.json && !global.quiet)
      for (const auto& layer : study.candidates[0].details["layers"])
        fmt::print("{:<10} {:<48} {:>14} MACs {:>12} parameters\n", layer["op"].get<std::string>(),
                   layer["name"].get<std::string>(), layer["macs"].get<std::int64_t>(),
                   layer["parameters"].get<std::int64_t>());
    finish(study, global);
  });
}

}  // namespace pare::cli
