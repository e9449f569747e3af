#include "pare/model/shapes.h"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <cstring>

#include "pare/base/error.h"
#include "pare/model/graph_edit.h"
#include "pare/model/limits.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

Rule rule_of(Op op) {
  static const auto table = [] {
    std::array<Rule, op_count> rules{};
    const auto put = [&](Rule rule, std::initializer_list<Op> ops) {
      for (const Op o : ops) rules[static_cast<std::size_t>(o)] = rule;
    };
    put(same_as_input, {Op::acos,         Op::acosh,      Op::asin,
                        Op::asinh,        Op::atan,       Op::atanh,
                        Op::ceil,         Op::celu,       Op::cos,
                        Op::cosh,         Op::elu,        Op::erf,
                        Op::exp,          Op::floor,      Op::gelu,
                        Op::hard_sigmoid, Op::hard_swish, Op::leaky_relu,
                        Op::log,          Op::lrn,        Op::mish,
                        Op::reciprocal,   Op::round,      Op::selu,
                        Op::sigmoid,      Op::sin,        Op::sinh,
                        Op::softplus,     Op::softsign,   Op::sqrt,
                        Op::tan,          Op::tanh,       Op::thresholded_relu});
    put(same_numeric, {Op::relu, Op::neg, Op::abs, Op::sign, Op::shrink, Op::bitwise_not});
    put(normalised_axis, {Op::softmax, Op::log_softmax, Op::hardmax});
    put(clip_rule, {Op::clip});
    put(cast_rule, {Op::cast});
    put(broadcast_rule, {Op::add, Op::sub, Op::mul, Op::div, Op::pow, Op::mod, Op::max, Op::min, Op::sum, Op::mean,
                         Op::bit_shift, Op::bitwise_and, Op::bitwise_or, Op::bitwise_xor});
    put(compare_rule, {Op::equal, Op::greater, Op::greater_or_equal, Op::less, Op::less_or_equal});
    put(logical_rule, {Op::logical_and, Op::logical_or, Op::logical_xor});
    put(not_rule, {Op::logical_not});
    put(test_rule, {Op::is_inf, Op::is_nan});
    put(cast_like_rule, {Op::cast_like});
    put(where_rule, {Op::where});
    put(prelu_rule, {Op::prelu});
    put(batch_normalization_rule, {Op::batch_normalization});
    put(fake_quantize_rule, {Op::fake_quantize});
    put(dequantize_rule, {Op::dequantize});
    put(conv_rule, {Op::conv});
    put(pool_rule, {Op::average_pool, Op::max_pool});
    put(global_pool_rule, {Op::global_average_pool, Op::global_max_pool});
    put(gemm_rule, {Op::gemm});
    put(matmul_rule, {Op::matmul});
    put(identity_rule, {Op::identity, Op::dropout});
    put(reshape_rule, {Op::reshape});
    put(flatten_rule, {Op::flatten});
    put(squeeze_rule, {Op::squeeze});
    put(unsqueeze_rule, {Op::unsqueeze});
    put(transpose_rule, {Op::transpose});
    put(expand_rule, {Op::expand});
    put(shape_rule, {Op::shape});
    put(constant_of_shape_rule, {Op::constant_of_shape});
    put(range_rule, {Op::range});
    put(reduce_rule, {Op::reduce_max, Op::reduce_mean, Op::reduce_min, Op::reduce_sum, Op::reduce_l1, Op::reduce_l2,
                      Op::reduce_log_sum, Op::reduce_log_sum_exp, Op::reduce_prod, Op::reduce_sum_square});
    put(concat_rule, {Op::concat});
    put(split_rule, {Op::split});
    put(slice_rule, {Op::slice});
    put(gather_rule, {Op::gather});
    put(pad_rule, {Op::pad});
    put(gather_elements_rule, {Op::gather_elements});
    put(gather_nd_rule, {Op::gather_nd});
    put(scatter_rule, {Op::scatter_elements, Op::scatter_nd});
    put(one_hot_rule, {Op::one_hot});
    put(arg_rule, {Op::arg_max, Op::arg_min});
    put(top_k_rule, {Op::top_k});
    put(cumsum_rule, {Op::cumsum});
    put(trilu_rule, {Op::trilu});
    put(tile_rule, {Op::tile});
    put(non_zero_rule, {Op::non_zero});
    put(eye_like_rule, {Op::eye_like});
    put(size_rule, {Op::size});
    put(einsum_rule, {Op::einsum});
    put(layer_normalization_rule, {Op::layer_normalization, Op::rms_normalization});
    put(channel_normalization_rule, {Op::instance_normalization, Op::group_normalization});
    put(lp_normalization_rule, {Op::lp_normalization});
    put(mean_variance_rule, {Op::mean_variance_normalization});
    put(conv_transpose_rule, {Op::conv_transpose});
    put(depth_to_space_rule, {Op::depth_to_space, Op::space_to_depth});
    put(resize_rule, {Op::resize});
    put(quantize_linear_rule, {Op::quantize_linear});
    put(dequantize_linear_rule, {Op::dequantize_linear});
    put(dynamic_quantize_rule, {Op::dynamic_quantize_linear});
    put(matmul_integer_rule, {Op::matmul_integer});
    put(conv_integer_rule, {Op::conv_integer});
    put(qlinear_matmul_rule, {Op::qlinear_matmul});
    put(qlinear_conv_rule, {Op::qlinear_conv});
    put(attention_rule, {Op::attention});
    put(rotary_embedding_rule, {Op::rotary_embedding});
    return rules;
  }();
  return table[static_cast<std::size_t>(op)];
}

