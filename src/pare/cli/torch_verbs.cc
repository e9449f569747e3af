// The verbs that need torch: what libpare_torch.so offers to the command.
#include <ATen/Parallel.h>

#include <algorithm>
#include <numeric>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/parallel.h"
#include "pare/base/random.h"
#include "pare/cli/example.h"
#include "pare/cli/inspect.h"
#include "pare/cli/requests.h"
#include "pare/io/subset.h"
#include "pare/model/onnx.h"
#include "pare/quantize/verb.h"
#include "pare/runtime/verb.h"

namespace pare::cli {
namespace {

/// What to choose on and what to measure on: two files, or one divided.
struct Data {
  std::unique_ptr<io::Dataset> file, training_file;
  std::unique_ptr<io::Dataset> training_part, test_part;

  const io::Dataset& training() const { return training_file ? *training_file : *training_part; }
  const io::Dataset& test() const { return training_file ? *file : *test_part; }
};

Data open(const DataRequest& request, std::uint64_t seed) {
  Data data{.file = io::open_dataset(request.data, request.preprocess)};
  if (!request.training.empty()) {
    data.training_file = io::open_dataset(request.training, request.preprocess);
    return data;
  }
  const std::size_t n = data.file->size();
  if (n < 20)
    throw Error("has too few samples to be divided into training and test", request.data.string(),
                "give training samples with --training");
  const auto order = Random(seed).permutation(n);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(10, n / 10));
  std::vector<std::size_t> test(middle, order.end());
  std::ranges::sort(test);
  data.training_part = std::make_unique<io::Subset>(*data.file, std::vector<std::size_t>(order.begin(), middle),
                                                    data.file->name() + " (a tenth set apart)");
  data.test_part = std::make_unique<io::Subset>(*data.file, std::move(test), data.file->name() + " (the rest)");
  return data;
}

void set_up(const Global& global) { at::set_num_threads(global.threads ? global.threads : threads()); }

study::Study evaluate(const EvaluateRequest& request) {
  const model::Model model = model::read_onnx(request.model);
  const auto data = io::open_dataset(request.data.data, request.data.preprocess);
  const runtime::EvaluateOptions options{request.data.samples, request.data.batch};
  if (request.recipe.empty()) return runtime::evaluate(model, nullptr, *data, options);
  const model::Recipe recipe = model::read_recipe(request.recipe);
  return runtime::evaluate(model, &recipe, *data, options);
}

study::Study quantize(const QuantizeRequest& request) {
  const model::Model model = model::read_onnx(request.model);
  const Data data = open(request.data, request.how.options.seed);
  return quantize::quantize(model, data.training(), &data.test(), request.how);
}

std::vector<study::Study> report(const ReportRequest& request) {
  if (!request.model.empty()) {
    const model::Model model = model::read_onnx(request.model);
    const Data data = open(request.data, request.how.options.seed);
    return {inspect(model), quantize::quantize(model, data.training(), &data.test(), request.how)};
  }
  const std::uint64_t seed = request.how.options.seed;
  const Shapes training(4000, 2 * seed + 1, "shapes, training"), test(2000, 2 * seed + 2, "shapes, test");
  model::Model model = train_example(training, seed);
  // as if it came from a file
  const std::string bytes = model::to_onnx(model);
  model = model::parse_onnx(bytes, "shapes.onnx");
  if (!request.how.output.empty()) write_file(request.how.output / "shapes.onnx", bytes);
  return {inspect(model), quantize::quantize(model, training, &test, request.how)};
}

}  // namespace

extern "C" const TorchVerbs* pare_torch_verbs() {
  static const TorchVerbs verbs{set_up, evaluate, quantize, report};
  return &verbs;
}

}  // namespace pare::cli
