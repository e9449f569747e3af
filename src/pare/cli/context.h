// What the verbs of the command line share.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "pare/cli/requests.h"

namespace pare::cli {

/// A verb's subcommand, with its help ending in two examples. Its options are added by the caller; `run` is what it
/// does.
CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& group, const std::string& description,
                   const std::vector<std::string>& examples);

/// Writes a finished study: JSON on stdout with --json, else a table; study.json below -o.
void finish(const study::Study& study, const Global& global);

/// The study as a table for a terminal: candidates by costs, the front marked.
std::string to_table(const study::Study& study);

// Each adds one verb to the command.
void add_inspect(CLI::App& app, const Global& global);
void add_evaluate(CLI::App& app, const Global& global);
void add_quantize(CLI::App& app, const Global& global);
void add_install_torch(CLI::App& app, const Global& global);
void add_generate(CLI::App& app, const Global& global);
void add_cluster(CLI::App& app, const Global& global);
void add_imaging(CLI::App& app, const Global& global);
void add_graph(CLI::App& app, const Global& global);
void add_report(CLI::App& app, const Global& global);

/// Adds --data, --training, --mean, --std, --size, --resize, --layout, --vocabulary and the like, --samples, --batch.
void add_data_options(CLI::App& verb, struct DataOptions& options, bool needs_data);

/// As the command line holds them; request() reads the TOML beside the data and lets options overrule it.
struct DataOptions {
  DataRequest given;
  std::string layout, preprocess_file;

  DataRequest request() const;
};

/// Adds --bits, --method, --formats, --ties and the other options of quantisation.
struct QuantizeOptions {
  quantize::Request given;
  std::string ties = "away", int_range = "symmetric", granularity = "channel", select = "network";
  bool no_bias_correction = false, no_mirror = false;

  quantize::Request request(const Global& global, const DataRequest& data) const;
};
void add_quantize_options(CLI::App& verb, QuantizeOptions& options);

}  // namespace pare::cli