/// The type of the outputs where shapes say nothing because an input has no known rank.
ElementType type_without_shapes(const Model& model, const Node& node) {
  switch (node.op) {
    case Op::arg_max:
    case Op::arg_min:
    case Op::non_zero:
    case Op::shape:
    case Op::size: return ElementType::i64;
    case Op::equal:
    case Op::greater:
    case Op::greater_or_equal:
    case Op::is_inf:
    case Op::is_nan:
    case Op::less:
    case Op::less_or_equal: return ElementType::boolean;
    case Op::cast_like:
    case Op::dequantize_linear: return model.value(node.inputs[1]).type;
    case Op::quantize_linear: return node.inputs.size() > 2 ? model.value(node.inputs[2]).type : ElementType::u8;
    case Op::one_hot: return model.value(node.inputs[2]).type;
    case Op::conv_integer:
    case Op::matmul_integer: return ElementType::i32;
    case Op::qlinear_conv:
    case Op::qlinear_matmul: return model.value(node.inputs[7]).type;
    case Op::cast: return node.as<CastAttributes>().to;
    case Op::constant_of_shape: return node.as<ConstantOfShapeAttributes>().value->type;
    case Op::where: return model.value(node.inputs[1]).type;
    default: return node.inputs.empty() ? ElementType::f32 : model.value(node.inputs[0]).type;
  }
}

bool ranks_known(const Model& model, const Node& node) {
  for (const ValueId id : node.inputs)
    if (id != no_value && !model.value(id).shape_known) return false;
  return true;
}

bool is_followed(ElementType type) {
  return type == ElementType::i64 || type == ElementType::i32 || type == ElementType::boolean;
}

std::int64_t element(const Tensor& tensor, std::size_t i) {
  switch (tensor.type) {
    case ElementType::i64: return tensor.data<std::int64_t>()[i];
    case ElementType::i32: return tensor.data<std::int32_t>()[i];
    default: return tensor.bytes[i];
  }
}

std::optional<Tensor> as_tensor(ElementType type, const std::vector<std::int64_t>& shape, const Entries& entries) {
  Tensor tensor{type, shape, {}};
  tensor.bytes.resize(entries.size() * element_bytes(type));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].number) return std::nullopt;
    const std::int64_t number = *entries[i].number;
    if (type == ElementType::i64) tensor.data<std::int64_t>()[i] = number;
    if (type == ElementType::i32) tensor.data<std::int32_t>()[i] = static_cast<std::int32_t>(number);
    if (type == ElementType::boolean) tensor.bytes[i] = number != 0;
  }
  return tensor;
}

/// Calls copy(to, from) for every element of the box.
template <typename Copy>
void for_each(const Move& move, Copy copy) {
  std::int64_t count = 1;
  for (const std::int64_t size : move.sizes) count *= size;
  if (count == 0) return;
  std::vector<std::int64_t> index(move.sizes.size(), 0);
  std::int64_t from = move.from_offset, to = move.to_offset;
  for (std::int64_t done = 0; done < count; ++done) {
    copy(static_cast<std::size_t>(to), static_cast<std::size_t>(from));
    for (std::size_t d = index.size(); d-- > 0;) {
      from += move.from[d];
      to += move.to[d];
      if (++index[d] < move.sizes[d]) break;
      from -= move.from[d] * move.sizes[d];
      to -= move.to[d] * move.sizes[d];
      index[d] = 0;
    }
  }
}

}  // namespace

