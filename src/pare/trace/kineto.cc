#include "pare/trace/kineto.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "pare/base/error.h"
#include "pare/trace/kineto_events.h"
#include "pare/trace/shapes.h"

namespace pare::trace {
namespace {

constexpr std::string_view engine = "autograd::engine::evaluate_function", optimizer = "Optimizer.", gloo = "gloo:";

/// Turns the events of one file into calls.
class Reader {
 public:
  Reader(KinetoEvents& file, Trace& trace, const std::string& where) : file_(file), trace_(trace), where_(where) {}

  void read() {
    const auto is_kernel = [](const KinetoEvent& event) { return event.kind == EventKind::kernel; };
    // what calls stands before what it calls, and of two that start together the longer one
    std::ranges::stable_sort(file_.events, [](const KinetoEvent& a, const KinetoEvent& b) {
      if (a.thread != b.thread) return a.thread < b.thread;
      return a.start_us != b.start_us ? a.start_us < b.start_us : a.duration_us > b.duration_us;
    });
    on_device_ = std::ranges::any_of(file_.events, is_kernel);
    trains_ = std::ranges::any_of(file_.events,
                                  [this](const KinetoEvent& event) { return text(event.name).starts_with(engine); });
    read_hosts();
    for (const KinetoEvent& event : file_.events)
      if (is_kernel(event)) read_kernel(event);
    for (std::size_t i = first_; i < trace_.calls.size(); ++i) trace_.calls[i].whole_s += trace_.calls[i].own_s;
    sum_up(trace_.calls, first_);
    std::ranges::stable_sort(in_time_, {}, &std::pair<double, CollectiveCall>::first);
    for (const auto& [start_us, call] : in_time_) trace_.add(call, where_);
  }

 private:
  struct Open {
    double end_us;
    std::uint32_t call;
  };

  const std::string& text(Texts::Id id) const { return trace_.texts[id]; }

  /// Operators and annotations, thread by thread, each with what it lies in.
  void read_hosts() {
    std::vector<Open> open;
    Texts::Id thread = 0;
    for (const KinetoEvent& event : file_.events) {
      if (event.kind == EventKind::kernel) continue;
      if (event.thread != thread) open.clear();
      thread = event.thread;
      // times are rounded to nanoseconds, and to what a double of this size can hold
      const double slack_us = 0.002 + std::ldexp(std::abs(event.start_us), -51),
                   end_us = event.start_us + event.duration_us;
      while (!open.empty() &&
             (event.start_us >= open.back().end_us - slack_us || end_us > open.back().end_us + slack_us))
        open.pop_back();
      const std::uint32_t parent = open.empty() ? no_call : open.back().call;
      if (event.kind == EventKind::launch) {
        if (event.correlation >= 0) launches_[event.correlation] = {event.external, parent};
        continue;
      }
      if (!on_device_ && parent != no_call) {
        double& outer = trace_.calls[parent].own_s;
        outer = std::max(0.0, outer - event.duration_us * 1e-6);  // rounded, it may be a nanosecond more
      }
      if (text(event.name).starts_with(gloo)) {
        add_gloo(event);
        continue;
      }
      const auto index = static_cast<std::uint32_t>(trace_.calls.size());
      if (event.external > 0) operators_.emplace(event.external, index);
      if (event.collective >= 0) collectives_.emplace(event.external, event.collective);
      trace_.add(Call{.signature = {event.name, event.shapes, event.types, event.values, phase(event, parent)},
                      .parent = parent},
                 where_);
      if (!on_device_) trace_.calls[index].own_s = event.duration_us * 1e-6;
      open.push_back({end_us, index});
    }
  }

  Phase phase(const KinetoEvent& event, std::uint32_t parent) const {
    if (!trains_) return Phase::unknown;
    if (text(event.name).starts_with(engine)) return Phase::backward;
    if (text(event.name).starts_with(optimizer)) return Phase::update;
    return parent == no_call ? Phase::forward : trace_.calls[parent].signature.phase;
  }

