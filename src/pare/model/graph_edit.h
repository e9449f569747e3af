// Small edits of a Model that several parts of this room need.
#pragma once
#include <string>
#include <unordered_set>

#include "pare/model/model.h"

namespace pare::model {

/// Names not yet used by values or nodes, made from a wish by adding a number.
class FreshNames {
 public:
  FreshNames() = default;
  explicit FreshNames(const Model& model);

  /// `wish`, or `wish`_2, _3, ...; taken from now on.
  std::string make(const std::string& wish);
  bool take(const std::string& name) { return taken_.insert(name).second; }
  bool taken(const std::string& name) const { return taken_.contains(name); }

 private:
  std::unordered_set<std::string> taken_;
};

/// Takes away nodes that no output of the model needs.
void drop_unneeded_nodes(Model& model);

/// Takes away values that no node reads or makes and that are no input or output. ValueIds change.
void drop_unneeded_values(Model& model);

/// "Conv '/conv1/Conv'", for messages.
std::string describe(const Node& node);

}  // namespace pare::model