void RuleContext::fail(const std::string& what) const { throw Error(what, describe(node_)); }

const Value& RuleContext::in(std::size_t i) const {
  if (!has(i)) fail(fmt::format("lacks its input {}", i + 1));
  return model_.value(node_.inputs[i]);
}

std::optional<Entries> RuleContext::entries(std::size_t i) const {
  const Value& value = in(i);
  if (!is_followed(value.type)) return std::nullopt;
  if (!value.constant) return entries_[static_cast<std::size_t>(node_.inputs[i])];
  if (value.constant->elements() > static_cast<std::size_t>(small_tensor)) return std::nullopt;
  Entries all;
  for (std::size_t k = 0; k < value.constant->elements(); ++k) all.push_back({element(*value.constant, k), {}});
  return all;
}

std::optional<std::vector<std::int64_t>> RuleContext::integers(std::size_t i) const {
  if (type(i) != ElementType::i64 && type(i) != ElementType::i32)
    fail(fmt::format("takes integers as input {}, not {}", i + 1, name(type(i))));
  if (rank(i) > 1) fail(fmt::format("takes a list as input {}, not {}", i + 1, to_string(shape(i))));
  const auto all = entries(i);
  if (!all) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const Entry& entry : *all) {
    if (!entry.number) return std::nullopt;
    numbers.push_back(*entry.number);
  }
  return numbers;
}

std::size_t RuleContext::axis(std::int64_t axis, std::int64_t rank, std::int64_t extra) const {
  if (axis < -rank || axis >= rank + extra) fail(fmt::format("has axis {} where there are {}", axis, rank));
  return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

void RuleContext::require_same_types(std::size_t first, std::size_t second) const {
  if (type(first) != type(second))
    fail(fmt::format("has inputs of different types, {} and {}", name(type(first)), name(type(second))));
}

void RuleContext::require_float(std::size_t i) const {
  if (type(i) != ElementType::f32 && type(i) != ElementType::f64 && type(i) != ElementType::f16 &&
      type(i) != ElementType::bf16)
    fail(fmt::format("takes floating-point numbers as input {}, not {}", i + 1, name(type(i))));
}

void RuleContext::set(std::size_t output, ElementType type, Shape shape) {
  if (!wanted(output)) return;
  std::int64_t elements = 1;
  for (const Dimension& d : shape)
    if (d.known() &&
        (d.size > largest_dimension || __builtin_mul_overflow(elements, d.size, &elements) || elements > most_elements))
      fail(fmt::format("gives a tensor that is too large, {}", printable(to_string(shape))));
  Value& value = out(output);
  value.type = type;
  value.shape = std::move(shape);
  value.shape_known = true;
}

void RuleContext::set_unknown(std::size_t output, ElementType type) {
  if (!wanted(output)) return;
  out(output).type = type;
  out(output).shape.clear();
  out(output).shape_known = false;
}

void RuleContext::set_entries(std::size_t output, Entries entries) {
  if (!wanted(output)) return;
  const auto sizes = known(out(output).shape);
  assert(sizes && *product(*sizes) == static_cast<std::int64_t>(entries.size()));
  if (auto tensor = as_tensor(out(output).type, *sizes, entries)) return set_constant(output, std::move(*tensor));
  entries_[static_cast<std::size_t>(node_.outputs[output])] = std::move(entries);
}

void RuleContext::set_constant(std::size_t output, Tensor tensor) {
  if (wanted(output)) out(output).constant = std::make_shared<const Tensor>(std::move(tensor));
}

void RuleContext::move(std::size_t output, const std::vector<std::size_t>& sources, const std::vector<Move>& moves) {
  if (!wanted(output)) return;
  const auto sizes = known(out(output).shape);
  if (!sizes) return;
  const std::int64_t elements = *product(*sizes);
  std::int64_t source_elements = 0;
  bool constant = true;
  for (const std::size_t i : sources) {
    constant = constant && in(i).constant;
    if (in(i).constant) source_elements += static_cast<std::int64_t>(in(i).constant->elements());
  }
  // a constant may be laid out anew, but not blown up
  if (constant && elements <= std::max(small_tensor, source_elements)) {
    const std::size_t width = element_bytes(out(output).type);
    Tensor tensor{out(output).type, *sizes, {}};
    tensor.bytes.resize(static_cast<std::size_t>(elements) * width);
    for (const Move& m : moves) {
      const std::uint8_t* data = in(m.input).constant->bytes.data();
      for_each(m, [&](std::size_t to, std::size_t from) {
        std::memcpy(tensor.bytes.data() + to * width, data + from * width, width);
      });
    }
    return set_constant(output, std::move(tensor));
  }
  if (elements > small_tensor || !is_followed(out(output).type)) return;
  Entries result(static_cast<std::size_t>(elements));
  bool any = false;
  for (const Move& m : moves)
    if (const auto all = entries(m.input)) {
      any = true;
      for_each(m, [&](std::size_t to, std::size_t from) { result[to] = (*all)[from]; });
    }
  if (any) set_entries(output, std::move(result));
}

void RuleContext::move_all() {
  const auto sizes = known(shape(0));
  if (!sizes) return;
  move(0, {0}, {{.input = 0, .sizes = {*product(*sizes)}, .from = {1}, .to = {1}}});
}

std::optional<std::vector<std::int64_t>> RuleContext::known(const Shape& shape) {
  std::vector<std::int64_t> sizes;
  for (const Dimension& d : shape) {
    if (!d.known()) return std::nullopt;
    sizes.push_back(d.size);
  }
  return sizes;
}

std::optional<std::int64_t> product(const std::vector<std::int64_t>& sizes) {
  std::int64_t result = 1;
  for (const std::int64_t size : sizes)
    if (__builtin_mul_overflow(result, size, &result) || result > most_elements) return std::nullopt;
  return result;
}

std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> strides(sizes.size(), 1);
  for (std::size_t d = sizes.size(); d-- > 1;) strides[d - 1] = strides[d] * sizes[d];
  return strides;
}

