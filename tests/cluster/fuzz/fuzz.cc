// One libFuzzer program a format: what can be read can be predicted with, and what cannot throws Error.
// PARE_FUZZ_FORMAT names the function.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "pare/base/error.h"
#include "pare/cluster/predict.h"
#include "pare/cluster/profile.h"
#include "pare/cluster/read_network.h"

namespace pare::cluster {

void predict_one(const Network& network, Cluster machine) {
  machine.nodes = machine.devices_per_node = 2;
  const Strategy strategy{.data = 2, .pipeline = 2, .batch = 8};
  check(strategy, network, machine);
  const Prediction made = predict(network, strategy, machine);
  if (!(made.batch_time_s >= 0) || std::isnan(made.peak_bytes())) __builtin_trap();
}

Cluster round_figures() {
  return parse_cluster(
      "[device]\nmatrix_tflops = 100\nmemory_gib = 80\nmemory_gb_s = 2000\n[nodes]\ncount = 4\ndevices = 8\n"
      "[inside]\nlatency_us = 1\nbandwidth_gb_s = 300\n[across]\nlatency_us = 2\nbandwidth_gb_s = 100\n",
      "fuzz");
}

void machine(std::string_view bytes) {
  const auto network = parse_config(R"({"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12,
                                        "vocab_size": 50257, "n_positions": 1024})",
                                    "fuzz");
  predict_one(*network, parse_cluster(std::string(bytes), "fuzz"));
}

void profile(std::string_view bytes) {
  const Cluster round = round_figures();
  const Profile read = parse_profile(std::string(bytes), "fuzz");
  if (to_json(parse_profile(to_json(read), "fuzz")) != to_json(read)) __builtin_trap();
  const ProfiledCosts costs(read, round);
  for (const ProfiledCollective& c : read.collectives)
    for (const int ranks : {2, 3, 8, 32})
      for (const double size : {1.0, 1e5, c.bytes}) {
        const double seconds = c.kind == CollectiveKind::send
                                   ? costs.transfer_s(size, distance(0, ranks - 1, round))
                                   : costs.collective_s(c.kind, size, group_of(ranks, 1, round));
        if (!(seconds >= 0)) __builtin_trap();
      }
}

void transformer(std::string_view bytes) { predict_one(*parse_config(std::string(bytes), "fuzz"), round_figures()); }

}  // namespace pare::cluster

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    pare::cluster::PARE_FUZZ_FORMAT({reinterpret_cast<const char*>(data), size});
  } catch (const pare::Error&) {
  }
  return 0;
}
