// cluster_trainer: trains a small network on ranks of this machine, really spread as pare cluster predict is told, and
// says how long it took. Options have the names they have there.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "train.h"

namespace pare::cluster::trainer {
namespace {

nlohmann::json to_json(const Result& result) {
  nlohmann::json out{{"batch_s", result.batch_s}, {"loss", result.loss}, {"ranks", nlohmann::json::array()}};
  for (const RankResult& r : result.ranks)
    out["ranks"].push_back({{"tensor", r.place.tensor},
                            {"data", r.place.data},
                            {"stage", r.place.stage},
                            {"busy_s", r.busy_s},
                            {"communication_s", r.communication_s},
                            {"operation_s", r.operation_s}});
  return out;
}

int run(int count, char** arguments) {
  CLI::App app("trains a small network on ranks of this machine");
  Settings settings;
  Strategy& s = settings.strategy;
  std::string config, schedule = "1f1b", profile, output;
  std::int64_t sequence = 0;
  app.add_option("config", config, "a config.json of gpt2 or mlp")->required();
  app.add_option("--sequence", sequence, "tokens a sample");
  app.add_option("--data-parallel", s.data);
  app.add_option("--tensor-parallel", s.tensor);
  app.add_option("--pipeline-parallel", s.pipeline);
  app.add_option("--micro-batch", s.micro_batch);
  app.add_option("--batch", s.batch)->required();
  app.add_option("--schedule", schedule);
  app.add_option("--iterations", settings.iterations)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--warm-up", settings.warm_up, "iterations before those that are measured")->capture_default_str();
  app.add_option("--sleep", profile, "a profile whose times are slept instead of computing");
  app.add_option("-o", output, "a JSON file; else on stdout");
  CLI11_PARSE(app, count, arguments);

  s.schedule = parse_schedule(schedule);
  settings.network = parse_transformer(read_file(config, 1 << 20), config, sequence);
  Cluster machine;
  machine.devices_per_node = s.devices();
  check(s, settings.network, machine);
  Profile sleeps;
  if (!profile.empty()) {
    sleeps = read_profile(profile);
    settings.sleeps = &sleeps;
  }
  const std::string text = to_json(train(settings)).dump(1) + "\n";
  if (output.empty())
    fmt::print("{}", text);
  else
    write_file(output, text);
  return 0;
}

}  // namespace
}  // namespace pare::cluster::trainer

int main(int count, char** arguments) {
  try {
    return pare::cluster::trainer::run(count, arguments);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return dynamic_cast<const pare::UsageError*>(&e) ? 2 : 1;
  }
}
