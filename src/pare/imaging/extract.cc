#include "pare/imaging/extract.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/imaging/frames.h"
#include "pare/imaging/parse.h"
#include "pare/model/onnx.h"
#include "pare/model/recipe.h"

namespace pare::imaging {
namespace {

std::vector<double> for_channels(const std::vector<double>& given, double otherwise, int channels,
                                 const std::string& option) {
  const auto count = static_cast<std::size_t>(channels);
  if (given.empty()) return std::vector<double>(count, otherwise);
  if (given.size() != 1 && given.size() != count)
    throw UsageError(fmt::format("{} numbers are given for {} channels", given.size(), count), option,
                     "one for all, or one for each");
  constexpr double most = 1e4;
  for (const double x : given)
    if (!(std::abs(x) <= most) || (option == "--std" && !(x >= 1 / most)))
      throw UsageError(fmt::format("{} is given", x), option,
                       option == "--std" ? "it divides, 0.0001 to 10000" : "-10000 to 10000");
  return given.size() == 1 ? std::vector<double>(count, given[0]) : given;
}

/// An image as the pipeline and as the network reads it.
struct Sample {
  Frame frame;
  Maps maps;
};

class Samples {
 public:
  Samples(const Chain& chain, const Normalisation& normalisation, const Type& type)
      : chain_(chain), normalisation_(normalisation), type_(type) {}

  /// Cut at the right and the bottom so that every layer has a whole number of pixels.
  Sample read(const std::filesystem::path& path) const {
    const Frame whole = read_frame(path, type_);
    if (whole.channels != type_.channels)
      throw Error(fmt::format("has {} channels, '{}' of the network has {}", whole.channels, printable(chain_.from),
                              type_.channels),
                  path.string());
    int step = 1, lost_rows = 0, lost_columns = 0;
    for (const Layer& layer : chain_.layers) {
      step *= layer.stride;
      lost_rows = std::max(lost_rows, step * layer.lost_rows),
      lost_columns = std::max(lost_columns, step * layer.lost_columns);
    }
    const int width = whole.width / step * step, height = whole.height / step * step;
    if (width <= lost_columns || height <= lost_rows)
      throw Error(fmt::format("is {} x {}", whole.width, whole.height), path.string(),
                  fmt::format("the layers need {} x {} and more", lost_columns + step, lost_rows + step));
    Sample out{{width, height, whole.channels, {}}, {whole.channels, width, height, {}}};
    out.maps.values.resize(static_cast<std::size_t>(whole.channels) * static_cast<std::size_t>(width) *
                           static_cast<std::size_t>(height));
    const Range known = codes(type_);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int c = 0; c < whole.channels; ++c) {
          const std::int64_t code = whole.at(x, y, c);
          if (code < known.low || code > known.high)
            throw Error(fmt::format("the pixel at ({}, {}) is {}, outside {}", x, y, code, name(type_)), path.string());
          out.frame.codes.push_back(code);
          out.maps.at(c, y, x) = value(static_cast<std::size_t>(c), static_cast<double>(code));
        }
    return out;
  }

 private:
  double value(std::size_t c, double code) const {
    if (!chain_.from_image) return code * chain_.levels->scales[c];
    return (code / 255 - normalisation_.mean[c]) / normalisation_.std[c];
  }

  const Chain& chain_;
  const Normalisation& normalisation_;
  Type type_;
};

/// Differences between the pipeline's output and a network's.
struct Difference {
  double squares = 0, signal = 0, largest = 0;
  std::size_t count = 0;

