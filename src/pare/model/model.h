// A network as data: a typed graph in topological order. No arithmetic, no file format, no torch.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "pare/number/format.h"
#include "pare/number/tensor_codec.h"

namespace pare::model {

enum class ElementType { f32, f64, f16, bf16, i8, u8, i16, u16, i32, u32, i64, u64, boolean };

std::size_t element_bytes(ElementType type);
const char* name(ElementType type);  // "float32", "int64", ...

/// A constant: shape, type and row-major bytes, immutable once made.
struct Tensor {
  ElementType type = ElementType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> bytes;

  std::size_t elements() const;  // product of the shape; 1 for a scalar
  /// View as T; the type must match (asserted).
  template <typename T>
  const T* data() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
  template <typename T>
  T* data() {
    return reinterpret_cast<T*>(bytes.data());
  }
  /// The integers of an i32 or i64 tensor.
  std::vector<std::int64_t> integers() const;

  static Tensor f32(std::vector<std::int64_t> shape, const std::vector<float>& values);
  static Tensor i64(std::vector<std::int64_t> shape, const std::vector<std::int64_t>& values);
};

/// One dimension: a size, or unknown until run time (size < 0), then perhaps with a symbol ("N").
struct Dimension {
  std::int64_t size = -1;
  std::string symbol;

