// The quantiser on a small random network: properties that must hold for any.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/base/random.h"
#include "pare/model/shapes.h"
#include "pare/quantize/finetune.h"
#include "pare/quantize/mixed.h"
#include "pare/quantize/verb.h"
#include "pare/runtime/evaluate.h"

namespace pare::quantize {
namespace {

using model::Tensor;

constexpr std::int64_t side = 6, classes = 3;

/// Random images; the label says which third of the image is brightest.
class Thirds : public io::Dataset {
 public:
  explicit Thirds(std::size_t count, bool labelled = true) {
    size_ = count;
    sample_shape_ = {1, side, side};
    name_ = "thirds";
    for (std::size_t i = 0; labelled && i < count; ++i) labels_.push_back(static_cast<std::int64_t>(i % classes));
  }
  void read(std::span<const std::size_t> samples, float* out) const override {
    for (const std::size_t s : samples) {
      Random random(s + 99);
      for (std::int64_t i = 0; i < side * side; ++i)
        *out++ = static_cast<float>(random.normal() * 0.6 + (i / side / 2 == static_cast<std::int64_t>(s % classes)));
    }
  }
};

/// conv (no bias) -> relu -> flatten -> gemm
model::Model network(std::uint64_t seed = 1) {
  Random random(seed);
  const auto weights = [&](std::vector<std::int64_t> shape, double size) {
    std::size_t n = 1;
    for (const auto d : shape) n *= static_cast<std::size_t>(d);
    std::vector<float> values(n);
    for (float& v : values) v = static_cast<float>(size * random.normal());
    return Tensor::f32(std::move(shape), values);
  };
  model::Model m;
  m.name = "thirds";
  m.hash = "0";
  const auto x = m.add_value({.name = "x", .shape = {{-1, "N"}, {1, ""}, {side, ""}, {side, ""}}, .shape_known = true});
  m.inputs = {x};
  const auto w = m.add_constant("w", weights({8, 1, 3, 3}, 0.4));
  const auto v = m.add_constant("v", weights({classes, 8 * side * side}, 0.1));
  const auto b = m.add_constant("b", weights({classes}, 0.1));
  const auto c = m.add_value({.name = "c"}), r = m.add_value({.name = "r"}), f = m.add_value({.name = "f"}),
             y = m.add_value({.name = "y"});
  m.nodes.push_back(
      {"conv", model::Op::conv, model::ConvAttributes{.kernel = {3, 3}, .pads = {1, 1, 1, 1}}, {x, w}, {c}});
  m.nodes.push_back({"relu", model::Op::relu, {}, {c}, {r}});
  m.nodes.push_back({"flatten", model::Op::flatten, model::AxisAttributes{1}, {r}, {f}});
  m.nodes.push_back({"gemm", model::Op::gemm, model::GemmAttributes{.transpose_b = true}, {f, v, b}, {y}});
  m.outputs = {y};
  model::infer_shapes(m);
  return m;
}

struct Prepared {
  model::Model model = network();
  Thirds training{300};
  Options options;
  TrainingSamples samples;
  Calibrated calibrated;
  Judge judge;

