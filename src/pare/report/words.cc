#include "pare/report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "pare/draw/axis.h"
#include "pare/draw/canvas.h"
#include "pare/draw/page.h"
#include "pare/draw/text.h"

namespace pare::report {

using study::Better;
using study::Candidate;
using study::Cost;
using study::Json;
using study::Study;

std::string words(const std::string& cost) {
  static const std::map<std::string, std::string> known{
      {"top1", "top-1 accuracy"},
      {"top5", "top-5 accuracy"},
      {"test_accuracy", "test accuracy"},
      {"weight_bytes", "weight size"},
      {"weight_bits", "bits a weight"},
      {"activation_bits", "bits an activation"},
      {"peak_bytes", "peak memory"},
      {"kept_bytes", "memory kept"},
      {"feature_bytes", "size of features"},
      {"mse", "mean squared error"},
      {"divergence", "divergence of outputs"},
      {"macs", "operations"},
      {"seconds", "time"},
      {"ms", "time"},
      {"preprocess_s", "time to prepare"},
      {"epoch_ms", "time an epoch"},
      {"energy_pj", "energy"},
      {"area_um2", "area"},
      {"tokens_per_second", "tokens a second"},
      {"batch_time_s", "time a batch"},
      {"tokens_per_s", "tokens a second"},
      {"flop_utilisation", "utilisation"},
      {"memory_bits", "memory"},
      {"register_bits", "registers"},
      {"compile_s", "time to compile"},
      {"gap", "gap to the bound"},
      {"exposed_communication_s", "exposed communication"},
  };
  if (const auto found = known.find(cost); found != known.end()) return found->second;
  std::string out = cost;
  std::ranges::replace(out, '_', ' ');
  return out;
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

const char* words(study::Provenance provenance) {
  static constexpr std::array names{"measured", "simulated", "estimated", "counted"};
  return names[static_cast<std::size_t>(provenance)];
}

std::string title(const Study& study) {
  if (study.workload.name.empty()) return study.verb;
  return study.verb + " of " + study.workload.name;
}

std::string each(const std::vector<Study>& studies, const std::function<std::string(const Study&)>& draw) {
  std::string alone, with_headings;
  int drawn = 0;
  for (const Study& study : studies) {
    const std::string html = draw(study);
    if (html.empty()) continue;
    alone = html;
    with_headings += draw::heading(title(study)) + html;
    ++drawn;
  }
  return drawn > 1 ? with_headings : alone;
}

std::string shown(const Cost& cost) {
  Cost plain = cost;
  if (cost.unit == "bits" && words(cost.name).starts_with("bits")) plain.unit.clear();  // "bits a weight 4.6"
  const bool counted =
      cost.unit == "MACs" || cost.unit == "parameters" || cost.unit == "cycles" || plain.unit == "bits";
  const std::string text =
      counted && std::isfinite(cost.value) ? draw::quantity(cost.value, cost.unit) : study::readable(plain);
  std::string out;  // a figure and its unit stay on one line
  for (char c : text) c == ' ' ? out += "\u00a0" : out += c;
  return out;
}

const Candidate* baseline(const Study& study) {
  if (study.candidates.empty()) return nullptr;
  if (study.verb == "cluster plan") return &study.candidates.back();
  if (study.verb == "imaging compile")
    for (const Candidate& c : study.candidates)
      if (c.name != study.chosen && c.name != "optimum" && c.decision.is_object() && !c.decision.contains("ports"))
        return &c;
  const auto found = std::ranges::find_if(study.candidates, [](const Candidate& c) { return method(c) == "float32"; });
  return found == study.candidates.end() ? &study.candidates.front() : &*found;
}

const Candidate* chosen(const Study& study) {
  if (study.chosen.empty()) return nullptr;
  const auto found = std::ranges::find(study.candidates, study.chosen, &Candidate::name);
  return found == study.candidates.end() ? nullptr : &*found;
}

std::vector<std::string> cost_names(const Study& study) {
  std::vector<std::string> names;
  for (const auto& candidate : study.candidates)
    for (const auto& cost : candidate.costs)
      if (std::ranges::find(names, cost.name) == names.end()) names.push_back(cost.name);
  return names;
}

std::optional<Pair> main_pair(const Study& study) {
  // quality first, then what people buy it with; whatever a verb writes first comes next
  static const std::vector<std::string> qualities{"top1", "test_accuracy", "top5", "perplexity", "loss"};
  static const std::vector<std::string> prices{"weight_bytes", "peak_bytes",  "kept_bytes", "feature_bytes",
                                               "memory_bits",  "seconds",     "ms",         "macs",
                                               "cycles",       "batch_time_s"};
  const auto names = cost_names(study);
  const auto values = [&](const std::string& name) {
    std::vector<double> all;
    for (const auto& candidate : study.candidates)
      if (const Cost* cost = candidate.cost(name); cost && std::isfinite(cost->value)) all.push_back(cost->value);
    return all;
  };
  const auto varies = [&](const std::string& name) {
    const auto all = values(name);
    return all.size() >= 2 && std::ranges::any_of(all, [&](double v) { return v != all.front(); });
  };
  const auto first = [&](const std::vector<std::string>& wanted, const std::string& except) -> std::string {
    for (const auto* list : {&wanted, &names})
      for (const auto& name : *list)
        if (name != except && varies(name)) return name;
    return "";
  };
  Pair pair;
  pair.y = first(qualities, "");
  if (pair.y.empty()) return {};
  pair.x = first(prices, pair.y);
  if (pair.x.empty()) return {};
  return pair;
}

std::string difference(const Cost& now, const Cost& before) {
  if (!std::isfinite(now.value) || !std::isfinite(before.value)) return "not known";
  const double change = now.value - before.value;
  if (change == 0) return "the same";
  if (now.unit == "%") return fmt::format("{:.2f} points {}", std::abs(change), change > 0 ? "higher" : "lower");
  const bool size = now.unit == "bytes" || now.unit == "bits", time = now.unit == "s" || now.unit == "ms";
  const char* direction = size   ? (change < 0 ? "smaller" : "larger")
                          : time ? (change < 0 ? "faster" : "slower")
                                 : (change < 0 ? "lower" : "higher");
  const double low = std::min(std::abs(now.value), std::abs(before.value));
  const double high = std::max(std::abs(now.value), std::abs(before.value));
  if (low == 0 || (now.value < 0) != (before.value < 0)) return direction;
  if (high / low < 1.5) return fmt::format("{:.2g} % {}", 100 * std::abs(change) / std::abs(before.value), direction);
  return fmt::format("{:.3g} times {}", high / low, direction);
}

std::string compared(const Cost& now, const Cost& before) {
  if (now.value == before.value) return fmt::format("{}, as before", shown(now));
  const std::string spread = interval(now);
  return fmt::format("{} instead of {} ({}{})", shown(now), shown(before), difference(now, before),
                     spread.empty() ? "" : "; interval " + spread);
}

std::string interval(const Cost& cost) {
  if (!cost.spread || !std::isfinite(*cost.spread)) return "";
  Cost spread = cost;
  spread.value = std::abs(*cost.spread);
  return fmt::format("± {}", shown(spread));
}

std::optional<double> number(const Json& json, const char* key) {
  if (!json.is_object()) return {};
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return {};
  return found->get<double>();
}

std::string text(const Json& json, const char* key) {
  if (!json.is_object()) return "";
  const auto found = json.find(key);
  return found == json.end() || !found->is_string() ? "" : found->get<std::string>();
}

std::vector<double> numbers(const Json& json, const char* key) {
  std::vector<double> out;
  for (const auto& item : list(json, key)) out.push_back(item.is_number() ? item.get<double>() : std::nan(""));
  return out;
}

const Json& list(const Json& json, const char* key) {
  static const Json none = Json::array();
  if (!json.is_object()) return none;
  const auto found = json.find(key);
  return found == json.end() || !found->is_array() ? none : *found;
}

const Json& object(const Json& json, const char* key) {
  static const Json none = Json::object();
  if (!json.is_object()) return none;
  const auto found = json.find(key);
  return found == json.end() || !found->is_object() ? none : *found;
}

std::string one_line(const Json& json, std::size_t longest) {
  if (json.is_string()) return draw::shorten(json.get<std::string>(), longest);
  return draw::shorten(json.dump(-1, ' ', false, Json::error_handler_t::replace), longest);
}

std::string method(const Candidate& candidate) {
  if (candidate.name.starts_with("mixed")) return "mixed";
  return text(candidate.decision, "method");
}

int style_of(const std::string& name) {
  if (name == "float32") return draw::reference_style;
  static const std::vector<std::string> formats{"ant", "int", "float", "flint", "pot", "mixed"},
      designs{"optimum", "asap", "darkroom", "soda", "fixynn", "relayed"};
  for (const auto* known : {&formats, &designs})
    if (const auto found = std::ranges::find(*known, name); found != known->end())
      return static_cast<int>(found - known->begin());
  return static_cast<int>(std::hash<std::string>{}(name) % draw::styles);
}

}  // namespace pare::report
