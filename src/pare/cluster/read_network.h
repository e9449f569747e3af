// Any network whose training can be predicted, out of its file.
#pragma once
#include <filesystem>
#include <memory>

#include "pare/cluster/network.h"

namespace pare::cluster {

struct NetworkOptions {
  std::int64_t sequence = 0;          // tokens of a sample; 0: what the file says
  std::int64_t decoder_sequence = 0;  // of a decoder beside an encoder; 0: as many
  std::filesystem::path recipe;       // of an ONNX network; empty: none
};

/// An .onnx file, or a config.json as transformers writes it, or the folder that holds it. Throws Error naming what is
/// missing or not known.
std::unique_ptr<Network> read_network(const std::filesystem::path& path, const NetworkOptions& options = {});

/// The second of them from its text.
std::unique_ptr<Network> parse_config(const std::string& text, const std::string& where,
                                      const NetworkOptions& options = {});

}  // namespace pare::cluster
