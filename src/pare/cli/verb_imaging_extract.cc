// imaging extract: layers of a network as a pipeline.
#include <fmt/format.h>

#include <memory>

#include "pare/base/error.h"
#include "pare/cli/verb_imaging.h"
#include "pare/imaging/extract.h"

namespace pare::cli {

void add_imaging_extract(CLI::App& imaging_verb, const Global& global) {
  CLI::App* verb = add_verb(
      imaging_verb, "extract", "", "Convolutions, activations and pooling of a network as a pipeline of integers",
      {"pare imaging extract network.onnx --recipe quantised/recipe --mean 0.45 --std 0.25 -o pipeline",
       "pare imaging extract resnet18.onnx --layers 1 --channels 0,1,2,3 --calibrate photo.png --compare other.png -o "
       "out"});
  auto r = std::make_shared<imaging::ExtractRequest>();
  verb->add_option("model", r->model, "an ONNX file")->required();
  verb->add_option("--recipe", r->recipe, "of pare quantize: its weights and its ranges (a folder or recipe.json)");
  verb->add_option("--from", r->chain.from, "value where the chain begins (default: the network's image)");
  CLI::Option* to = verb->add_option("--to", r->chain.to, "node or value where it ends (default: as far as it goes)");
  verb->add_option("--layers", r->chain.layers, "so many convolutions, with the activations and pooling behind them")
      ->check(CLI::Range(1, 1000))
      ->excludes(to);
  verb->add_option("--channels", r->channels, "of the last layer; the others, and what only they need, are left out")
      ->delimiter(',');
  verb->add_option("--mean", r->mean, "subtracted from each channel of an image after division by 255")->delimiter(',');
  verb->add_option("--std", r->std, "each channel is divided by it")->delimiter(',');
  verb->add_option("--bits", r->integers.bits, "of weights and values about which the recipe says nothing")
      ->check(CLI::Range(2, 16))
      ->capture_default_str();
  verb->add_option("--multiplier-bits", r->integers.multiplier_bits, "of the factors between one layer and the next")
      ->check(CLI::Range(1, 24))
      ->capture_default_str();
  verb->add_option("--calibrate", r->calibrate,
                   "images that ranges are taken from where no recipe says them (default: what any image could reach)");
  verb->add_option("--compare", r->compare, "images on which the pipeline is held against the network");
  verb->callback([r, &global] {
    r->output = global.output;
    const study::Study study = imaging::extract(*r);
    finish(study, global);
    if (global.json || global.quiet) return;
    const study::Json& details = study.candidates[0].details;
    for (const auto& layer : details["layers"])
      fmt::print("{}: {} of {}\n", layer["name"].get<std::string>(), layer["type"].get<std::string>(),
                 layer["node"].get<std::string>());
    if (const auto stopped = details["stopped"].get<std::string>(); !stopped.empty())
      fmt::print("ends there: {}\n", stopped);
  });
}

}  // namespace pare::cli
