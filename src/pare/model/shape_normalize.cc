// Rules of normalisations.
#include <fmt/format.h>

#include "pare/base/error.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

/// Scale and bias must spread over the input without growing it.
void require_spreads(const RuleContext& c, std::size_t i) {
  const auto wider = broadcast(c.shape(0), c.shape(i));
  if (!wider || wider->size() != c.shape(0).size())
    c.fail(fmt::format("has parameters {} for an input {}", to_string(c.shape(i)), to_string(c.shape(0))));
}

}  // namespace

void layer_normalization_rule(RuleContext& c) {
  c.require_float(0);
  const std::size_t axis = c.axis(c.node().as<NormalizationAttributes>().axis, c.rank(0));
  for (std::size_t i = 1; i < 3; ++i)
    if (c.has(i)) require_spreads(c, i);
  c.set(0, c.type(0), c.shape(0));
  Shape reduced = c.shape(0);
  for (std::size_t d = axis; d < reduced.size(); ++d) reduced[d] = {1, {}};
  for (std::size_t o = 1; o < 3; ++o) c.set(o, ElementType::f32, reduced);
}

void channel_normalization_rule(RuleContext& c) {
  c.require_float(0);
  if (c.rank(0) < 3) c.fail(fmt::format("has an input {} without spatial axes", to_string(c.shape(0))));
  const std::int64_t groups = c.node().as<NormalizationAttributes>().groups;
  const Dimension& channels = c.shape(0)[1];
  if (channels.known() && channels.size % groups != 0)
    c.fail(fmt::format("divides {} channels into {} groups", channels.size, groups));
  for (std::size_t i = 1; i < 3; ++i) {
    if (c.rank(i) != 1) c.fail(fmt::format("has parameters {}", to_string(c.shape(i))));
    const Dimension& given = c.shape(i)[0];
    const bool by_group = c.node().op == Op::group_normalization && given.size == groups;
    if (given.known() && channels.known() && given.size != channels.size && !by_group)
      c.fail(fmt::format("has parameters {} for an input {}", to_string(c.shape(i)), to_string(c.shape(0))));
  }
  c.set(0, c.type(0), c.shape(0));
}

void lp_normalization_rule(RuleContext& c) {
  c.require_float(0);
  c.axis(c.node().as<LpNormalizationAttributes>().axis, c.rank(0));
  c.set(0, c.type(0), c.shape(0));
}

void mean_variance_rule(RuleContext& c) {
  c.require_float(0);
  for (const std::int64_t axis : c.node().as<AxesAttributes>().axes) c.axis(axis, c.rank(0));
  c.set(0, c.type(0), c.shape(0));
}

}  // namespace pare::model
