#include "pare/graph/train_options.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "pare/base/error.h"

namespace pare::graph {
namespace {

constexpr std::array models{std::pair{Model::gcn, "gcn"}, std::pair{Model::gin, "gin"}, std::pair{Model::sage, "sage"},
                            std::pair{Model::gat, "gat"}};

}  // namespace

const char* name_of(Model model) {
  for (const auto& [value, name] : models)
    if (value == model) return name;
  return "";
}

Model model_named(const std::string& name, const std::string& where) {
  for (const auto& [value, known] : models)
    if (name == known) return value;
  throw UsageError(fmt::format("no model is called '{}'", printable(name)), where, "known are gcn, gin, sage, gat");
}

std::string name_of(const TrainOptions& options) {
  const std::string model = name_of(options.model);
  return options.features ? model + " " + name_of(options.features) : model;
}

TrainOptions published(Model model, bool whole_graphs) {
  TrainOptions o;
  o.model = model;
  if (whole_graphs) {
    o.layers = 5;
    o.hidden = 64;
    o.epochs = 350;
    o.weight_decay = 0;
    o.patience = 0;
    o.batch = 128;
  } else if (model == Model::gat) {
    o.hidden = 8;
    o.dropout = 0.6;
    o.rate = 0.005;
    o.epochs = 1000;
    o.patience = 100;
  } else if (model == Model::sage || model == Model::gin) {
    o.hidden = 64;
  }
  return o;
}

void check(const TrainOptions& o, bool whole_graphs) {
  if (whole_graphs && o.model != Model::gin)
    throw UsageError(fmt::format("{} does not classify whole graphs", name_of(o.model)), "--model", "use gin");
  if (whole_graphs && !o.fanouts.empty())
    throw UsageError("is for the vertices of one graph", "--fanout", "whole graphs are small: use --batch alone");
  if (whole_graphs && o.layers < 2)
    throw UsageError("must be 2 or more for whole graphs", "--layers", "the features themselves count as one");
  if (whole_graphs && o.nested && o.folds < 3)
    throw UsageError("must be 3 or more with --protocol nested", "--folds",
                     "one is the test, one chooses the epoch, the others are trained on");
  if (!o.fanouts.empty() && o.fanouts.size() != static_cast<std::size_t>(o.layers))
    throw UsageError(fmt::format("has {} numbers, but the network {} layers", o.fanouts.size(), o.layers), "--fanout",
                     "give one a layer");
}

}  // namespace pare::graph