void infer_shapes(Model& model) {
  std::vector<std::optional<Entries>> entries(model.values.size());
  std::vector<bool> folded(model.nodes.size(), false);
  for (std::size_t n = 0; n < model.nodes.size(); ++n) {
    Node& node = model.nodes[n];
    if (ranks_known(model, node)) {
      RuleContext context(model, node, entries);
      const Rule rule = rule_of(node.op);
      if (!rule) throw Error("is of a fused network, which only runs", describe(node));
      rule(context);
    } else {
      for (const ValueId id : node.outputs)
        if (id != no_value) {
          model.value(id).type = type_without_shapes(model, node);
          model.value(id).shape.clear();
          model.value(id).shape_known = false;
        }
    }
    folded[n] = true;
    for (const ValueId id : node.outputs) folded[n] = folded[n] && (id == no_value || model.value(id).constant);
  }
  // Where a node stays for its other outputs, those that fold are still made by it.
  std::size_t kept = 0;
  for (std::size_t n = 0; n < model.nodes.size(); ++n) {
    if (folded[n]) continue;
    for (const ValueId id : model.nodes[n].outputs)
      if (id != no_value) model.value(id).constant = nullptr;
    if (kept != n) model.nodes[kept] = std::move(model.nodes[n]);
    ++kept;
  }
  model.nodes.resize(kept);
  drop_unneeded_nodes(model);
}

Model with_batch(const Model& model, std::int64_t batch, std::int64_t tokens) {
  if (batch < 1 || batch > largest_dimension)
    throw Error(fmt::format("a batch of {} samples is not possible", batch), model.name);
  Model fixed = model;
  for (const ValueId id : fixed.inputs) {
    Value& value = fixed.value(id);
    const std::string where = fmt::format("input '{}'", printable(value.name));
    if (!value.shape_known) throw Error("has no known rank", where, "export the network with its shapes");
    for (std::size_t d = 0; d < value.shape.size(); ++d) {
      if (value.shape[d].known()) continue;
      if (d > 0 && value.name.find("past") != std::string::npos) {  // the keys and values of earlier tokens
        value.shape[d] = {0, {}};
        continue;
      }
      if (d > 0 && (value.type == ElementType::i64 || value.type == ElementType::i32)) {  // ids, masks
        value.shape[d] = {tokens, {}};
        continue;
      }
      if (d > 0)
        throw Error(fmt::format("dimension {} of {} is not known", d, printable(to_string(value.shape))), where,
                    "only the first, the batch, may be left open");
      value.shape[d] = {batch, {}};
    }
  }
  infer_shapes(fixed);
  return fixed;
}

}  // namespace pare::model