  void read_kernel(const KinetoEvent& event) {
    ++trace_.kernels;
    const auto launch = launches_.find(event.correlation);
    std::int64_t external = event.external;
    if (external <= 0 && launch != launches_.end()) external = launch->second.external;
    if (event.collective >= 0 || text(event.name).starts_with("nccl")) {
      const auto found = collectives_.find(external);
      return add_collective(event,
                            event.collective >= 0 || found == collectives_.end() ? event.collective : found->second);
    }
    std::uint32_t caller = no_call;
    // where both are there the launch decides: older profilers number operators and kernels apart
    if (launch != launches_.end()) caller = launch->second.caller;
    if (const auto found = operators_.find(external); caller == no_call && found != operators_.end())
      caller = found->second;
    if (caller == no_call) {
      ++trace_.kernels_alone;
      caller = static_cast<std::uint32_t>(trace_.calls.size());
      trace_.add(Call{.signature = {event.name, event.shapes, event.types}}, where_);
    }
    trace_.calls[caller].own_s += event.duration_us * 1e-6;
  }

  void add_collective(const KinetoEvent& event, std::int32_t said) {
    if (said < 0) {
      ++trace_.nameless;
      return;
    }
    const KinetoCollective& collective = file_.collectives[static_cast<std::size_t>(said)];
    const auto kind = collective_kind(text(collective.name));
    const int width = element_bytes(text(collective.type));
    const std::int64_t count = std::max(collective.in_elements, collective.out_elements);
    if (!kind || (*kind != CollectiveKind::barrier && (width == 0 || count < 0)) || collective.group_size <= 0) {
      ++trace_.nameless;
      return;
    }
    CollectiveCall call{.kind = *kind,
                        .bytes = static_cast<double>(count) * width,
                        .group_size = collective.group_size,
                        .group = collective.group,
                        .sequence = collective.sequence,
                        .file = static_cast<std::uint32_t>(trace_.files),
                        .seconds = event.duration_us * 1e-6};
    if (*kind == CollectiveKind::transfer) {
      // both ends number what they send and receive on their own
      call.sequence = -1;
      call.group = trace_.texts.id(fmt::format("{} {}>{}", text(call.group), collective.source, collective.target));
    }
    in_time_.emplace_back(event.start_us, call);
  }

  /// Gloo, on the CPU, says neither group nor number.
  void add_gloo(const KinetoEvent& event) {
    const auto kind = collective_kind(text(event.name));
    const auto shapes = parse_shapes(text(event.shapes));
    const auto types = parse_types(text(event.types));
    const int width = types.empty() ? 0 : element_bytes(types[0]);
    const bool sized = kind && (*kind == CollectiveKind::barrier || (!shapes.empty() && width > 0));
    const bool grouped = kind && (*kind == CollectiveKind::transfer || file_.group_sizes.size() == 1);
    if (!sized || !grouped) {
      ++trace_.nameless;
      return;
    }
    const CollectiveCall call{.kind = *kind,
                              .bytes = shapes.empty() ? 0 : static_cast<double>(elements(shapes[0])) * width,
                              .group_size = *kind == CollectiveKind::transfer ? 2 : *file_.group_sizes.begin(),
                              .file = static_cast<std::uint32_t>(trace_.files),
                              .input_of_one_rank = true,
                              .seconds = event.duration_us * 1e-6};
    in_time_.emplace_back(event.start_us, call);
  }

  struct Launch {
    std::int64_t external;
    std::uint32_t caller;
  };

  KinetoEvents& file_;
  Trace& trace_;
  const std::string& where_;
  const std::size_t first_ = trace_.calls.size();
  bool on_device_ = false, trains_ = false;
  std::unordered_map<std::int64_t, std::uint32_t> operators_;   // by external number
  std::unordered_map<std::int64_t, std::int32_t> collectives_;  // the same
  std::unordered_map<std::int64_t, Launch> launches_;           // by correlation
  std::vector<std::pair<double, CollectiveCall>> in_time_;      // with when they started
};

}  // namespace

void read_kineto(Stream& stream, Trace& trace, std::map<std::int64_t, std::string>& ranks) {
  KinetoEvents file = read_kineto_events(stream, trace.texts);
  if (file.rank) {
    const auto [other, made] = ranks.try_emplace(*file.rank, stream.where());
    if (!made)
      throw Error(fmt::format("is of rank {}, as is {}", *file.rank, other->second), stream.where(),
                  "give one file a rank");
  }
  Reader(file, trace, stream.where()).read();
  trace.source = "kineto";
  if (!file.device.empty()) trace.device = file.device;
  ++trace.files;
}

}  // namespace pare::trace