  void add(const Frame& frame, const std::vector<double>& scales, const Maps& wanted) {
    for (int c = 0; c < wanted.channels; ++c)
      for (int y = 0; y < wanted.height; ++y)
        for (int x = 0; x < wanted.width; ++x) {
          const double w = wanted.at(c, y, x);
          const double d = scales[static_cast<std::size_t>(c)] * static_cast<double>(frame.at(x, y, c)) - w;
          squares += d * d, signal += w * w, largest = std::max(largest, std::abs(d));
          ++count;
        }
  }
  double rms() const { return std::sqrt(squares / static_cast<double>(count)); }
  study::Json json() const {
    study::Json out{{"rms_error", rms()},
                    {"largest_error", largest},
                    {"rms", std::sqrt(signal / static_cast<double>(count))},
                    {"values", count}};
    if (squares > 0 && signal > 0) out["snr_db"] = 10 * std::log10(signal / squares);
    return out;
  }
};

std::string stem_of(const std::filesystem::path& model) {
  std::string out;
  for (const char c : model.stem().string())
    out += std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ? c : '_';
  return out.empty() ? "network" : out;
}

class Extraction {
 public:
  explicit Extraction(const ExtractRequest& request)
      : request_(request),
        model_(model::read_onnx(request.model)),
        network_(take_chain(model_, request.chain)),
        chain_(network_) {
    if (!request.recipe.empty()) {
      ChainRequest same{.from = network_.from, .to = network_.to, .layers = 0};
      chain_ = take_chain(model::apply(model_, model::read_recipe(request.recipe)), same);
      chain_.stopped = network_.stopped;
    }
    if (!chain_.from_image && !chain_.levels)
      throw Error("is not rounded by a recipe, so that it has no integers",
                  fmt::format("value '{}'", printable(chain_.from)),
                  "give a --recipe that quantises it, or begin at the network's image");
    std::vector<int> channels = request.channels;
    if (channels.empty()) {
      channels.resize(static_cast<std::size_t>(chain_.layers.back().outputs));
      std::iota(channels.begin(), channels.end(), 0);
    }
    keep_channels(network_, channels), keep_channels(chain_, channels);
    normalisation_ = {for_channels(request.mean, 0, chain_.channels, "--mean"),
                      for_channels(request.std, 1, chain_.channels, "--std")};
  }

  study::Study run() {
    const std::vector<Extent> extents = measure();
    integers_ = to_integers(chain_, normalisation_, extents, request_.integers);
    const std::string text = comment() + to_text(chain_, integers_), stem = stem_of(request_.model);
    parse(text, stem);
    study::Study study{.verb = "imaging extract", .workload = {"network", request_.model.string(), model_.hash}};
    study.conditions["mean"] = normalisation_.mean;
    study.conditions["std"] = normalisation_.std;
    study.conditions["ranges"] = request_.calibrate.empty() ? "bounds" : "calibrated";
    for (const auto& path : request_.calibrate) study.conditions["calibrate"].push_back(path.string());
    for (const auto& path : request_.compare) study.conditions["compare"].push_back(path.string());
    study::Candidate candidate = describe();
    compare(candidate);
    if (!request_.output.empty()) {
      const std::filesystem::path file = request_.output / (stem + ".pipe");
      write_file(file, text);
      candidate.details["file"] = file.string();
    }
    study.candidates.push_back(std::move(candidate));
    study.chosen = "pipeline";
    study::mark_front(study);
    return study;
  }

 private:
  /// The language has the last word: a layer whose output no image changes, or too many operations.
  void parse(const std::string& text, const std::string& stem) {
    try {
      pipeline_ = parse_pipeline(text, stem + ".pipe", stem);
    } catch (const Error& e) {
      throw Error(fmt::format("its layers make no pipeline: {}", e.problem()), request_.model.string(),
                  "take other --layers or --channels, or --calibrate with images of the usual kind");
    }
  }

  Samples samples() const {
    Type type{.is_signed = false, .bits = 8, .fraction = 0, .channels = chain_.channels};
    if (!chain_.from_image) {
      type.is_signed = chain_.levels->low < 0;
      type.bits = bits_of({chain_.levels->low, chain_.levels->high});
    }
    return {chain_, normalisation_, type};
  }

  std::vector<Extent> measure() const {
    if (request_.calibrate.empty()) return bounds(chain_, normalisation_);
    std::vector<Extent> out;
    for (const auto& path : request_.calibrate) {
      const std::vector<Maps> all = evaluate(chain_, samples().read(path).maps, true);
      for (std::size_t l = 0; l < all.size(); ++l) {
        const auto [low, high] = std::ranges::minmax(all[l].values);
        if (l == out.size()) out.push_back({low, high});
        out[l] = {std::min(out[l].low, low), std::max(out[l].high, high)};
      }
    }
    return out;
  }

