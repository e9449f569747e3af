// Verb imaging compile: when stages start, how their lines lie in blocks, and what other designs would take.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/draw/chart.h"
#include "pare/draw/page.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Json;
using study::Study;

constexpr std::size_t most_rows = 60, most_segments = 500;  // a study may hold anything

/// While the pipeline fills: from its first pixel to a few rows after the last stage's.
std::string starts(const Study& study, const Candidate& c) {
  draw::Timeline chart;
  chart.title = "When stages start";
  chart.x = {"time", "cycles"};
  chart.series = {{"a pixel a cycle", 0}};
  const Json& stages = list(c.details, "stages");
  double last = 0;
  for (const Json& stage : stages) last = std::max(last, number(stage, "start_cycle").value_or(0));
  const double row = number(study.conditions, "width").value_or(0) /
                     std::max(1.0, number(study.conditions, "pixels_per_cycle").value_or(1));
  chart.end = std::max(last * 1.05, last + row);
  if (!std::isfinite(chart.end) || chart.end <= 0) return "";
  for (std::size_t i = 0; i < std::min(stages.size(), most_rows); ++i) {
    const double start = number(stages[i], "start_cycle").value_or(NAN);
    chart.rows.push_back({text(stages[i], "name"), {{start, chart.end, 0, fmt::format("from {:.0f}", start)}}});
  }
  const double frame = number(c.details, "frame_cycles").value_or(NAN);
  chart.description = fmt::format("{} stages; the last starts in cycle {:.0f}.", stages.size(), last);
  return draw::figure(chart.title,
                      std::isfinite(frame) ? fmt::format("The beginning of a frame of {:.0f} cycles.", frame) : "",
                      [&](double width) { return draw::timeline(chart, width); });
}

std::string lines(const Candidate& c) {
  draw::Timeline chart;
  chart.title = "Lines of the image in memory blocks";
  chart.x = {"lines", ""};
  chart.series = {{"lines that share blocks", 0}, {"and the next", 1}};
  std::string registers;
  for (const Json& buffer : list(c.details, "buffers")) {
    const double count = number(buffer, "lines").value_or(0), blocks = number(buffer, "blocks").value_or(NAN),
                 group = std::max(1.0, number(buffer, "lines_per_block").value_or(1));
    if (!(count > 0) || !(count <= most_segments) || chart.rows.size() == most_rows) {
      if (number(buffer, "registers").value_or(0) > 0)
        registers += (registers.empty() ? "" : ", ") + text(buffer, "stage");
      continue;
    }
    draw::TimelineRow& row = chart.rows.emplace_back();
    row.name = text(buffer, "stage");
    for (double at = 0; at < count; at += group)
      row.segments.push_back(
          {at, std::min(at + group, count), row.segments.size() % 2, fmt::format("{:.0f}", blocks * group / count)});
  }
  if (chart.rows.empty()) return "";
  chart.description = fmt::format("{} stages keep lines.", chart.rows.size());
  std::string note = "One segment a group of blocks; the number says how many blocks it is.";
  if (!registers.empty()) note += fmt::format(" Registers suffice for {}.", registers);
  return draw::figure(chart.title, note, [&](double width) { return draw::timeline(chart, width); });
}

std::string memory(const Study& study) {
  draw::Bars chart;
  chart.title = "Memory of each design";
  chart.value = {"memory", "bits"};
  chart.series = {{"in memory blocks", 0}, {"in registers", 1}};
  bool lacking = false;
  for (const Candidate& c : study.candidates) {
    const auto *bits = c.cost("memory_bits"), *registers = c.cost("register_bits");
    if (!bits || !registers || chart.groups.size() == most_rows) continue;
    const bool lacks = c.decision.is_object() && c.decision.contains("ports");
    lacking = lacking || lacks;
    chart.groups.push_back(c.name + (lacks ? " *" : ""));
    chart.values.push_back({bits->value, registers->value});
  }
  if (chart.groups.size() < 2) return "";
  chart.description = fmt::format("{} designs.", chart.groups.size());
  return draw::figure(chart.title, lacking ? "* needs more ports than the memory's blocks have." : "",
                      [&](double width) { return draw::bars(chart, width); });
}

}  // namespace

std::string pipelines(const Studies& studies) {
  return each(studies, [](const Study& study) -> std::string {
    const Candidate* c = chosen(study);
    if (study.verb != "imaging compile" || !c) return "";
    return starts(study, *c) + lines(*c) + memory(study);
  });
}

}  // namespace pare::report
