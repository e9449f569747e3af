// The verbs that need torch: what libpare_torch.so offers to the command.
#include <ATen/Parallel.h>
#include <c10/util/Logging.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/parallel.h"
#include "pare/base/progress.h"
#include "pare/base/random.h"
#include "pare/base/stopwatch.h"
#include "pare/cli/example.h"
#include "pare/cli/inspect.h"
#include "pare/cli/requests.h"
#include "pare/cluster/measure.h"
#include "pare/graph/train_gnn.h"
#include "pare/io/subset.h"
#include "pare/model/fuse.h"
#include "pare/model/onnx.h"
#include "pare/quantize/verb.h"
#include "pare/runtime/block_cache.h"
#include "pare/runtime/generate.h"
#include "pare/runtime/open_batch.h"
#include "pare/runtime/rank_group.h"
#include "pare/runtime/verb.h"
#include "pare/text/byte_pair.h"

namespace pare::cli {
namespace {

/// What to choose on and what to measure on: two files, or one divided.
struct Data {
  std::unique_ptr<io::Dataset> file, training_file;
  std::unique_ptr<io::Dataset> training_part, test_part;

  const io::Dataset& training() const { return training_file ? *training_file : *training_part; }
  const io::Dataset& test() const { return training_file ? *file : *test_part; }
};

/// Sentences need the network's vocabulary, which mostly lies beside it.
DataRequest with_vocabulary(DataRequest request, const std::filesystem::path& model) {
  const auto beside = model.parent_path() / "vocab.txt";
  if (request.preprocess.vocabulary.empty() && std::filesystem::exists(beside)) request.preprocess.vocabulary = beside;
  return request;
}

Data open(const DataRequest& given, const std::filesystem::path& model, std::uint64_t seed) {
  const DataRequest request = with_vocabulary(given, model);
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

void set_up(const Global& global) {
  ::setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 0);  // what matters comes as an error of pare's
  c10::initLogging();
  at::set_num_threads(global.threads ? global.threads : threads());
  runtime::use_block_cache();
}

study::Study evaluate(const EvaluateRequest& request) {
  const model::Model model = runtime::open_batch(model::read_onnx(request.model));
  const auto data = io::open_dataset(request.data.data, with_vocabulary(request.data, request.model).preprocess);
  const runtime::EvaluateOptions options{request.data.samples, request.data.batch};
  if (request.recipe.empty()) return runtime::evaluate(model, nullptr, *data, options);
  const model::Recipe recipe = model::read_recipe(request.recipe);
  return runtime::evaluate(model, &recipe, *data, options);
}

study::Study quantize(const QuantizeRequest& request) {
  const model::Model model = runtime::open_batch(model::read_onnx(request.model));
  const Data data = open(request.data, request.model, request.how.options.seed);
  return quantize::quantize(model, data.training(), &data.test(), request.how);
}

study::Study generate(const GenerateRequest& request) {
  const model::Model model = model::read_onnx(request.model);
  const bool with_recipe = !request.recipe.empty();
  const model::Recipe recipe = with_recipe ? model::read_recipe(request.recipe) : model::Recipe{};
  const auto beside = request.model.parent_path() / "tokenizer.bin";
  if (request.tokenizer.empty() && !std::filesystem::exists(beside))
    throw UsageError("is needed: none lies beside the model", "--tokenizer", "give a tokeniser file of llama2.c");
  const text::BytePair tokenizer = text::read_byte_pair(request.tokenizer.empty() ? beside : request.tokenizer);
  const runtime::Decoder decoder(model::fuse(with_recipe ? model::apply(model, recipe) : model));

  const std::vector<std::int64_t> prompt =
      request.prompt.empty() ? std::vector{text::BytePair::begin} : tokenizer.encode(request.prompt);
  std::string text;
  std::int64_t previous = request.prompt.empty() ? -1 : prompt.back();  // the space behind BOS stays, as it was learned
  const runtime::GenerateOptions options{
      .tokens = request.tokens, .temperature = request.temperature, .seed = request.seed, .end = text::BytePair::end};
  if (request.stream) std::fputs(request.prompt.c_str(), stdout);
  const Stopwatch watch;
  const auto made = decoder.generate(prompt, options, [&](std::int64_t token) {
    stop_if_interrupted();
    if (token == text::BytePair::begin || token == text::BytePair::end) return;
    const std::string piece = tokenizer.decode_one(previous, token);
    previous = token;
    text += piece;
    if (!request.stream) return;
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  });
  const double seconds = watch.seconds();
  if (request.stream) std::fputs("\n", stdout);

  using study::Better;
  using study::Provenance;
  study::Study study{.verb = "generate", .workload = {"network", model.name, model.hash}};
  study.conditions = {{"device", "cpu"},
                      {"threads", at::get_num_threads()},
                      {"prompt_tokens", prompt.size()},
                      {"temperature", options.temperature},
                      {"seed", options.seed},
                      {"cache", decoder.keeps_past()}};
  study::Candidate candidate{.name = with_recipe ? "recipe" : "float32"};
  candidate.decision = {{"method", with_recipe ? recipe.method : "float32"}};
  const double rate = seconds > 0 ? static_cast<double>(made.size()) / seconds : 0;
  candidate.costs.push_back({"tokens_per_second", rate, "1/s", Better::higher, Provenance::measured});
  candidate.costs.push_back({"tokens", static_cast<double>(made.size()), "", Better::higher, Provenance::counted});
  candidate.costs.push_back({"seconds", seconds, "s", Better::lower, Provenance::measured});
  candidate.details["text"] = text;
  candidate.details["ids"] = made;
  study.chosen = candidate.name;
  study.candidates.push_back(std::move(candidate));
  study::mark_front(study);
  return study;
}

std::vector<study::Study> report(const ReportRequest& request) {
  if (!request.model.empty()) {
    const model::Model model = runtime::open_batch(model::read_onnx(request.model));
    const Data data = open(request.data, request.model, request.how.options.seed);
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

std::optional<cluster::Profile> profile(const ProfileRequest& request) {
  return cluster::measure(request.events, {.rounds = request.rounds, .cuda = request.cuda});
}

std::optional<study::Study> train_gnn(const GnnRequest& request) {
  const graph::Graph graph = graph::read_graph(request.graph);
  const auto options = request.options(graph::classifies_graphs(graph));
  const auto ranks = runtime::RankGroup::from_environment();
  if (ranks && ranks->rank() > 0) set_quiet(true);
  study::Study study = graph::train(graph, options, ranks.get());
  if (ranks) ranks->barrier();
  if (ranks && ranks->rank() > 0) return std::nullopt;
  return study;
}

}  // namespace

extern "C" const TorchVerbs* pare_torch_verbs() {
  static const TorchVerbs verbs{set_up, evaluate, quantize, generate, report, profile, train_gnn};
  return &verbs;
}

}  // namespace pare::cli
