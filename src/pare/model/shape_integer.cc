// Rules of quantisation as ONNX writes it, and of arithmetic on quantised integers.
#include <fmt/format.h>

#include "pare/base/error.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

void require_byte(const RuleContext& c, std::size_t i) {
  if (c.type(i) != ElementType::i8 && c.type(i) != ElementType::u8)
    c.fail(fmt::format("takes int8 or uint8 as input {}, not {}", i + 1, name(c.type(i))));
}

bool is_one_number(const Shape& shape) { return shape.empty() || (shape.size() == 1 && shape[0].size == 1); }

/// Scale, and zero point where there is one: one number, one a channel of `axis`, or blocks along it.
void check_parameters(RuleContext& c) {
  const auto& a = c.node().as<LinearAttributes>();
  const Shape &x = c.shape(0), &scale = c.shape(1);
  // onnxruntime's quantiser writes one number as [] here and [1] there
  if (c.has(2) && to_string(c.shape(2)) != to_string(scale) && !is_one_number(c.shape(2)))
    c.fail(fmt::format("has a scale {} and a zero point {}", to_string(scale), to_string(c.shape(2))));
  if (is_one_number(scale)) return;
  const std::size_t axis = c.axis(a.axis, c.rank(0));
  if (a.block > 0) {
    if (scale.size() != x.size()) c.fail("has scales of another rank than its blocks");
    return;
  }
  if (scale.size() != 1 || (scale[0].known() && x[axis].known() && scale[0].size != x[axis].size))
    c.fail(fmt::format("has a scale {} for axis {} of {}", to_string(scale), axis, to_string(x)));
}

}  // namespace

void quantize_linear_rule(RuleContext& c) {
  const auto& a = c.node().as<LinearAttributes>();
  check_parameters(c);
  const ElementType type = c.has(2) ? c.type(2) : a.typed ? a.type : ElementType::u8;
  if (type != ElementType::i8 && type != ElementType::u8 && type != ElementType::i16 && type != ElementType::u16)
    c.fail(fmt::format("quantises to {}, which pare does not know", name(type)));
  c.set(0, type, c.shape(0));
}

void dequantize_linear_rule(RuleContext& c) {
  check_parameters(c);
  c.require_float(1);
  c.set(0, c.type(1), c.shape(0));
}

void dynamic_quantize_rule(RuleContext& c) {
  if (c.type(0) != ElementType::f32) c.fail(fmt::format("takes float32, not {}", name(c.type(0))));
  c.set(0, ElementType::u8, c.shape(0));
  c.set(1, ElementType::f32, {});
  c.set(2, ElementType::u8, {});
}

void matmul_integer_rule(RuleContext& c) {
  for (const std::size_t i : {0u, 1u}) require_byte(c, i);
  c.set(0, ElementType::i32, product_shape(c, 0, 1));
}

void conv_integer_rule(RuleContext& c) {
  for (const std::size_t i : {0u, 1u}) require_byte(c, i);
  c.set(0, ElementType::i32, conv_shape(c, 0, 1));
}

void qlinear_matmul_rule(RuleContext& c) {
  for (const std::size_t i : {0u, 3u, 7u}) require_byte(c, i);
  c.set(0, c.type(7), product_shape(c, 0, 3));
}

void qlinear_conv_rule(RuleContext& c) {
  for (const std::size_t i : {0u, 3u, 7u}) require_byte(c, i);
  c.set(0, c.type(7), conv_shape(c, 0, 3));
}

}  // namespace pare::model
