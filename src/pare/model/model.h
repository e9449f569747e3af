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
  add,
  average_pool,
  batch_normalization,
  cast,
  clip,
  concat,
  constant_of_shape,
  conv,
  div,
  dropout,
  elu,
  equal,
  erf,
  exp,
  expand,
  flatten,
  gather,
  gemm,
  global_average_pool,
  global_max_pool,
  greater,
  hard_sigmoid,
  hard_swish,
  identity,
  leaky_relu,
  less,
  log,
  log_softmax,
  lrn,
  matmul,
  max,
  max_pool,
  min,
  mod,
  mul,
  neg,
  pad,
  pow,
  prelu,
  range,
  reciprocal,
  reduce_max,
  reduce_mean,
  reduce_min,
  reduce_sum,
  relu,
  reshape,
  shape,
  sigmoid,
  slice,
  softmax,
  softplus,
  split,
  sqrt,
  squeeze,
  sub,
  tanh,
  transpose,
  unsqueeze,
  where,
  // pare's own
  fake_quantize,
  dequantize,
};

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
};  // concat, flatten, gather, softmax, log_softmax, split
struct CastAttributes {
  ElementType to = ElementType::f32;
};
struct ScalarAttributes {
  float alpha = 0, beta = 0;
};  // leaky_relu, elu (alpha); hard_sigmoid (alpha, beta)
struct TransposeAttributes {
  std::vector<std::int64_t> permutation;
};
struct ReduceAttributes {  // axes come as the second input; none means all, or none at all with noop_with_empty_axes
  bool keep_dims = true, noop_with_empty_axes = false;
};
enum class PadMode { constant, reflect, edge };
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
                 QuantizeAttributes>;

/// Operators whose ONNX form moved attributes to inputs over the opsets are held in the newest form: axes, pads, slice
/// bounds, clip limits and split sizes are inputs (constants where they were attributes). Beyond that, a Model that was
/// read has: Split always with its sizes, Pad with pads of every axis and no axes, Softmax over one axis, no Dropout.
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
