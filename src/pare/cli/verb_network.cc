// evaluate and quantize: parsed here, done by the torch part.
#include <fmt/format.h>

#include <memory>

#include "pare/base/error.h"
#include "pare/cli/context.h"
#include "pare/cli/plugin.h"

namespace pare::cli {
namespace {

/// The value whose name was given; throws UsageError listing the names.
template <typename T>
T choice(const std::string& option, const std::string& given, const std::vector<std::pair<std::string, T>>& names) {
  std::string all;
  for (const auto& [name, value] : names) {
    if (name == given) return value;
    all += (all.empty() ? "" : ", ") + name;
  }
  throw UsageError(fmt::format("'{}' is unknown", printable(given)), option, "choose among " + all);
}

}  // namespace

void add_quantize_options(CLI::App& verb, QuantizeOptions& o) {
  auto& options = o.given.options;
  verb.add_option("--method", o.given.methods,
                  "ant, ant-tensor (the paper's rule), mixed, or one format: int, pot, float, flint, e1 ... e7")
      ->delimiter(',')
      ->capture_default_str();
  verb.add_option("--bits", o.given.bits, "widths of weights and activations, 3 to 8")
      ->delimiter(',')
      ->capture_default_str();
  verb.add_option("--input-bits", options.input_bits, "width of the network's input (0: as the activations)")
      ->capture_default_str();
  verb.add_option("--formats", options.families, "what ANT chooses among")->delimiter(',')->capture_default_str();
  verb.add_option("--select", o.select, "network: candidates compared by the logits; tensor: the paper's rule")
      ->capture_default_str();
  verb.add_option("--ties", o.ties, "rounding of ties: away, published, even")->capture_default_str();
  verb.add_option("--int-range", o.int_range, "of signed integers: symmetric (-7..7), full (-8..7)")
      ->capture_default_str();
  verb.add_option("--granularity", o.granularity, "scales of weights: tensor, channel, group")->capture_default_str();
  verb.add_option("--group-size", options.group_size, "values that share a scale under --granularity group")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  verb.add_flag("--no-bias-correction", o.no_bias_correction, "leave biases alone under --select tensor");
  verb.add_option("--calibration", options.calibration_samples, "training samples for scales and bias correction")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  verb.add_option("--selection", options.selection_samples, "training samples for comparing candidates")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  verb.add_option("--max-drop", options.max_drop, "mixed: points that may be lost on training samples")
      ->capture_default_str();
  verb.add_option("--average-bits", options.average_bits, "mixed: instead, the mean width of weights to reach");
  verb.add_option("--finetune", options.finetune_epochs, "epochs of training after quantisation")
      ->check(CLI::Range(0, 100000));
  verb.add_option("--finetune-batch", options.finetune_batch, "samples a step of fine-tuning")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb.add_option("--learning-rate", options.learning_rate, "of fine-tuning")->capture_default_str();
  verb.add_flag("--no-mirror", o.no_mirror, "do not mirror images when training (digits, text)");
}

quantize::Request QuantizeOptions::request(const Global& global, const DataRequest& data) const {
  quantize::Request request = given;
  auto& options = request.options;
  using number::Granularity;
  using number::IntRange;
  using number::Ties;
  using quantize::Select;
  options.ties =
      choice<Ties>("--ties", ties, {{"away", Ties::away}, {"published", Ties::published}, {"even", Ties::even}});
  options.int_range =
      choice<IntRange>("--int-range", int_range, {{"symmetric", IntRange::symmetric}, {"full", IntRange::full}});
  options.weight_granularity = choice<Granularity>(
      "--granularity", granularity,
      {{"tensor", Granularity::tensor}, {"channel", Granularity::channel}, {"group", Granularity::group}});
  options.select = choice<Select>("--select", select, {{"network", Select::network}, {"tensor", Select::tensor}});
  options.bias_correction = !no_bias_correction;
  options.mirror = !no_mirror;
  options.seed = global.seed;
  options.batch = data.batch;
  request.test_samples = data.samples;
  request.output = global.output;
  return request;
}

void add_evaluate(CLI::App& app, const Global& global) {
  CLI::App* verb =
      add_verb(app, "evaluate", "Networks", "Accuracy and time of a network, perhaps under a recipe, on a data set",
               {"pare evaluate resnet20.onnx --data cifar10_test.npz --mean .485,.456,.406 --std .229,.224,.225",
                "pare evaluate resnet20.onnx --data cifar10_test.npz --recipe out/ant4"});
  auto request = std::make_shared<EvaluateRequest>();
  auto data = std::make_shared<DataOptions>();
  verb->add_option("model", request->model, "an ONNX file")->required();
  verb->add_option("--recipe", request->recipe, "a recipe's folder or its recipe.json");
  add_data_options(*verb, *data, true);
  verb->callback([=, &global] {
    request->data = data->request();
    finish(torch_verbs(global).evaluate(*request), global);
  });
}

void add_quantize(CLI::App& app, const Global& global) {
  CLI::App* verb =
      add_verb(app, "quantize", "Networks", "Number formats for every tensor: ANT, its rivals, mixed precision",
               {"pare quantize resnet20.onnx --data test.npz --training train.npz --method ant,int --bits 4 -o out",
                "pare quantize resnet20.onnx --data test.npz --training train.npz --method mixed --finetune 5"});
  auto request = std::make_shared<QuantizeRequest>();
  auto data = std::make_shared<DataOptions>();
  auto options = std::make_shared<QuantizeOptions>();
  verb->add_option("model", request->model, "an ONNX file")->required();
  add_data_options(*verb, *data, true);
  add_quantize_options(*verb, *options);
  verb->callback([=, &global] {
    request->data = data->request();
    request->how = options->request(global, request->data);
    finish(torch_verbs(global).quantize(*request), global);
  });
}

}  // namespace pare::cli
