#include "pare/imaging/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/stopwatch.h"
#include "pare/imaging/frames.h"
#include "pare/imaging/parse.h"

namespace pare::imaging {
namespace {

std::string hash_of(const Frame& frame) {
  return content_hash({reinterpret_cast<const char*>(frame.codes.data()), frame.codes.size() * sizeof(std::int64_t)});
}

study::Json describe(const Stage& stage, const Frame& frame) {
  const auto [low, high] = std::ranges::minmax_element(frame.codes);
  const auto worth = [&](double code) { return std::ldexp(code, -stage.type.fraction); };
  const double sum = std::accumulate(frame.codes.begin(), frame.codes.end(), 0.0);
  return {{"name", stage.name},
          {"type", name(stage.type)},
          {"width", frame.width},
          {"height", frame.height},
          {"minimum", worth(static_cast<double>(*low))},
          {"maximum", worth(static_cast<double>(*high))},
          {"mean", worth(sum / static_cast<double>(frame.codes.size()))},
          {"hash", hash_of(frame)}};
}

}  // namespace

study::Study run(const RunRequest& request) {
  const std::string text = read_file(request.pipeline, most_source_bytes);
  const Pipeline pipeline = parse_pipeline(text, request.pipeline.string(), request.pipeline.stem().string());
  std::vector<const Stage*> inputs, outputs;
  for (const Stage& stage : pipeline.stages) {
    if (stage.is_input) inputs.push_back(&stage);
    if (stage.is_output) outputs.push_back(&stage);
  }
  const std::vector<std::string> files = files_of(inputs, request.images);
  std::vector<Frame> frames;
  study::Study study{.verb = "imaging run", .workload = {"pipeline", request.pipeline.string(), content_hash(text)}};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    frames.push_back(read_frame(files[i], inputs[i]->type));
    study.conditions["inputs"].push_back({{"name", inputs[i]->name},
                                          {"file", files[i]},
                                          {"width", frames[i].width},
                                          {"height", frames[i].height},
                                          {"hash", hash_of(frames[i])}});
  }
  std::vector<Frame> results;
  const double seconds = seconds_of([&] { results = interpret(pipeline, frames); });
  study::Candidate candidate{.name = "reference"};
  std::size_t pixels = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    study::Json described = describe(*outputs[i], results[i]);
    if (!request.output.empty())
      described["file"] =
          write_frame(request.output / outputs[i]->name, results[i], outputs[i]->type, request.as_arrays).string();
    candidate.details["outputs"].push_back(std::move(described));
    pixels += static_cast<std::size_t>(results[i].width) * static_cast<std::size_t>(results[i].height);
  }
  candidate.costs = {{"seconds", seconds, "s", study::Better::lower, study::Provenance::measured},
                     {"pixels", static_cast<double>(pixels), "", study::Better::higher, study::Provenance::counted}};
  study.candidates.push_back(std::move(candidate));
  study.chosen = "reference";
  study::mark_front(study);
  return study;
}

}  // namespace pare::imaging