  Prepared() {
    options.calibration_samples = 64;
    options.selection_samples = 100;
    samples = draw_samples(training, options);
    calibrated = calibrate(model, training, samples, options);
    judge = make_judge(calibrated, training, samples, options);
  }
};

TEST(Samples, AreDistinctAndDrawnByTheSeed) {
  Thirds data(50);
  Options options;
  const auto a = draw_samples(data, options), b = draw_samples(data, options);
  EXPECT_EQ(a.calibration, b.calibration);
  std::set<std::size_t> all(a.calibration.begin(), a.calibration.end());
  all.insert(a.selection.begin(), a.selection.end());
  all.insert(a.rest.begin(), a.rest.end());
  EXPECT_EQ(all.size(), 50u);
  options.seed = 1;
  EXPECT_NE(draw_samples(data, options).calibration, a.calibration);
}

TEST(Plans, TheLeastErrorPlanIsNeverWorseThanASingleFormat) {
  Prepared p;
  for (const int bits : {3, 4, 6}) {
    for (const bool free_window : {false, true}) {
      const FitTable table(p.calibrated, p.options.families, bits, free_window, p.options);
      const Plan least = table.least_error();
      for (const auto& family : p.options.families) {
        const Plan single = table.single(family);
        for (const auto& [id, tensor] : least.tensors) EXPECT_LE(tensor.mse, single.tensors.at(id).mse);
        EXPECT_LE(least.squared_error(), single.squared_error());
      }
    }
  }
}

TEST(Plans, TheRecipeHoldsTheErrorThatWasPlanned) {
  Prepared p;
  for (const auto granularity :
       {number::Granularity::tensor, number::Granularity::channel, number::Granularity::group}) {
    p.options.weight_granularity = granularity;
    p.options.group_size = 5;
    const FitTable table(p.calibrated, {"flint"}, 4, true, p.options);
    const auto recipe = to_recipe(p.calibrated, table.single("flint"), p.options, "test");
    const runtime::Executor quantized(model::apply(p.model, recipe));
    for (const auto& tensor : recipe.tensors) {
      if (tensor.kind != model::TensorKind::weight) continue;
      const auto& exact = *p.model.value(p.model.find(tensor.value)).constant;
      const auto layout = number::layout(exact.shape, tensor.granularity, tensor.axis, tensor.group_size);
      std::vector<float> rounded(exact.elements());
      number::round_tensor(tensor.format, recipe.ties, exact.data<float>(), layout, tensor.scales.data(),
                           rounded.data());
      double error = 0;
      for (std::size_t i = 0; i < rounded.size(); ++i)
        error += (rounded[i] - exact.data<float>()[i]) * static_cast<double>(rounded[i] - exact.data<float>()[i]);
      EXPECT_NEAR(error / static_cast<double>(rounded.size()), tensor.mse, 1e-5 * tensor.mse);
    }
  }
}

/// Mean over samples and places of each channel of a node's output.
at::Tensor means_of(const model::Model& m, const std::string& node, const at::Tensor& input) {
  const runtime::Executor executor(m);
  runtime::Executor::Run run(executor, {input});
  EXPECT_TRUE(run.run_to(node));
  const at::Tensor out = run.latest();
  return out.dim() == 4 ? out.mean({0, 2, 3}) : out.mean(0);
}

TEST(Correction, BringsBackTheMeansOfEveryLayer) {
  Prepared p;
  const FitTable table(p.calibrated, {"pot"}, 3, false, p.options);
  const auto plain = to_recipe(p.calibrated, table.single("pot"), p.options, "test");
  for (const Correction how : {Correction::mean, Correction::affine}) {
    const auto corrected = correct(p.calibrated, plain, how, p.judge.calibration);
    EXPECT_EQ(corrected.added_biases.size(), 1u);  // the convolution had none
    for (const char* node : {"conv", "gemm"}) {
      const at::Tensor exact = means_of(p.model, node, p.judge.calibration.inputs[0]);
      const at::Tensor before = means_of(model::apply(p.model, plain), node, p.judge.calibration.inputs[0]);
      const at::Tensor after = means_of(model::apply(p.model, corrected), node, p.judge.calibration.inputs[0]);
      EXPECT_LT((after - exact).abs().max().item<float>(), 2e-4f) << node;
      EXPECT_GT((before - exact).abs().max().item<float>(), 2e-3f) << node;
    }
  }
}

TEST(Correction, TheAffineOneLeavesTheLeastErrorOfTheFirstLayer) {
  Prepared p;
  const FitTable table(p.calibrated, {"int"}, 3, false, p.options);
  const auto plain = to_recipe(p.calibrated, table.single("int"), p.options, "test");
  const auto error = [&](const model::Recipe& recipe) {
    const model::Model applied = model::apply(p.model, recipe);
    const runtime::Executor exact(p.model), quantized(applied);
    runtime::Executor::Run a(exact, p.judge.calibration.inputs), b(quantized, p.judge.calibration.inputs);
    EXPECT_TRUE(a.run_to("conv") && b.run_to("conv"));
    return (a.latest() - b.latest()).square().mean().item<double>();
  };
  const double none = error(plain), mean = error(correct(p.calibrated, plain, Correction::mean, p.judge.calibration)),
               affine = error(correct(p.calibrated, plain, Correction::affine, p.judge.calibration));
  EXPECT_LE(mean, none);
  EXPECT_LT(affine, mean);
}

TEST(Search, TakesTheLeastDivergenceAndDoesNotDependOnThreads) {
  Prepared p;
  const auto tried = network_candidates(p.calibrated, p.judge, "ant", 4, p.options);
  ASSERT_GT(tried.size(), 10u);
  for (const auto& candidate : tried) {
    EXPECT_GE(candidate.divergence, tried.front().divergence);
    EXPECT_NEAR(candidate.divergence,
                runtime::divergence(p.judge.float_logits, selection_logits(p.calibrated, candidate.recipe, p.judge)),
                1e-12);
  }
  set_threads(1);
  const FitTable one(p.calibrated, p.options.families, 4, false, p.options);
  set_threads(3);
  const FitTable three(p.calibrated, p.options.families, 4, false, p.options);
  const Plan a = one.least_error(), b = three.least_error();
  for (const auto& [id, tensor] : a.tensors) {
    EXPECT_EQ(tensor.fit.scales, b.tensors.at(id).fit.scales);
    EXPECT_EQ(tensor.mse, b.tensors.at(id).mse);
  }
}

TEST(Mixed, StopsAtTheAverageWidthAsked) {
  Prepared p;
  const auto narrow = network_candidates(p.calibrated, p.judge, "ant", 3, p.options).front();
  p.options.average_bits = 4;
  const auto mixed = widen_layers(p.calibrated, p.judge, narrow, p.options);
  EXPECT_LE(mixed.weight_bits, 4);
  p.options.average_bits = 8;
  const auto wide = widen_layers(p.calibrated, p.judge, narrow, p.options);
  EXPECT_EQ(wide.weight_bits, 8);
  EXPECT_LT(wide.candidate.divergence, narrow.divergence / 10);
}

TEST(Mixed, WidensNoLayerThatIsNotNeeded) {
  Prepared p;
  const auto narrow = network_candidates(p.calibrated, p.judge, "ant", 3, p.options).front();
  p.options.max_drop = 100;
  EXPECT_TRUE(widen_layers(p.calibrated, p.judge, narrow, p.options).wide_layers.empty());
  p.options.max_drop = -1;  // out of reach
  const std::size_t all = widen_layers(p.calibrated, p.judge, narrow, p.options).wide_layers.size();
  EXPECT_EQ(all, p.calibrated.layers.size());
  p.options.max_drop = 5;
  const auto mixed = widen_layers(p.calibrated, p.judge, narrow, p.options);
  EXPECT_LE(mixed.drop.points + mixed.drop.interval / 1.96, p.options.max_drop);
  EXPECT_LT(mixed.wide_layers.size(), all);
}

TEST(Finetuning, StartsFromTheNetworkThatWasFound) {
  Prepared p;
  p.options.finetune_epochs = 1;
  p.options.learning_rate = 0;
  for (const auto& candidate : network_candidates(p.calibrated, p.judge, "ant", 4, p.options)) {
    if (candidate.correction != Correction::affine) continue;
    const Finetuned same =
        finetune_quantized(p.calibrated, candidate.plan, candidate.recipe, p.model, p.training, p.options);
    const at::Tensor before = selection_logits(p.calibrated, candidate.recipe, p.judge);
    const at::Tensor after = selection_logits(p.calibrated, same.recipe, p.judge);
    // a weight that lay on a border may fall to the other side when its gain is multiplied in
    EXPECT_LT((before - after).abs().mean().item<float>(), 0.02f * before.abs().mean().item<float>());
    break;
  }
}

TEST(Finetuning, LowersTheLossAndKeepsTheWidths) {
  Prepared p;
  p.options.finetune_epochs = 4;
  p.options.learning_rate = 0.02;
  p.options.mirror = false;
  p.options.finetune_batch = 32;
  const auto narrow = network_candidates(p.calibrated, p.judge, "ant", 4, p.options).front();
  const Finetuned tuned = finetune_quantized(p.calibrated, narrow.plan, narrow.recipe, p.model, p.training, p.options);
  ASSERT_EQ(tuned.trained.epochs.size(), 5u);
  EXPECT_LT(tuned.trained.epochs.back().loss, tuned.trained.epochs[1].loss);
  EXPECT_GE(tuned.trained.epochs[tuned.trained.best].accuracy, tuned.trained.epochs[0].accuracy);
  for (const auto& tensor : tuned.recipe.tensors)
    for (const float scale : tensor.scales) EXPECT_GT(scale, 0);
  EXPECT_EQ(model::stored_bytes(tuned.recipe), model::stored_bytes(narrow.recipe));
  EXPECT_THROW(finetune_quantized(p.calibrated, narrow.plan, narrow.recipe, p.model, Thirds(100, false), p.options),
               Error);
}

TEST(Calibration, RefusesWhatCannotBeQuantised) {
  Options options;
  Thirds data(40);
  const auto samples = draw_samples(data, options);
  model::Model empty;
  empty.name = "empty";
  empty.inputs = {empty.add_value({.name = "x"})};
  empty.outputs = empty.inputs;
  EXPECT_THROW(calibrate(empty, data, samples, options), Error);
  model::Model infinite = network();
  // weights that overflow show in the activations
  infinite.value(infinite.find("w")).constant =
      std::make_shared<const Tensor>(Tensor::f32({8, 1, 3, 3}, std::vector<float>(72, 3e38f)));
  EXPECT_THROW(calibrate(infinite, data, samples, options), Error);
  EXPECT_THROW(draw_samples(Thirds(0), options), Error);
}

}  // namespace
}  // namespace pare::quantize
