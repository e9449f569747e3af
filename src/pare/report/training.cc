// Verbs cluster predict and cluster plan: what every rank of the pipeline does when, and what fills its memory.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/draw/axis.h"
#include "pare/draw/chart.h"
#include "pare/draw/page.h"
#include "pare/draw/table.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Json;
using study::Study;

constexpr std::size_t most_rows = 12, most_segments = 1000;  // a rank's; a study may hold anything

draw::Segment segment(const Json& ends, double unit, std::size_t series, bool beside = false) {
  const auto at = [&](std::size_t i) {
    return ends.is_array() && i < ends.size() && ends[i].is_number() ? unit * ends[i].get<double>() : NAN;
  };
  return {at(0), at(1), series, "", beside};
}

std::string passes(const Candidate& c) {
  const Json& details = object(c.details, "timeline");
  const double unit = number(details, "unit_s").value_or(NAN);
  if (!(unit > 0)) return "";
  draw::Timeline chart;
  chart.title = "Timeline of one replica";
  chart.x = {"time", "s"};
  chart.series = {
      {"forward", 0}, {"backward", 1}, {"gradients of weights", 2}, {"sums of gradients", 3}, {"optimizer", 4}};
  const Json& rows = list(details, "rows");
  bool gathered = false;
  for (std::size_t i = 0; i < std::min(rows.size(), most_rows); ++i) {
    const Json& row = rows[i];
    draw::TimelineRow& drawn = chart.rows.emplace_back();
    drawn.name = fmt::format("rank {:.0f}", number(row, "rank").value_or(NAN));
    const std::string kinds = text(row, "kinds");
    const auto starts = numbers(row, "starts"), ends = numbers(row, "ends"), which = numbers(row, "micro_batches");
    const std::size_t count = std::min({kinds.size(), starts.size(), ends.size(), which.size(), most_segments});
    for (std::size_t k = 0; k < count; ++k) {
      gathered |= which[k] < 0;
      drawn.segments.push_back({unit * starts[k], unit * ends[k], std::string("FBW").find(kinds[k]),
                                which[k] >= 0 ? fmt::format("{:.0f}", which[k]) : ""});
    }
    if (row.is_object() && row.contains("gradients"))
      drawn.segments.push_back(segment(row["gradients"], unit, 3, true));
    if (row.is_object() && row.contains("optimizer")) drawn.segments.push_back(segment(row["optimizer"], unit, 4));
    for (const draw::Segment& s : drawn.segments)
      chart.end = std::isfinite(s.to) ? std::max(chart.end, s.to) : chart.end;
  }
  const double ranks = number(details, "pipeline_ranks").value_or(0);
  chart.description = fmt::format("{} of {:.0f} ranks of the pipeline.", chart.rows.size(), ranks);
  std::string note = fmt::format(
      "{}: {} of {:.0f} ranks of the pipeline; all devices of a rank do the same. Numbers are "
      "micro-batches, the grey ground is idle.",
      c.name, chart.rows.size(), ranks);
  if (gathered) note += " Passes shorter than a 150th of the batch are drawn together, in order of their kinds.";
  return draw::figure(chart.title, note, [&](double width) { return draw::timeline(chart, width); });
}

/// One row a rank of what its parts add up to; `keys` are members of details.devices.
draw::Timeline parts_of(const Candidate& c, const std::vector<const char*>& keys) {
  draw::Timeline chart;
  const Json& devices = list(c.details, "devices");
  const std::size_t rows = std::min(devices.size(), most_rows);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t rank = rows == 1 ? 0 : row * (devices.size() - 1) / (rows - 1);
    draw::TimelineRow& drawn = chart.rows.emplace_back();
    drawn.name = fmt::format("rank {}", rank);
    double at = 0;
    for (std::size_t k = 0; k < keys.size(); ++k) {
      const double own = number(devices[rank], keys[k]).value_or(NAN);
      if (!std::isfinite(own) || own <= 0) continue;
      drawn.segments.push_back({at, at + own, k});
      at += own;
    }
  }
  return chart;
}

std::string activity(const Candidate& c) {
  draw::Timeline chart = parts_of(c, {"busy_s", "exposed_communication_s"});
  chart.title = "What the ranks do with the time of a batch";
  chart.description = "Busy, communicating while not computing, and idle.";
  chart.x = {"time", "s"};
  chart.series = {{"busy", 0}, {"communicating", 3}};
  chart.end = c.cost("batch_time_s") ? c.cost("batch_time_s")->value : 0;
  return draw::figure(chart.title,
                      "The grey ground is idle; communication that runs beside computation is not counted.",
                      [&](double width) { return draw::timeline(chart, width); });
}

std::string memory(const Candidate& c) {
  draw::Timeline chart = parts_of(c, {"state_bytes", "activation_bytes", "working_bytes"});
  chart.title = "Memory of a device, by rank";
  chart.description = "State, activations and what is needed while computing, against the device's memory.";
  chart.x = {"memory", "bytes"};
  chart.series = {{"weights, gradients, optimizer", 0}, {"activations", 1}, {"logits and gathered weights", 2}};
  chart.limit = number(c.details, "memory_bytes");
  chart.limit_name = "memory of the device";
  return draw::figure(chart.title, "", [&](double width) { return draw::timeline(chart, width); });
}

/// What the time of a device goes to: the longest events of the rank that computes most.
std::string events(const Candidate& c) {
  const Json& details = object(c.details, "time_by_event");
  const Json& list = report::list(details, "events");
  if (list.empty()) return "";
  const double batch = c.cost("batch_time_s") ? c.cost("batch_time_s")->value : NAN;
  draw::Table table{.name = fmt::format("The longest events of a batch, of a device of rank {:.0f}",
                                        number(details, "pipeline_rank").value_or(NAN)),
                    .columns = {{"event"}, {"times", "", true}, {"time", "", true}, {"of the batch", "", true}},
                    .rows = {}};
  for (std::size_t i = 0; i < std::min(list.size(), most_rows); ++i) {
    const auto seconds = number(list[i], "seconds");
    if (!seconds) continue;
    draw::Row row;
    row.cells = {{text(list[i], "event")},
                 {fmt::format("{:.0f}", number(list[i], "count").value_or(NAN))},
                 {study::readable({.value = *seconds, .unit = "s"})},
                 {batch > 0 ? fmt::format("{:.1f} %", 100 * *seconds / batch) : "–", "", false, *seconds / batch}};
    table.rows.push_back(std::move(row));
  }
  return draw::heading(table.name) + draw::table(table);
}

}  // namespace

std::string training(const Studies& studies) {
  return each(studies, [](const Study& study) -> std::string {
    const Candidate* c = chosen(study);
    if (!study.verb.starts_with("cluster p") || !c || list(c->details, "devices").empty()) return "";
    return passes(*c) + activity(*c) + events(*c) + memory(*c);
  });
}

}  // namespace pare::report