  bool known() const { return size >= 0; }
  bool operator==(const Dimension&) const = default;
};
using Shape = std::vector<Dimension>;
std::string to_string(const Shape& shape);  // "[N, 3, 32, 32]", "?" where unknown

using ValueId = std::int32_t;
inline constexpr ValueId no_value = -1;  // an optional input that is absent

struct Value {
  std::string name;
  ElementType type = ElementType::f32;
  Shape shape;
  bool shape_known = false;                // false: not even the rank is known
  std::shared_ptr<const Tensor> constant;  // set where the value is a constant of the network
};

/// Operators, by their ONNX names; below the line, pare's own domain.
enum class Op {
  abs,
  acos,
  acosh,
  add,
  logical_and,
  arg_max,
  arg_min,
  asin,
  asinh,
  atan,
  atanh,
  attention,
  average_pool,
  batch_normalization,
  bit_shift,
  bitwise_and,
  bitwise_not,
  bitwise_or,
  bitwise_xor,
  cast,
  cast_like,
  ceil,
  celu,
  clip,
  concat,
  constant_of_shape,
  conv,
  conv_integer,
  conv_transpose,
  cos,
  cosh,
  cumsum,
  depth_to_space,
  dequantize_linear,
  div,
  dropout,
  dynamic_quantize_linear,
  einsum,
  elu,
  equal,
  erf,
  exp,
  expand,
  eye_like,
  flatten,
  floor,
  gather,
  gather_elements,
  gather_nd,
  gelu,
  gemm,
  global_average_pool,
  global_max_pool,
  greater,
  greater_or_equal,
  group_normalization,
  hardmax,
  hard_sigmoid,
  hard_swish,
  identity,
  instance_normalization,
  is_inf,
  is_nan,
  layer_normalization,
  leaky_relu,
  less,
  less_or_equal,
  log,
  log_softmax,
  lp_normalization,
  lrn,
  matmul,
  matmul_integer,
  max,
  max_pool,
  mean,
  mean_variance_normalization,
  min,
  mish,
  mod,
  mul,
  neg,
  non_zero,
  logical_not,
  one_hot,
  logical_or,
  pad,
  pow,
  prelu,
  qlinear_conv,
  qlinear_matmul,
  quantize_linear,
  range,
  reciprocal,
  reduce_l1,
  reduce_l2,
  reduce_log_sum,
  reduce_log_sum_exp,
  reduce_max,
  reduce_mean,
  reduce_min,
  reduce_prod,
  reduce_sum,
  reduce_sum_square,
  relu,
  reshape,
  resize,
  rms_normalization,
  rotary_embedding,
  round,
  scatter_elements,
  scatter_nd,
  selu,
  shape,
  shrink,
  sigmoid,
  sign,
  sin,
  sinh,
  size,
  slice,
  softmax,
  softplus,
  softsign,
  space_to_depth,
  split,
  sqrt,
  squeeze,
  sub,
  sum,
  tan,
  tanh,
  thresholded_relu,
  tile,
  top_k,
  transpose,
  trilu,
  unsqueeze,
  where,
  logical_xor,
  // pare's own
  fake_quantize,
  dequantize,
  // and of fused networks, which run but are not written (fuse.h)
  linear,             // x W + b, W [inputs, outputs]
  silu,               // x sigmoid(x)
  product_attention,  // softmax(alpha q k + mask) v, k [batch, heads, width, tokens]
};
inline constexpr std::size_t op_count = static_cast<std::size_t>(Op::product_attention) + 1;

const char* name(Op op);  // "Conv", "FakeQuantize"

/// How the borders of a window are found when `pads` does not say it (ONNX auto_pad).
enum class AutoPad { explicit_pads, same_upper, same_lower, valid };

/// Attributes by kind of operator. Spatial lists run over the spatial axes; `pads` holds all begins, then all ends.
/// infer_shapes completes the lists of windows, and makes pads explicit where the spatial sizes are known.
struct NoAttributes {};
struct ConvAttributes {
  std::vector<std::int64_t> kernel, strides, dilations, pads;
  std::int64_t groups = 1;
  AutoPad auto_pad = AutoPad::explicit_pads;
};
struct PoolAttributes {
  std::vector<std::int64_t> kernel, strides, dilations, pads;
  AutoPad auto_pad = AutoPad::explicit_pads;
  bool ceil_mode = false;
  bool count_include_pad = false;  // average pooling
};
struct GemmAttributes {  // alpha * A' B' + beta * C
  float alpha = 1, beta = 1;
  bool transpose_a = false, transpose_b = false;
};
struct BatchNormalizationAttributes {
  float epsilon = 1e-5f;
};
struct AxisAttributes {
  std::int64_t axis = 0;
};  // concat, flatten, gather, gather_elements, hardmax, one_hot, softmax, log_softmax, split
struct CastAttributes {
  ElementType to = ElementType::f32;
};
struct ScalarAttributes {
  float alpha = 0, beta = 0;
};  // leaky_relu, elu, celu, thresholded_relu (alpha); hard_sigmoid, selu, shrink (alpha, beta); product_attention
    // (alpha)
struct TransposeAttributes {
  std::vector<std::int64_t> permutation;
};
struct ReduceAttributes {  // axes come as the second input; none means all, or none at all with noop_with_empty_axes
  bool keep_dims = true, noop_with_empty_axes = false;
};
enum class PadMode { constant, reflect, edge, wrap };
struct PadAttributes {
  PadMode mode = PadMode::constant;
};
struct ShapeAttributes {
  std::int64_t start = 0;
  std::int64_t end = INT64_MAX;
};
struct ReshapeAttributes {
  bool allow_zero = false;
};
struct ConstantOfShapeAttributes {
  std::shared_ptr<const Tensor> value;
};  // one element
struct LrnAttributes {
  float alpha = 1e-4f, beta = 0.75f, bias = 1;
  std::int64_t size = 1;
};
struct ModAttributes {
  bool fmod = false;
};
struct ArgAttributes {  // arg_max, arg_min
  std::int64_t axis = 0;
  bool keep_dims = true, select_last = false;
};
struct TopKAttributes {
  std::int64_t axis = -1;
  bool largest = true;
};
struct CumSumAttributes {
  bool exclusive = false, reverse = false;
};
struct TriluAttributes {
  bool upper = true;
};
enum class Reduction { none, add, mul, max, min };
struct ScatterAttributes {
  std::int64_t axis = 0;  // scatter_elements
  Reduction reduction = Reduction::none;
};
struct GatherNdAttributes {
  std::int64_t batch_dims = 0;
};
struct EinsumAttributes {
  std::string equation;
};
struct EyeLikeAttributes {
  std::int64_t k = 0;
  bool typed = false;  // false: of the input's type
  ElementType type = ElementType::f32;
};
struct IsInfAttributes {
  bool negative = true, positive = true;
};
struct BitShiftAttributes {
  bool left = true;
};
struct GeluAttributes {
  bool tanh = false;  // the approximation
};
struct NormalizationAttributes {  // layer, RMS (from `axis` on), instance and group
  std::int64_t axis = -1;
  float epsilon = 1e-5f;
  std::int64_t groups = 1;
};
struct LpNormalizationAttributes {
  std::int64_t axis = -1, p = 2;
};
struct AxesAttributes {
  std::vector<std::int64_t> axes;
};  // mean_variance_normalization
struct ConvTransposeAttributes {
  ConvAttributes window;
  std::vector<std::int64_t> output_padding, output_shape;
};
struct DepthAttributes {  // depth_to_space, space_to_depth
  std::int64_t block = 1;
  bool column_row_depth = false;
};
enum class ResizeMode { nearest, linear, cubic };
enum class ResizeCoordinates { half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric };
enum class ResizeRounding { prefer_floor, prefer_ceil, floor, ceil };
enum class ResizeAspect { stretch, not_larger, not_smaller };
struct ResizeAttributes {  // inputs: data, (unused), scales or none, sizes or none
  ResizeMode mode = ResizeMode::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  ResizeRounding rounding = ResizeRounding::prefer_floor;
  ResizeAspect aspect = ResizeAspect::stretch;
  float cubic = -0.75f;
  bool exclude_outside = false, antialias = false;
  std::vector<std::int64_t> axes;  // empty: all
};
struct LinearAttributes {  // quantize_linear, dequantize_linear
  std::int64_t axis = 1, block = 0;
  bool typed = false;  // false: of the zero point's type, uint8 without one
  ElementType type = ElementType::u8;
};
struct AttentionAttributes {
  bool causal = false;
  std::int64_t query_heads = 0, key_heads = 0;  // 0: the inputs have four axes
  float scale = 0;                              // 0: one over the square root of the width of a head
  float softcap = 0;                            // 0: none
  std::int64_t product_output = 0;              // which stage of the products the fourth output gives
};
struct RotaryAttributes {
  bool interleaved = false;
  std::int64_t heads = 0, width = 0;  // 0: the input has four axes; all of the head is turned
};

using number::Granularity;

/// fake_quantize: inputs x float32, scales float32 [1], [channels] or [channels, groups]; output decode(encode(x)).
/// dequantize: inputs packed codes u8 [bytes] in the row-major order of `shape`, scales as above; output float32
/// `shape`.
struct QuantizeAttributes {
  number::Format format;
  number::Ties ties = number::Ties::away;
  Granularity granularity = Granularity::tensor;
  std::int64_t axis = 0, group_size = 0;
  std::vector<std::int64_t> shape;  // dequantize only
};

using Attributes =
    std::variant<NoAttributes, ConvAttributes, PoolAttributes, GemmAttributes, BatchNormalizationAttributes,
                 AxisAttributes, CastAttributes, ScalarAttributes, TransposeAttributes, ReduceAttributes, PadAttributes,
                 ShapeAttributes, ReshapeAttributes, ConstantOfShapeAttributes, LrnAttributes, ModAttributes,
                 QuantizeAttributes, ArgAttributes, TopKAttributes, CumSumAttributes, TriluAttributes,
                 ScatterAttributes, GatherNdAttributes, EinsumAttributes, EyeLikeAttributes, IsInfAttributes,
                 BitShiftAttributes, GeluAttributes, NormalizationAttributes, LpNormalizationAttributes, AxesAttributes,
                 ConvTransposeAttributes, DepthAttributes, ResizeAttributes, LinearAttributes, AttentionAttributes,
                 RotaryAttributes>;

/// Operators whose ONNX form moved attributes to inputs over the opsets are held in the newest form: axes, pads, slice
/// bounds, clip limits and split sizes are inputs (constants where they were attributes). Beyond that, a Model that was
/// read has: Split always with its sizes, Pad with pads of every axis (where they are constants), Softmax over one
/// axis, no Dropout.
struct Node {
  std::string name;  // distinct within the model; made up where the file has none
  Op op = Op::identity;
  Attributes attributes;
  std::vector<ValueId> inputs;   // no_value where an optional input is absent
  std::vector<ValueId> outputs;  // no_value where an optional output is not wanted

  template <typename T>
  const T& as() const {
    return std::get<T>(attributes);
  }
};

struct Model {
  std::string name;
  std::string hash;                      // content hash of the file
  std::vector<Value> values;             // names are distinct
  std::vector<Node> nodes;               // topological order
  std::vector<ValueId> inputs, outputs;  // inputs leave out constants

  const Value& value(ValueId id) const { return values[static_cast<std::size_t>(id)]; }
  Value& value(ValueId id) { return values[static_cast<std::size_t>(id)]; }
  /// The value of that name, or no_value. Linear in the number of values.
  ValueId find(const std::string& value_name) const;
  ValueId add_value(Value value);
  ValueId add_constant(std::string value_name, Tensor tensor);
  /// Nodes that read each value, by ValueId.
  std::vector<std::vector<std::size_t>> readers() const;
};

}  // namespace pare::model
