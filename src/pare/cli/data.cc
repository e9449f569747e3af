#include <fmt/format.h>

#include <filesystem>

#include "pare/base/error.h"
#include "pare/cli/context.h"
#include "pare/model/recipe.h"

namespace pare::cli {

void add_data_options(CLI::App& verb, DataOptions& o, bool needs_data) {
  auto* data = verb.add_option(
      "--data", o.given.data,
      "samples to measure on: .npz with x and y, a folder of image folders, CIFAR-10 binary, IDX, .tsv");
  if (needs_data) data->required();
  verb.add_option(
      "--training", o.given.training,
      "training samples that choices are made on (default: a tenth of --data, which is then not measured on)");
  verb.add_option("--mean", o.given.preprocess.mean, "subtracted from each channel after division by 255")
      ->delimiter(',');
  verb.add_option("--std", o.given.preprocess.std, "each channel is divided by it")->delimiter(',');
  verb.add_option("--resize", o.given.preprocess.resize, "images are resized so that the shorter side is this");
  verb.add_option("--size", o.given.preprocess.size, "the middle square of this size is cut out");
  verb.add_option("--layout", o.layout, "of the network's input: nchw or nhwc");
  verb.add_option("--vocabulary", o.given.preprocess.vocabulary,
                  "WordPiece pieces of sentences (default: vocab.txt beside the network)");
  verb.add_flag("--cased", o.given.preprocess.cased, "sentences keep upper case and accents");
  verb.add_option("--max-tokens", o.given.preprocess.max_tokens, "sentences are cut to so many, with [CLS] and [SEP]")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  verb.add_option("--preprocess", o.preprocess_file, "a TOML with mean, std, resize, size, layout, vocabulary ...");
  verb.add_option("--samples", o.given.samples, "measure on the first so many (0: all)");
  verb.add_option("--batch", o.given.batch, "samples run at once")->check(CLI::Range(1, 1 << 16));
}

DataRequest DataOptions::request() const {
  DataRequest request = given;
  std::filesystem::path file = preprocess_file;
  if (file.empty() && !given.data.empty())
    if (const auto beside = io::preprocess_beside(given.data)) file = *beside;
  if (!file.empty()) {
    request.preprocess = io::Preprocess::from_toml(file);
    const io::Preprocess& asked = given.preprocess;
    if (!asked.mean.empty()) request.preprocess.mean = asked.mean;
    if (!asked.std.empty()) request.preprocess.std = asked.std;
    if (asked.resize) request.preprocess.resize = asked.resize;
    if (asked.size) request.preprocess.size = asked.size;
    if (!asked.vocabulary.empty()) request.preprocess.vocabulary = asked.vocabulary;
    if (asked.cased) request.preprocess.cased = true;
    if (asked.max_tokens != io::Preprocess{}.max_tokens) request.preprocess.max_tokens = asked.max_tokens;
  }
  if (layout == "nhwc")
    request.preprocess.layout = io::Layout::nhwc;
  else if (layout == "nchw")
    request.preprocess.layout = io::Layout::nchw;
  else if (!layout.empty())
    throw UsageError("'" + printable(layout) + "' is unknown", "--layout", "choose nchw or nhwc");
  return request;
}

}  // namespace pare::cli
