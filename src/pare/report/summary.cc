// The first lines of the page: what was looked at, what was chosen, what was gained and lost.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/draw/page.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Cost;
using study::Study;

std::string workload(const Study& study) {
  const auto& w = study.workload;
  if (w.name.empty()) return w.kind.empty() ? "the workload" : "the " + w.kind;
  return w.kind.empty() ? w.name : "the " + w.kind + " " + w.name;
}

/// Both figures where both candidates have them.
std::optional<std::pair<Cost, Cost>> both(const Candidate& now, const Candidate& before, const std::string& name) {
  const Cost *a = now.cost(name), *b = before.cost(name);
  if (!a || !b) return {};
  return std::pair{*a, *b};
}

/// The end of the sentence "pare ... tried 23 candidates for the network ...".
std::string verdict(const Study& study) {
  const Candidate *now = chosen(study), *before = baseline(study);
  const auto pair = main_pair(study);
  if (!now) {
    const auto front = std::ranges::count_if(study.candidates, &Candidate::front);
    return front ? fmt::format(" and chose none; {} of them {} on the Pareto front.", front, front == 1 ? "is" : "are")
                 : " and chose none.";
  }
  if (now == before) return fmt::format(" and stayed with {}.", now->name);
  std::vector<std::string> phrases;
  if (pair)
    for (const auto& name : {pair->x, pair->y})
      if (const auto figures = both(*now, *before, name))
        phrases.push_back(fmt::format("{} {}", words(name), compared(figures->first, figures->second)));
  std::string out = fmt::format(" and chose {} over {}", now->name, before->name);
  for (std::size_t i = 0; i < phrases.size(); ++i) out += fmt::format("{} {}", i ? ";" : ":", phrases[i]);
  return out + ".";
}

/// A study of one candidate: its figures in a row.
std::string figures_of(const Candidate& candidate) {
  std::string out;
  for (const Cost& cost : candidate.costs) {
    if (!std::isfinite(cost.value)) continue;
    // "268 k parameters" says its name
    const std::string name = cost.name == cost.unit || cost.unit == "MACs" ? "" : fmt::format("{} ", words(cost.name));
    out += fmt::format("{}{}{}", out.empty() ? "" : ", ", name, shown(cost));
  }
  return out;
}

std::string lead(const Study& study) {
  if (study.candidates.empty()) return fmt::format("pare {} of {} has no candidates.", study.verb, workload(study));
  if (study.candidates.size() == 1) {
    const std::string figures = figures_of(study.candidates.front());
    return fmt::format("pare {} of {}: {}.", study.verb, workload(study), figures.empty() ? "no figures" : figures);
  }
  // a search keeps few of those that it looked at
  const double tried = number(study.conditions, "strategies").value_or(static_cast<double>(study.candidates.size()));
  return fmt::format("pare {} tried {:.0f} candidates for {}{}", study.verb, tried, workload(study), verdict(study));
}

std::vector<draw::KeyFigure> key_figures(const Study& study) {
  const Candidate *now = chosen(study), *before = baseline(study);
  const auto pair = main_pair(study);
  std::vector<draw::KeyFigure> figures;
  if (!now || !pair || now == before) return figures;
  std::vector<std::string> names{pair->x, pair->y};
  for (const char* more : {"weight_bits", "seconds", "divergence"})
    if (std::ranges::find(names, more) == names.end()) names.push_back(more);
  for (const auto& name : names)
    if (const auto f = both(*now, *before, name); f && figures.size() < 4 && std::isfinite(f->first.value))
      figures.push_back({words(name), shown(f->first),
                         f->first.value == f->second.value
                             ? "as before"
                             : fmt::format("{}; was {}", difference(f->first, f->second), shown(f->second))});
  return figures;
}

}  // namespace

std::string summary(const Studies& studies) {
  // what was decided comes before what was merely looked at
  std::vector<const Study*> order;
  for (const Study& study : studies) order.push_back(&study);
  std::ranges::stable_sort(order, std::greater<>{}, [](const Study* s) {
    return std::pair{chosen(*s) != nullptr && s->candidates.size() > 1, s->candidates.size() > 1};
  });
  std::string out;
  for (const Study* study : order) {
    const bool first = study == order.front();
    out += draw::paragraph(lead(*study), first ? draw::Tone::lead : draw::Tone::muted);
    if (first) out += draw::key_figures(key_figures(*study));
  }
  return out;
}

}  // namespace pare::report
