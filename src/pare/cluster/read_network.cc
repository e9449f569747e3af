#include "pare/cluster/read_network.h"

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/cluster/encoder_decoder.h"
#include "pare/cluster/onnx_network.h"
#include "pare/model/onnx.h"
#include "pare/model/recipe.h"
#include "pare/model/shapes.h"

namespace pare::cluster {
namespace {

std::unique_ptr<Network> read_onnx_network(const std::filesystem::path& path, const NetworkOptions& options) {
  model::Model model = model::read_onnx(path);
  if (!options.recipe.empty())
    model = model::apply(model, model::read_recipe(options.recipe), model::WeightForm::trainable);
  auto network = std::make_unique<OnnxNetwork>(model, options.sequence > 0 ? options.sequence : model::usual_tokens);
  if (network->name.empty()) network->name = path.stem().string();
  return network;
}

}  // namespace

std::unique_ptr<Network> parse_config(const std::string& text, const std::string& where,
                                      const NetworkOptions& options) {
  const Config config(text, where);
  std::unique_ptr<Network> network;
  if (config.text("model_type") == "t5") {
    network =
        std::make_unique<EncoderDecoder>(parse_encoder_decoder(config, options.sequence, options.decoder_sequence));
  } else {
    if (options.decoder_sequence > 0)
      throw UsageError("the network has no decoder beside an encoder", "--decoder-sequence", "leave it out");
    network = std::make_unique<Transformer>(parse_transformer(config, options.sequence));
  }
  network->hash = content_hash(text);
  return network;
}

std::unique_ptr<Network> read_network(const std::filesystem::path& path, const NetworkOptions& options) {
  if (path.extension() == ".onnx") {
    if (options.decoder_sequence > 0)
      throw UsageError("an ONNX network's inputs say it", "--decoder-sequence", "leave it out");
    return read_onnx_network(path, options);
  }
  if (!options.recipe.empty())
    throw UsageError("needs an ONNX network", "--recipe", "give the network it was made for");
  std::error_code unknown;  // what is no folder is for read_file to refuse
  const std::filesystem::path config = std::filesystem::is_directory(path, unknown) ? path / "config.json" : path;
  return parse_config(read_file(config, 1 << 24), config.string(), options);
}

}  // namespace pare::cluster
