// Study to and from JSON. The reader trusts nothing: a study may come from another version or another hand.
#include <fmt/format.h>

#include <set>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/study/study.h"

namespace pare::study {
namespace {

constexpr const char* provenances[] = {"measured", "simulated", "estimated", "counted"};

Json to_json(const Cost& cost) {
  Json json{{"value", cost.value}, {"unit", cost.unit}, {"better", cost.better == Better::higher ? "higher" : "lower"}};
  if (cost.spread) json["spread"] = *cost.spread;
  json["provenance"] = provenances[static_cast<int>(cost.provenance)];
  return json;
}

/// One object of the document with the path to it, for messages.
class Reader {
 public:
  Reader(const Json& json, std::string file, std::string path)
      : json_(json), file_(std::move(file)), path_(std::move(path)) {
    if (!json.is_object()) fail("is not an object");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{} {}", path_.empty() ? "the document" : printable(path_), what), file_,
                "a study is written by a verb of pare with --json or -o");
  }

  const Json& field(const std::string& key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(fmt::format("lacks \"{}\"", key));
    return *found;
  }
  std::string text(const std::string& key) const {
    const Json& value = field(key);
    if (!value.is_string()) fail(fmt::format("has a \"{}\" that is no text", key));
    return value.get<std::string>();
  }
  double number(const std::string& key) const {
    const Json& value = field(key);
    if (!value.is_number()) fail(fmt::format("has a \"{}\" that is no number", key));
    return value.get<double>();
  }
  Json object(const std::string& key) const {
    if (!json_.contains(key)) return Json::object();
    if (!field(key).is_object()) fail(fmt::format("has a \"{}\" that is no object", key));
    return field(key);
  }
  Reader inside(const std::string& key) const { return {field(key), file_, path_ + "/" + key}; }
  bool has(const std::string& key) const { return json_.contains(key); }
  const Json& json() const { return json_; }
  const std::string& file() const { return file_; }
  const std::string& path() const { return path_; }

 private:
  const Json& json_;
  std::string file_, path_;
};

Cost read_cost(const std::string& name, const Reader& reader) {
  Cost cost{.name = name, .value = reader.number("value"), .unit = reader.text("unit")};
  const std::string better = reader.text("better");
  if (better != "higher" && better != "lower") reader.fail("has a \"better\" that is neither higher nor lower");
  cost.better = better == "higher" ? Better::higher : Better::lower;
  if (reader.has("spread")) cost.spread = reader.number("spread");
  const std::string provenance = reader.text("provenance");
  for (int i = 0; i < 4; ++i)
    if (provenance == provenances[i]) {
      cost.provenance = static_cast<Provenance>(i);
      return cost;
    }
  reader.fail("has an unknown \"provenance\"");
}

Candidate read_candidate(const Reader& reader) {
  Candidate candidate{.name = reader.text("name"),
                      .decision = reader.object("decision"),
                      .costs = {},
                      .front = false,
                      .details = reader.object("details")};
  const Reader costs = reader.inside("costs");
  for (const auto& [name, cost] : costs.json().items()) {
    // a figure that is no finite number is written as null: it was not obtained
    if (cost.is_object() && cost.contains("value") && cost["value"].is_null()) continue;
    candidate.costs.push_back(read_cost(name, Reader(cost, costs.file(), costs.path() + "/" + name)));
  }
  const Json& front = reader.field("front");
  if (!front.is_boolean()) reader.fail("has a \"front\" that is neither true nor false");
  candidate.front = front.get<bool>();
  return candidate;
}

}  // namespace

Json to_json(const Study& study) {
  Json json{{"pare", study.version},
            {"verb", study.verb},
            {"workload", {{"kind", study.workload.kind}, {"name", study.workload.name}, {"hash", study.workload.hash}}},
            {"conditions", study.conditions},
            {"candidates", Json::array()},
            {"chosen", study.chosen}};
  for (const auto& candidate : study.candidates) {
    Json costs = Json::object();
    for (const auto& cost : candidate.costs) costs[cost.name] = to_json(cost);
    json["candidates"].push_back(Json{{"name", candidate.name},
                                      {"decision", candidate.decision},
                                      {"costs", costs},
                                      {"front", candidate.front},
                                      {"details", candidate.details}});
  }
  return json;
}

Study from_json(const Json& json, const std::string& where) {
  const Reader reader(json, where, "");
  const Reader workload = reader.inside("workload");
  Study study{.version = reader.text("pare"),
              .verb = reader.text("verb"),
              .workload = {workload.text("kind"), workload.text("name"), workload.text("hash")},
              .conditions = reader.object("conditions"),
              .candidates = {},
              .chosen = reader.text("chosen")};
  const Json& candidates = reader.field("candidates");
  if (!candidates.is_array()) reader.fail("has \"candidates\" that are no list");
  std::set<std::string> names;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Reader inside(candidates[i], where, fmt::format("/candidates/{}", i));
    study.candidates.push_back(read_candidate(inside));
    if (!names.insert(study.candidates.back().name).second) inside.fail("has the name of an earlier one");
  }
  if (!study.chosen.empty() && !names.contains(study.chosen)) reader.fail("chooses a candidate that it does not have");
  return study;
}

Study read_study(const std::filesystem::path& path) {
  const std::string text = read_file(path, std::size_t{256} << 20);
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw Error("is not JSON", path.string(), "a study is a study.json that pare wrote");
  return from_json(json, path.string());
}

void write_study(const std::filesystem::path& path, const Study& study) {
  write_file(path, to_json(study).dump(1) + "\n");
}

}  // namespace pare::study
