// Rules of attention and rotary embedding (opset 23).
#include <fmt/format.h>

#include "pare/base/error.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

/// [batch, heads, tokens, width] of an input of four axes, or of three, [batch, tokens, heads * width].
Shape by_heads(const RuleContext& c, std::size_t i, std::int64_t heads) {
  const Shape& x = c.shape(i);
  if (x.size() == 4) return x;
  if (x.size() != 3 || heads < 1)
    c.fail(fmt::format("has an input {}; it takes four axes, or three and the number of heads", to_string(x)));
  if (x[2].known() && x[2].size % heads != 0) c.fail(fmt::format("divides {} into {} heads", to_string(x), heads));
  return {x[0], {heads, {}}, x[1], x[2].known() ? Dimension{x[2].size / heads, {}} : Dimension{}};
}

Dimension sum(const Dimension& a, const Dimension& b) {
  return a.known() && b.known() ? Dimension{a.size + b.size, {}} : Dimension{};
}

}  // namespace

void attention_rule(RuleContext& c) {
  const auto& a = c.node().as<AttentionAttributes>();
  c.require_float(0);
  const Shape q = by_heads(c, 0, a.query_heads), k = by_heads(c, 1, a.key_heads), v = by_heads(c, 2, a.key_heads);
  if (q[1].known() && k[1].known() && (k[1].size == 0 || q[1].size % k[1].size != 0))
    c.fail(fmt::format("has {} heads of queries for {} of keys", q[1].size, k[1].size));
  Shape keys = k, values = v;
  if (c.has(4)) {
    if (c.rank(4) != 4 || !c.has(5) || c.rank(5) != 4) c.fail("has past keys without values, or not of four axes");
    keys[2] = sum(c.shape(4)[2], k[2]);
    values[2] = sum(c.shape(5)[2], v[2]);
  }
  if (c.rank(0) == 4) {
    c.set(0, c.type(0), {q[0], q[1], q[2], v[3]});
  } else {
    const bool known = q[1].known() && v[3].known();
    c.set(0, c.type(0), {q[0], q[2], known ? Dimension{q[1].size * v[3].size, {}} : Dimension{}});
  }
  c.set(1, c.type(1), keys);
  c.set(2, c.type(2), values);
  c.set(3, c.type(0), {q[0], q[1], q[2], keys[2]});
}

void rotary_embedding_rule(RuleContext& c) {
  const auto& a = c.node().as<RotaryAttributes>();
  c.require_float(0);
  by_heads(c, 0, a.heads);
  for (const std::size_t i : {1u, 2u})
    if (c.rank(i) != (c.has(3) ? 2 : 3))
      c.fail(fmt::format("has a table of cosines or sines {}", to_string(c.shape(i))));
  c.set(0, c.type(0), c.shape(0));
}

}  // namespace pare::model