  /// The command that writes this file, and what its numbers are.
  std::string comment() const {
    const ExtractRequest& r = request_;
    std::string out = "# pare imaging extract " + r.model.string();
    const auto add = [&](const char* option, const std::string& value) {
      out += fmt::format(" {} {}", option, value.find(' ') == std::string::npos ? value : "'" + value + "'");
    };
    if (!r.recipe.empty()) add("--recipe", r.recipe.string());
    if (!r.chain.from.empty()) add("--from", r.chain.from);
    if (!r.chain.to.empty()) add("--to", r.chain.to);
    if (r.chain.layers > 0) add("--layers", std::to_string(r.chain.layers));
    if (!r.channels.empty()) add("--channels", fmt::format("{}", fmt::join(r.channels, ",")));
    if (!r.mean.empty()) add("--mean", fmt::format("{}", fmt::join(r.mean, ",")));
    if (!r.std.empty()) add("--std", fmt::format("{}", fmt::join(r.std, ",")));
    const IntegerOptions usual;
    if (r.integers.bits != usual.bits) add("--bits", std::to_string(r.integers.bits));
    if (r.integers.multiplier_bits != usual.multiplier_bits)
      add("--multiplier-bits", std::to_string(r.integers.multiplier_bits));
    for (const auto& path : r.calibrate) add("--calibrate", path.string());
    for (char& c : out)
      if (static_cast<unsigned char>(c) < ' ') c = '?';
    return out + fmt::format("\n# Layers of a network in integers: '{}' to '{}'.\n", printable(chain_.from),
                             printable(chain_.to));
  }

  study::Candidate describe() const {
    study::Candidate out{.name = "pipeline"};
    out.decision = {{"from", chain_.from},
                    {"to", chain_.to},
                    {"bits", request_.integers.bits},
                    {"multiplier_bits", request_.integers.multiplier_bits},
                    {"recipe", request_.recipe.string()}};
    std::size_t weights = 0, operations = 0;
    int step = 1;
    for (std::size_t l = 0; l < chain_.layers.size(); ++l) {
      const Layer& layer = chain_.layers[l];
      const IntegerLayer& made = integers_.layers[l];
      const auto nonzero = static_cast<std::size_t>(std::ranges::count_if(made.weights, [](auto w) { return w != 0; }));
      weights += nonzero;
      step *= layer.stride;
      out.details["layers"].push_back(
          {{"name", layer.name},
           {"node", layer.node},
           {"type", name(pipeline_.stages[static_cast<std::size_t>(pipeline_.find(layer.name))].type)},
           {"step", step},
           {"weights", nonzero},
           {"scales", made.levels.scales},
           {"least", made.levels.low},
           {"greatest", made.levels.high},
           {"lost_rows", layer.lost_rows},
           {"lost_columns", layer.lost_columns}});
    }
    for (const Stage& stage : pipeline_.stages) operations += stage.nodes.size();
    out.details["stopped"] = chain_.stopped;
    out.details["output_scales"] = integers_.layers.back().levels.scales;
    using study::Better;
    using study::Provenance;
    out.costs = {{"stages", static_cast<double>(pipeline_.stages.size()), "", Better::lower, Provenance::counted},
                 {"operations", static_cast<double>(operations), "", Better::lower, Provenance::counted},
                 {"weights", static_cast<double>(weights), "", Better::lower, Provenance::counted}};
    return out;
  }

  void compare(study::Candidate& candidate) const {
    if (request_.compare.empty()) return;
    Difference floats, rounded;
    for (const auto& path : request_.compare) {
      const Sample sample = samples().read(path);
      const Frame frame = interpret(pipeline_, {sample.frame}).at(0);
      const std::vector<double>& scales = integers_.layers.back().levels.scales;
      floats.add(frame, scales, evaluate(network_, sample.maps, false).back());
      if (!request_.recipe.empty()) rounded.add(frame, scales, evaluate(chain_, sample.maps, true).back());
    }
    candidate.details["against_network"] = floats.json();
    if (rounded.count > 0) candidate.details["against_recipe"] = rounded.json();
    candidate.costs.push_back({"rms_error", floats.rms(), "", study::Better::lower, study::Provenance::measured});
    candidate.costs.push_back({"largest_error", floats.largest, "", study::Better::lower, study::Provenance::measured});
  }

  const ExtractRequest& request_;
  model::Model model_;
  Chain network_, chain_;  // in floats, and with the recipe
  Normalisation normalisation_;
  IntegerChain integers_;
  Pipeline pipeline_;
};

}  // namespace

study::Study extract(const ExtractRequest& request) { return Extraction(request).run(); }

}  // namespace pare::imaging
