// A prediction as a candidate of a study, and as a trace.
#include <fmt/format.h>

#include "pare/cluster/predict.h"

namespace pare::cluster {

study::Candidate to_candidate(const Network& t, const Strategy& s, const Cluster& c, const Prediction& p) {
  using study::Better;
  study::Candidate out{.name = s.label()};
  out.decision = {{"data_parallel", s.data},
                  {"tensor_parallel", s.tensor},
                  {"pipeline_parallel", s.pipeline},
                  {"micro_batch", s.micro_batch},
                  {"batch", s.batch},
                  {"schedule", name(s.schedule)},
                  {"chunks", s.chunks},
                  {"recompute", name(s.recompute)},
                  {"early_stop", s.early_stop},
                  {"sequence_parallel", s.sequence_parallel},
                  {"context_parallel", s.context},
                  {"expert_parallel", s.expert},
                  {"zero", s.zero},
                  {"shard", s.shards()},
                  {"precision", name(s.precision)},
                  {"weights", name(s.weights)},
                  {"cast_weights", s.cast_weights},
                  {"gradients", name(s.gradients)},
                  {"flash_attention", s.flash_attention},
                  {"dropout", s.dropout},
                  {"fused", s.fused},
                  {"fused_loss", s.fused_loss},
                  {"overlap_gradients", s.overlap_gradients},
                  {"tensor_overlap", name(s.tensor_overlap)},
                  {"gather_beside", s.gather_beside},
                  {"shard_unit", name(s.shard_unit)},
                  {"scatter_gather", s.scatter_gather},
                  {"launch_blocking", s.launch_blocking},
                  {"post_validation", s.post_validation}};
  if (s.precision == Precision::float8) out.decision["fp8_scaling"] = name(s.scaling);
  if (c.slow_device >= 0) out.decision["slow_device"] = {c.slow_device, c.slow_device_factor};
  if (c.slow_node >= 0) out.decision["slow_link"] = {c.slow_node, c.slow_node_factor};
  const auto cost = [&](const char* name, double value, const char* unit, Better better) {
    out.costs.push_back({name, value, unit, better, study::Provenance::estimated});
  };
  const double samples = s.batch / p.batch_time_s, tokens = samples * static_cast<double>(t.tokens());
  cost("batch_time_s", p.batch_time_s, "s", Better::lower);
  if (t.tokens() > 0)
    cost("tokens_per_s", tokens, "1/s", Better::higher);
  else
    cost("samples_per_s", samples, "1/s", Better::higher);
  cost("flop_utilisation", t.model_flops() * s.batch / (p.batch_time_s * s.devices() * c.device.flops(s.precision)), "",
       Better::higher);
  cost("bubble_share", p.bubble_share, "", Better::lower);
  cost("exposed_communication_s", p.exposed_communication_s(), "s", Better::lower);
  cost("peak_bytes", p.peak_bytes(), "bytes", Better::lower);
  if (c.price_per_device_hour > 0) {
    const double price_per_s = c.price_per_device_hour * s.devices() / 3600;
    if (t.tokens() > 0)
      cost("price_per_billion_tokens", price_per_s / tokens * 1e9, "", Better::lower);
    else
      cost("price_per_million_samples", price_per_s / samples * 1e6, "", Better::lower);
  }
  out.details["memory_bytes"] = c.device.memory_bytes;
  out.details["events"] = p.measured ? "profile" : "description";
  out.details["fits"] = p.peak_bytes() <= c.device.memory_bytes;
  if (p.peak_bytes() > c.device.memory_bytes) out.details["bytes_over"] = p.peak_bytes() - c.device.memory_bytes;
  auto& devices = out.details["devices"] = study::Json::array();
  for (std::size_t r = 0; r < p.ranks.size(); ++r) {
    const RankActivity& a = p.ranks[r];
    devices.push_back({{"pipeline_rank", r},
                       {"devices", s.replicas() * s.tensor},
                       {"parts", a.parts},
                       {"busy_s", a.compute_s},
                       {"communication_s", a.communication_s + a.gradients_s},
                       {"exposed_communication_s", a.communication_s + a.exposed_gradients_s},
                       {"idle_s", a.idle_s},
                       {"state_bytes", a.memory.state_bytes},
                       {"activation_bytes", a.memory.activation_bytes},
                       {"working_bytes", a.memory.working_bytes},
                       {"peak_bytes", a.memory.total()}});
  }
  if (!p.timeline.ranks.empty()) out.details["timeline"] = timeline_details(p);
  return out;
}

std::string to_trace(const Strategy& s, const Prediction& p) {
  static constexpr const char* kinds[] = {"forward", "backward", "weight gradients"};
  std::string out = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n";
  const auto event = [&](std::size_t rank, int thread, const std::string& what, const Interval& time) {
    out +=
        fmt::format("{{\"name\": \"{}\", \"ph\": \"X\", \"pid\": {}, \"tid\": {}, \"ts\": {:.3f}, \"dur\": {:.3f}}},\n",
                    what, rank, thread, 1e6 * time.start_s, 1e6 * (time.end_s - time.start_s));
  };
  for (std::size_t r = 0; r < p.timeline.ranks.size(); ++r) {
    out += fmt::format(
        "{{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": {}, \"args\": {{\"name\": \"pipeline rank {}\"}}}},\n",
        r, r);
    for (const TimedPass& pass : p.timeline.ranks[r]) {
      std::string what = fmt::format("{} {}", kinds[static_cast<int>(pass.pass.kind)], pass.pass.micro_batch);
      if (s.chunks > 1) what += fmt::format(" chunk {}", pass.pass.chunk);
      event(r, 0, what, pass.time);
    }
    if (s.replicas() > 1) event(r, 1, "gradients", p.gradients[r]);
    event(r, 0, "optimizer", p.optimizers[r]);
    const double stepped = p.optimizers[r].end_s;
    if (p.gathers_s[r] > 0) event(r, 1, "gathered weights", {stepped, stepped + p.gathers_s[r]});
  }
  out.erase(out.size() - 2, 1);  // the comma behind the last event
  return out + "]}\n";
}

}  // namespace pare::cluster
