// What every verb writes: candidates with their costs, and which of them are worth having.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace pare::study {

/// JSON whose keys keep the order in which they were written, so that studies are stable under diff.
using Json = nlohmann::ordered_json;

enum class Better { higher, lower };

/// Where a figure comes from. measured: a real run on this machine; simulated: a cycle- or event-level simulator;
/// estimated: a model or a published constant; counted: exact by construction (operations, bytes).
enum class Provenance { measured, simulated, estimated, counted };

struct Cost {
  std::string name;  // snake case, its unit in the name where there is one: weight_bytes, seconds, top1
  double value = 0;
  std::string unit;  // "bytes", "s", "%", "MACs", "" for a pure number
  Better better = Better::lower;
  Provenance provenance = Provenance::measured;
  std::optional<double> spread;  // half-width of the 95 % interval, or as `spread_is` in the study's conditions says
};

struct Candidate {
  std::string name;
  Json decision = Json::object();
  std::vector<Cost> costs;  // names are distinct
  bool front = false;       // no other candidate of the study is at least as good in all costs and better in one
  Json details = Json::object();

  /// The cost of that name, or null.
  const Cost* cost(const std::string& name) const;
};

struct Workload {
  std::string kind;  // "network", "graph", "pipeline", "training"
  std::string name;
  std::string hash;  // content hash of the file it came from
};

struct Study {
  std::string version = PARE_VERSION;  // of the pare that wrote it
  std::string verb;
  Workload workload;
  Json conditions = Json::object();  // device, instruction set, threads, batch, seed, data, ...
  std::vector<Candidate> candidates;
  std::string chosen;  // a candidate's name, or empty
};

/// Sets `front` of every candidate by the costs named in `by` (all costs where empty). A candidate that lacks one of
/// them is never on the front; equal candidates are on it together.
void mark_front(Study& study, const std::vector<std::string>& by = {});

/// The figure as people read it: "1.20 MB", "74.9 %", "0.30 G MACs".
std::string readable(const Cost& cost);

Json to_json(const Study& study);

/// Throws Error, naming `where` and the first field that is missing or of the wrong type.
Study from_json(const Json& json, const std::string& where);

/// Reads and checks a study.json (at most 256 MB); writes one whole or not at all.
Study read_study(const std::filesystem::path& path);
void write_study(const std::filesystem::path& path, const Study& study);

}  // namespace pare::study
