// What the command line asks of the torch part.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pare/cluster/events.h"
#include "pare/cluster/profile.h"
#include "pare/graph/train_options.h"
#include "pare/io/dataset.h"
#include "pare/quantize/verb.h"
#include "pare/study/study.h"

namespace pare::cli {

/// Options that every verb has.
struct Global {
  bool json = false, quiet = false, verbose = false;
  std::filesystem::path output;
  int threads = 0;  // 0: all cores
  std::uint64_t seed = 0;
  std::string device = "cpu";
  std::string simd;
};

/// Data sets and how their samples are prepared.
struct DataRequest {
  std::filesystem::path data, training;
  io::Preprocess preprocess;
  std::size_t samples = 0, batch = 128;
};

struct EvaluateRequest {
  std::filesystem::path model, recipe;
  DataRequest data;
};

struct QuantizeRequest {
  std::filesystem::path model;
  DataRequest data;
  quantize::Request how;
};

struct GenerateRequest {
  std::filesystem::path model, recipe, tokenizer;
  std::string prompt;
  std::size_t tokens = 256;  // new ones at most
  double temperature = 0;    // 0: the likeliest each time
  std::uint64_t seed = 0;
  bool stream = false;  // the text goes to stdout as it is made
};

/// Without a model: a network and data set that pare makes itself.
struct ReportRequest {
  std::filesystem::path model;
  DataRequest data;
  quantize::Request how;
};

struct ProfileRequest {
  cluster::Events events;
  int rounds = 15;
  bool cuda = false;
};

/// What to train, which depends on whether the graph is a union whose graphs are classified.
using GnnOptions = std::function<std::vector<graph::TrainOptions>(bool whole_graphs)>;
struct GnnRequest {
  std::filesystem::path graph;
  GnnOptions options;
};

/// The functions of libpare_torch.so.
struct TorchVerbs {
  void (*set_up)(const Global&);
  study::Study (*evaluate)(const EvaluateRequest&);
  study::Study (*quantize)(const QuantizeRequest&);
  study::Study (*generate)(const GenerateRequest&);
  std::vector<study::Study> (*report)(const ReportRequest&);
  // nothing on ranks behind the first
  std::optional<cluster::Profile> (*profile)(const ProfileRequest&);
  std::optional<study::Study> (*train_gnn)(const GnnRequest&);
};

}  // namespace pare::cli
