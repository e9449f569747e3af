// One function an operator: from the shapes of the inputs to those of the outputs, and, where the inputs are constants
// or small integer tensors (shapes), to their elements. To add an operator: a rule in one of shape_*.cc, and its row in
// shapes.cc.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "pare/model/model.h"

namespace pare::model {

/// One element of a small integer tensor, as far as it is known. An unknown one with a symbol is the size of a
/// dimension: not negative, and equal to every other of that symbol.
struct Entry {
  std::optional<std::int64_t> number;
  std::string symbol;

  static Entry of(const Dimension& d) { return d.known() ? Entry{d.size, {}} : Entry{std::nullopt, d.symbol}; }
};
using Entries = std::vector<Entry>;

/// Elements up to which integer tensors are followed and made constants.
inline constexpr std::int64_t small_tensor = 4096;

/// A box of elements that moves from an input to the output; strides and offsets in elements.
struct Move {
  std::size_t input;
  std::vector<std::int64_t> sizes, from, to;
  std::int64_t from_offset = 0, to_offset = 0;
};

/// What a rule sees of its node, and where it puts the result.
class RuleContext {
 public:
  RuleContext(Model& model, Node& node, std::vector<std::optional<Entries>>& entries)
      : model_(model), node_(node), entries_(entries) {}

  [[noreturn]] void fail(const std::string& what) const;

  Node& node() { return node_; }
  bool has(std::size_t i) const { return i < node_.inputs.size() && node_.inputs[i] != no_value; }
  std::size_t inputs() const { return node_.inputs.size(); }
  std::size_t outputs() const { return node_.outputs.size(); }
  const Value& in(std::size_t i) const;
  const Shape& shape(std::size_t i) const { return in(i).shape; }
  std::int64_t rank(std::size_t i) const { return static_cast<std::int64_t>(shape(i).size()); }
  ElementType type(std::size_t i) const { return in(i).type; }

  /// What is known of the elements of a small integer or boolean tensor; nullopt where nothing is.
  std::optional<Entries> entries(std::size_t i) const;
  /// All elements of an integer tensor of rank 0 or 1; nullopt where one is unknown. Throws Error for another type.
  std::optional<std::vector<std::int64_t>> integers(std::size_t i) const;
  /// `axis`, counted from the end where negative, in [0, rank); `extra` more are allowed at the end.
  std::size_t axis(std::int64_t axis, std::int64_t rank, std::int64_t extra = 0) const;
  void require_same_types(std::size_t first, std::size_t second) const;
  void require_float(std::size_t i) const;

  void set(std::size_t output, ElementType type, Shape shape);
  void set_unknown(std::size_t output, ElementType type);
  void set_entries(std::size_t output, Entries entries);
  void set_constant(std::size_t output, Tensor tensor);
  /// Carries elements from the inputs to the output (whose shape is set), if all of `sources` are constants or
  /// followed.
  void move(std::size_t output, const std::vector<std::size_t>& sources, const std::vector<Move>& moves);
  /// The same elements in the same order under the shape that is set.
  void move_all();
  /// The sizes, if all are known.
  static std::optional<std::vector<std::int64_t>> known(const Shape& shape);

 private:
  Value& out(std::size_t i) { return model_.value(node_.outputs[i]); }
  bool wanted(std::size_t i) const { return i < node_.outputs.size() && node_.outputs[i] != no_value; }

  Model& model_;
  Node& node_;
  std::vector<std::optional<Entries>>& entries_;
};

using Rule = void (*)(RuleContext&);

/// Product of the known sizes; nullopt beyond what pare takes.
std::optional<std::int64_t> product(const std::vector<std::int64_t>& sizes);
std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& sizes);

/// What a product of the matrices in inputs a and b gives, and a convolution of input x with kernel w, whose attributes
/// it completes. Throw Error where the shapes do not fit.
Shape product_shape(const RuleContext& c, std::size_t a, std::size_t b);
Shape conv_shape(RuleContext& c, std::size_t x, std::size_t w);

/// The numpy rule; nullopt where two sizes do not fit.
std::optional<Shape> broadcast(const Shape& a, const Shape& b);

// shape_elementwise.cc
void same_as_input(RuleContext&);    // one float input, and parameters that do not matter
void same_numeric(RuleContext&);     // any numbers
void normalised_axis(RuleContext&);  // softmax
void clip_rule(RuleContext&);
void cast_rule(RuleContext&);
void broadcast_rule(RuleContext&);  // arithmetic of two or more
void compare_rule(RuleContext&);
void where_rule(RuleContext&);
void logical_rule(RuleContext&);  // and, or, xor
void not_rule(RuleContext&);
void test_rule(RuleContext&);  // is it NaN, infinite
void cast_like_rule(RuleContext&);
void prelu_rule(RuleContext&);
void batch_normalization_rule(RuleContext&);
void fake_quantize_rule(RuleContext&);
void dequantize_rule(RuleContext&);

// shape_windows.cc
void conv_rule(RuleContext&);
void pool_rule(RuleContext&);
void global_pool_rule(RuleContext&);
void gemm_rule(RuleContext&);
void matmul_rule(RuleContext&);

// shape_layout.cc
void identity_rule(RuleContext&);
void reshape_rule(RuleContext&);
void flatten_rule(RuleContext&);
void squeeze_rule(RuleContext&);
void unsqueeze_rule(RuleContext&);
void transpose_rule(RuleContext&);
void expand_rule(RuleContext&);
void shape_rule(RuleContext&);
void constant_of_shape_rule(RuleContext&);
void range_rule(RuleContext&);
void reduce_rule(RuleContext&);

// shape_pieces.cc
void concat_rule(RuleContext&);
void split_rule(RuleContext&);
void slice_rule(RuleContext&);
void gather_rule(RuleContext&);
void pad_rule(RuleContext&);

// shape_index.cc
void gather_elements_rule(RuleContext&);
void gather_nd_rule(RuleContext&);
void scatter_rule(RuleContext&);
void one_hot_rule(RuleContext&);
void arg_rule(RuleContext&);
void top_k_rule(RuleContext&);
void cumsum_rule(RuleContext&);
void trilu_rule(RuleContext&);
void tile_rule(RuleContext&);
void non_zero_rule(RuleContext&);
void eye_like_rule(RuleContext&);
void size_rule(RuleContext&);
void einsum_rule(RuleContext&);

// shape_normalize.cc
void layer_normalization_rule(RuleContext&);
void channel_normalization_rule(RuleContext&);  // instance, group
void lp_normalization_rule(RuleContext&);
void mean_variance_rule(RuleContext&);

// shape_sizes.cc
void conv_transpose_rule(RuleContext&);
void depth_to_space_rule(RuleContext&);  // and space to depth
void resize_rule(RuleContext&);

// shape_integer.cc
void quantize_linear_rule(RuleContext&);
void dequantize_linear_rule(RuleContext&);
void dynamic_quantize_rule(RuleContext&);
void matmul_integer_rule(RuleContext&);
void conv_integer_rule(RuleContext&);
void qlinear_matmul_rule(RuleContext&);
void qlinear_conv_rule(RuleContext&);

// shape_attention.cc
void attention_rule(RuleContext&);
void rotary_embedding_rule(RuleContext&);

}  // namespace pare::model
