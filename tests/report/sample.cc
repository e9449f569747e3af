#include "sample.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>

#include "pare/base/random.h"

namespace pare::report {
namespace {

using study::Better;
using study::Candidate;
using study::Json;
using study::Provenance;
using study::Study;

constexpr double parameters = 272'474;

struct Layer {
  std::string name;
  double macs, parameters;
};

std::vector<Layer> network() {
  std::vector<Layer> out{{"conv1", 442'368, 432}};
  double channels = 16, side = 32;
  for (int stage = 1; stage <= 3; ++stage)
    for (int block = 0; block < 3; ++block)
      for (int conv = 1; conv <= 2; ++conv) {
        const bool first = stage > 1 && block == 0 && conv == 1;
        const double in = channels;
        if (first) channels *= 2, side /= 2;
        out.push_back(
            {fmt::format("layer{}.{}.conv{}", stage, block, conv), side * side * 9 * in * channels, 9 * in * channels});
      }
  out.push_back({"fc", 640, 650});
  return out;
}

/// Distribution and code points of one tensor: flint with three magnitude bits on bell-shaped weights, or unsigned on
/// what a ReLU leaves.
Json distribution(const std::string& tensor, const std::string& kind, const std::string& format, double width,
                  std::vector<double> magnitudes, double clip, bool is_signed) {
  Random random(17);
  std::vector<double> edges, counts(96, 0.0), codes;
  const double low = is_signed ? -4 * width : 0, high = 4 * width;
  for (int i = 0; i <= 96; ++i) edges.push_back(low + (high - low) * i / 96);
  for (int i = 0; i < 60'000; ++i) {
    const double heavy = random.uniform() < 0.15 ? 1.6 : 0.8, x = random.normal() * width * heavy;
    const double at = ((is_signed ? x : std::abs(x)) - low) / (high - low) * 96;
    if (at >= 0 && at < 96) ++counts[static_cast<std::size_t>(at)];
  }
  const double scale = clip * width / magnitudes.back();
  if (is_signed)
    for (auto m = magnitudes.rbegin(); m != magnitudes.rend(); ++m)
      if (*m != 0) codes.push_back(-*m * scale);
  for (double m : magnitudes) codes.push_back(m * scale);
  return {{"tensor", tensor},
          {"kind", kind},
          {"format", format},
          {"scale", scale},
          {"histogram", {{"edges", edges}, {"counts", counts}}},
          {"code_points", codes}};
}

Json tensors(const std::string& method, int bits) {
  Json out = Json::array();
  Random random(static_cast<std::uint64_t>(bits));
  static const std::vector<std::string> families{"int", "flint", "pot", "float"};
  const auto add = [&](const std::string& name, const std::string& kind, int width) {
    const std::string family = method == "ant" ? families[random.below(10) < 6 ? 1 : random.below(4)] : method;
    const std::string prefix = kind == "activation" ? "u" : "";
    Json scale = 0.01 + 0.02 * random.uniform();
    if (kind == "weight")
      scale = Json{{"min", 0.004 * (1 + random.uniform())}, {"max", 0.02 + 0.03 * random.uniform()}};
    out.push_back(Json{{"name", name},
                       {"kind", kind},
                       {"format", fmt::format("{}{}{}", prefix, family, width)},
                       {"bits", width},
                       {"granularity", kind == "weight" ? "channel" : "tensor"},
                       {"scale", scale},
                       {"mse", 2e-4 * std::pow(4.0, 4 - width) * (0.5 + random.uniform())},
                       {"range_used", 0.62 + 0.37 * random.uniform()}});
  };
  add("input", "input", 8);
  for (const Layer& layer : network()) {
    add(layer.name + ".weight", "weight", bits);
    if (layer.name != "fc") add(layer.name + "_relu", "activation", bits);
  }
  return out;
}

Study quantize() {
  Study study;
  study.verb = "quantize";
  study.workload = {"network", "resnet20-sample", "8f1c2a90d4e75b36"};
  study.conditions = {{"device", "cpu"},
                      {"instruction_set", "AVX2"},
                      {"threads", 2},
                      {"batch", 128},
                      {"seed", 1},
                      {"data", "sample set, 10000 images of 32×32"},
                      {"calibration_samples", 256},
                      {"ties", "away"},
                      {"spread_is", "half-widths of 95 % intervals over the test set"}};
  const auto add = [&](const std::string& name, const std::string& method, double bits, double top1,
                       double divergence) {
    const bool float32 = method == "float32";
    Candidate c;
    c.name = name;
    c.decision = {{"method", method}, {"bits", bits}};
    const double bytes = float32 ? parameters * 4 : parameters * bits / 8 + 6'900;
    const double p = top1 / 100;
    c.costs = {{"top1", top1, "%", Better::higher, Provenance::measured, 100 * 1.96 * std::sqrt(p * (1 - p) / 1e4)},
               {"weight_bytes", bytes, "bytes", Better::lower, Provenance::counted, {}},
               {"weight_bits", bits, "bits", Better::lower, Provenance::counted, {}},
               {"activation_bits", float32 ? 32 : bits, "bits", Better::lower, Provenance::counted, {}}};
    if (!float32) {
      c.costs.push_back({"mse", 2.1e-4 * std::pow(4.0, 4 - bits), "", Better::lower, Provenance::measured, {}});
      c.costs.push_back({"divergence", divergence, "nats", Better::lower, Provenance::measured, {}});
    }
    c.costs.push_back({"seconds", float32 ? 6.2 : 9.1, "s", Better::lower, Provenance::measured, {}});
    if (method == "ant" || method == "mixed" || method == "int")
      c.details["tensors"] = tensors(method == "mixed" ? "ant" : method, static_cast<int>(bits));
    study.candidates.push_back(std::move(c));
  };
  add("float32", "float32", 32, 92.60, 0);
  const std::map<std::string, std::vector<double>> top1{{"int", {92.58, 91.91, 79.40, 31.20}},
                                                        {"float", {92.31, 91.35, 80.95, 44.80}},
                                                        {"pot", {84.20, 83.90, 71.10, 38.60}},
                                                        {"flint", {92.20, 91.50, 82.30, 47.10}},
                                                        {"ant", {92.59, 92.02, 84.86, 52.75}}};
  for (const char* method : {"int", "float", "pot", "flint", "ant"}) {
    int i = 0;
    for (int bits : {8, 6, 4, 3}) {
      const double accuracy = top1.at(method)[static_cast<std::size_t>(i++)];
      add(fmt::format("{}{}", method, bits), method, bits, accuracy, 4.2 * std::pow((92.7 - accuracy) / 60, 1.2));
    }
  }
  add("mixed4.6", "mixed", 4.6, 91.72, 0.04);
  add("mixed5.2", "mixed", 5.2, 92.05, 0.02);
  study.chosen = "mixed4.6";
  study::mark_front(study, {"top1", "weight_bytes"});
  for (Candidate& c : study.candidates) {
    if (c.name == "ant4")
      c.details["finetune"] = {{"epochs", {1, 2, 3, 4, 5, 6}},
                               {"loss", {0.62, 0.41, 0.33, 0.29, 0.27, 0.26}},
                               {"accuracy", {88.1, 90.2, 90.9, 91.6, 91.9, 92.1}}};
    if (c.name == "mixed4.6")
      c.details["distribution"] = {
          distribution("layer1.0.conv1.weight", "weight", "flint4", 0.11, {0, 1, 2, 3, 4, 6, 8, 16}, 3.1, true),
          distribution("layer3.2.conv2.weight", "weight", "int4", 0.031, {0, 1, 2, 3, 4, 5, 6, 7}, 2.4, true),
          distribution("layer2.0.conv1_relu", "activation", "uflint4", 0.9,
                       {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32, 64}, 3.6, false),
          distribution("layer2.1.conv1.weight", "weight", "pot4", 0.06, {0, 1, 2, 4, 8, 16, 32, 64}, 3.4, true)};
  }
  return study;
}

Study inspect() {
  Study study;
  study.verb = "inspect";
  study.workload = {"network", "resnet20-sample", "8f1c2a90d4e75b36"};
  study.conditions = {{"batch", 1}, {"inputs", {{"input", {1, 3, 32, 32}}}}};
  Candidate c;
  c.name = "as it is";
  double macs = 0;
  c.details["layers"] = Json::array();
  for (const Layer& layer : network()) {
    macs += layer.macs;
    c.details["layers"].push_back(Json{{"name", layer.name},
                                       {"op", layer.name == "fc" ? "Gemm" : "Conv"},
                                       {"macs", layer.macs},
                                       {"parameters", layer.parameters}});
  }
  c.costs = {{"parameters", parameters, "parameters", Better::lower, Provenance::counted, {}},
             {"macs", macs, "MACs", Better::lower, Provenance::counted, {}},
             {"weight_bytes", 4 * parameters, "bytes", Better::lower, Provenance::counted, {}}};
  c.front = true;
  study.candidates = {c};
  return study;
}

Study evaluate() {
  Study study;
  study.verb = "evaluate";
  study.workload = {"network", "resnet20-sample", "8f1c2a90d4e75b36"};
  study.conditions = {{"device", "cpu"}, {"threads", 2}, {"batch", 128}};
  Candidate c;
  c.name = "float32";
  c.costs = {{"top1", 92.60, "%", Better::higher, Provenance::measured, 0.51},
             {"top5", 99.8, "%", Better::higher, Provenance::measured, 0.09},
             {"seconds", 6.2, "s", Better::lower, Provenance::measured, {}},
             {"peak_bytes", 4.1e7, "bytes", Better::lower, Provenance::estimated, {}}};
  c.front = true;
  study.candidates = {c};
  return study;
}

/// Two ranks, three micro-batches by 1F1B, forward 1 and backward 2 units.
Study predict() {
  Study study;
  study.verb = "cluster predict";
  study.workload = {"training", "resnet20-sample", ""};
  Candidate c{.name = "d2 t1 p2 b1 1f1b", .front = true};
  c.costs = {{"batch_time_s", 0.13, "s", Better::lower, Provenance::estimated, {}},
             {"peak_bytes", 1.5e10, "bytes", Better::lower, Provenance::estimated, {}}};
  c.details["memory_bytes"] = 2e10;
  for (int rank = 0; rank < 2; ++rank)
    c.details["devices"].push_back(Json{{"busy_s", 0.09},
                                        {"exposed_communication_s", 0.01},
                                        {"idle_s", 0.03},
                                        {"state_bytes", 1e10},
                                        {"activation_bytes", 4e9 - 1e9 * rank},
                                        {"working_bytes", 1e9 * rank}});
  c.details["timeline"] = Json{{"unit_s", 0.01}, {"pipeline_ranks", 2}};
  c.details["timeline"]["rows"] = {{{"rank", 0},
                                    {"kinds", "FFBFBB"},
                                    {"micro_batches", {0, 1, 0, 2, 1, -1}},
                                    {"starts", {0, 1, 4, 6, 7, 10}},
                                    {"ends", {1, 2, 6, 7, 9, 12}},
                                    {"gradients", {11, 12.5}},
                                    {"optimizer", {12.5, 13}}},
                                   {{"rank", 1},
                                    {"kinds", "FBFBFB"},
                                    {"micro_batches", {0, 0, 1, 1, 2, 2}},
                                    {"starts", {1, 2, 4, 5, 7, 8}},
                                    {"ends", {2, 4, 5, 7, 8, 10}},
                                    {"optimizer", {12.5, 13}}}};
  c.details["time_by_event"] = {{"pipeline_rank", 1}};
  c.details["time_by_event"]["events"] = {
      {{"event", "linear forward 512x64x64 bf16"}, {"count", 24}, {"seconds", 0.0325}, {"hidden", false}},
      {{"event", "all-gather of 65536 bytes, 2 tensor ranks, beside"},
       {"count", 12},
       {"seconds", 0.01},
       {"hidden", true}},
      {{"event", "nothing"}, {"seconds", "long"}}};
  study.candidates = {c};
  study.chosen = c.name;
  return study;
}

/// Two lines a block, and a baseline that needs a port more.
Study compile() {
  Study study;
  study.verb = "imaging compile";
  study.workload = {"pipeline", "edges-sample", ""};
  study.conditions = {{"width", 480}, {"height", 320}, {"pixels_per_cycle", 1}};
  for (const double lines : {6.0, 9.0, 4.0}) {
    Candidate c{.name = lines == 6 ? "optimum" : lines == 9 ? "asap" : "soda"};
    c.decision["method"] = c.name;
    if (c.name == "soda") c.decision["ports"] = 2;
    c.costs = {{"lines", lines, "", Better::lower, Provenance::counted, {}},
               {"memory_bits", lines * 480 * 8, "bits", Better::lower, Provenance::counted, {}},
               {"memory_blocks", lines / 2, "", Better::lower, Provenance::counted, {}},
               {"register_bits", 1000 - 100 * lines, "bits", Better::lower, Provenance::counted, {}}};
    c.details = {{"frame_cycles", 153600},
                 {"stages",
                  {{{"name", "image"}, {"start_cycle", 0}},
                   {{"name", "blur"}, {"start_cycle", 484}},
                   {{"name", "edges"}, {"start_cycle", 1450}}}},
                 {"buffers",
                  {{{"stage", "image"}, {"lines", 4}, {"blocks", 2}, {"lines_per_block", 2}, {"registers", 0}},
                   {{"stage", "blur"}, {"lines", 0}, {"blocks", 0}, {"lines_per_block", 1}, {"registers", 400}}}}};
    study.candidates.push_back(std::move(c));
  }
  study.chosen = "optimum";
  return study;
}

/// Two widths, three plans each.
Study tune() {
  Study study;
  study.verb = "graph tune";
  study.workload = {"graph", "citations-sample", ""};
  for (const double width : {16.0, 64.0})
    for (const char* plan : {"natural", "community", "community 16: tile + rows"}) {
      const auto before = static_cast<double>(study.candidates.size());
      Candidate c{.name = std::to_string(static_cast<int>(width)) + ": " + plan};
      c.decision = {{"order", plan}, {"width", width}};
      c.costs = {{"ms", width / (4 + before), "ms", Better::lower, Provenance::measured, {}},
                 {"bytes", 1e5 * before, "bytes", Better::lower, Provenance::counted, {}}};
      if (std::string(plan) == "community") c.details["chosen"] = true;
      study.candidates.push_back(std::move(c));
    }
  study.chosen = "16: community";
  return study;
}

/// Two runs, the second shorter.
Study train() {
  Study study;
  study.verb = "graph train";
  study.workload = {"graph", "citations-sample", ""};
  Candidate c{.name = "gcn"};
  c.costs = {{"test_accuracy", 81.5, "%", Better::higher, Provenance::measured, 0.5}};
  c.details["runs"] = Json::array();
  for (const int epochs : {30, 20}) {
    Json curve = {
        {"training_loss", Json::array()}, {"validation_loss", Json::array()}, {"validation_accuracy", Json::array()}};
    for (int e = 1; e <= epochs; ++e) {
      curve["training_loss"].push_back(2.0 / e);
      curve["validation_loss"].push_back(2.0 / e + 0.2);
      curve["validation_accuracy"].push_back(80 - 60.0 / e);
    }
    c.details["runs"].push_back({{"curve", curve}});
  }
  study.candidates = {c};
  study.chosen = c.name;
  return study;
}

}  // namespace

std::vector<Study> sample_studies() {
  return {quantize(), inspect(), evaluate(), predict(), compile(), tune(), train()};
}

std::vector<Study> hostile_studies() {
  const std::string bad =
      "<script>alert(1)</script>\"' onload='x' ]]> & \x01 \xff\xfe \xed\xa0\x80 " + std::string(300, 'W');
  std::vector<Study> all = sample_studies();
  for (Study& study : all) {
    study.workload = {bad, bad, bad};
    study.version = bad;
    study.conditions[bad] = {bad, {{bad, bad}}};
    for (Candidate& c : study.candidates) {
      if (c.name == study.chosen) study.chosen = bad + c.name;
      c.name = bad + c.name;
      if (c.decision["method"] == "int") c.decision["method"] = bad;
      for (auto& cost : c.costs) cost.unit += bad;
      for (const char* key : {"layers", "tensors", "stages", "buffers"})
        if (c.details.contains(key))
          for (auto& item : c.details[key])
            for (const char* field : {"name", "kind", "format", "granularity", "op", "stage"}) item[field] = bad;
      c.details["surprise"] = bad;
    }
  }
  // figures that are none, and details that are of no use
  const double infinity = std::numeric_limits<double>::infinity();
  Study study = quantize();
  const std::vector<double> values{std::nan(""), infinity, -infinity, 1e308, -1e308, 5e-324, 0};
  for (std::size_t i = 0; i < study.candidates.size(); ++i)
    for (std::size_t k = 0; k < study.candidates[i].costs.size(); ++k) {
      study.candidates[i].costs[k].value = values[(i + k) % values.size()];
      study.candidates[i].costs[k].spread = values[(i * k) % values.size()];
    }
  all.push_back(study);
  const std::vector<Json> wrong{nullptr,
                                7,
                                "text",
                                Json::array({1, "a", nullptr, {{"name", 3}}}),
                                Json{{"a", Json::array()}},
                                Json{{"edges", {3, 2, 1}}, {"counts", {1, -1}}, {"epochs", "x"}, {"loss", {nullptr}}}};
  for (const char* verb : {"quantize", "inspect", "imaging compile", "graph tune", "graph train", "cluster predict"})
    for (const Json& json : wrong) {
      study = quantize();
      study.verb = verb;
      for (Candidate& c : study.candidates) {
        c.decision = json.is_object() ? json : Json{{"method", json}, {"bits", json}};
        for (const char* key : {"tensors", "layers", "distribution", "finetune", "stages", "buffers", "runs", "devices",
                                "timeline", "time_by_event"})
          c.details[key] = json;
        c.details["distribution"] = Json::array({json, Json{{"histogram", json}, {"code_points", json}}});
      }
      all.push_back(study);
    }
  return all;
}

std::vector<Study> other_studies() {
  Study one;
  one.verb = "simulate";
  one.workload = {"network", "resnet20-sample", ""};
  for (const char* name : {"systolic", "ant", "bitfusion"}) {
    Candidate c{.name = name};
    c.costs = {{"cycles",
                1e6 * static_cast<double>(one.candidates.size() + 1),
                "cycles",
                Better::lower,
                Provenance::simulated,
                {}}};
    one.candidates.push_back(c);
  }
  Study many;
  many.verb = "cluster plan";
  many.workload = {"training", "gpt-sample", ""};
  Random random(5);
  for (int i = 0; i < 700; ++i) {
    Candidate c{.name = fmt::format("data {} tensor {} pipeline {}", 1 + i % 8, 1 + i / 8 % 8, 1 + i / 64)};
    const double time = 0.3 + random.uniform();
    c.costs = {
        {"batch_time_s", time, "s", Better::lower, Provenance::simulated, {}},
        {"peak_bytes", 1e10 * (0.4 + random.uniform() / time), "bytes", Better::lower, Provenance::estimated, {}}};
    many.candidates.push_back(c);
  }
  study::mark_front(many);
  many.chosen = many.candidates[3].name;
  Study none;
  none.verb = "graph tune";
  none.workload = {"graph", "empty", ""};
  return {one, many, none};
}

}  // namespace pare::report
