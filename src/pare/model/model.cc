#include "pare/model/model.h"

#include <cassert>
#include <cstring>

namespace pare::model {
namespace {

struct TypeFacts {
  const char* name;
  std::size_t bytes;
};
constexpr TypeFacts types[] = {{"float32", 4}, {"float64", 8}, {"float16", 2}, {"bfloat16", 2}, {"int8", 1},
                               {"uint8", 1},   {"int16", 2},   {"uint16", 2},  {"int32", 4},    {"uint32", 4},
                               {"int64", 8},   {"uint64", 8},  {"bool", 1}};
static_assert(std::size(types) == static_cast<std::size_t>(ElementType::boolean) + 1);

// In the order of the enum.
constexpr const char* op_names[] = {"Abs",
                                    "Acos",
                                    "Acosh",
                                    "Add",
                                    "And",
                                    "ArgMax",
                                    "ArgMin",
                                    "Asin",
                                    "Asinh",
                                    "Atan",
                                    "Atanh",
                                    "Attention",
                                    "AveragePool",
                                    "BatchNormalization",
                                    "BitShift",
                                    "BitwiseAnd",
                                    "BitwiseNot",
                                    "BitwiseOr",
                                    "BitwiseXor",
                                    "Cast",
                                    "CastLike",
                                    "Ceil",
                                    "Celu",
                                    "Clip",
                                    "Concat",
                                    "ConstantOfShape",
                                    "Conv",
                                    "ConvInteger",
                                    "ConvTranspose",
                                    "Cos",
                                    "Cosh",
                                    "CumSum",
                                    "DepthToSpace",
                                    "DequantizeLinear",
                                    "Div",
                                    "Dropout",
                                    "DynamicQuantizeLinear",
                                    "Einsum",
                                    "Elu",
                                    "Equal",
                                    "Erf",
                                    "Exp",
                                    "Expand",
                                    "EyeLike",
                                    "Flatten",
                                    "Floor",
                                    "Gather",
                                    "GatherElements",
                                    "GatherND",
                                    "Gelu",
                                    "Gemm",
                                    "GlobalAveragePool",
                                    "GlobalMaxPool",
                                    "Greater",
                                    "GreaterOrEqual",
                                    "GroupNormalization",
                                    "Hardmax",
                                    "HardSigmoid",
                                    "HardSwish",
                                    "Identity",
                                    "InstanceNormalization",
                                    "IsInf",
                                    "IsNaN",
                                    "LayerNormalization",
                                    "LeakyRelu",
                                    "Less",
                                    "LessOrEqual",
                                    "Log",
                                    "LogSoftmax",
                                    "LpNormalization",
                                    "LRN",
                                    "MatMul",
                                    "MatMulInteger",
                                    "Max",
                                    "MaxPool",
                                    "Mean",
                                    "MeanVarianceNormalization",
                                    "Min",
                                    "Mish",
                                    "Mod",
                                    "Mul",
                                    "Neg",
                                    "NonZero",
                                    "Not",
                                    "OneHot",
                                    "Or",
                                    "Pad",
                                    "Pow",
                                    "PRelu",
                                    "QLinearConv",
                                    "QLinearMatMul",
                                    "QuantizeLinear",
                                    "Range",
                                    "Reciprocal",
                                    "ReduceL1",
                                    "ReduceL2",
                                    "ReduceLogSum",
                                    "ReduceLogSumExp",
                                    "ReduceMax",
                                    "ReduceMean",
                                    "ReduceMin",
                                    "ReduceProd",
                                    "ReduceSum",
                                    "ReduceSumSquare",
                                    "Relu",
                                    "Reshape",
                                    "Resize",
                                    "RMSNormalization",
                                    "RotaryEmbedding",
                                    "Round",
                                    "ScatterElements",
                                    "ScatterND",
                                    "Selu",
                                    "Shape",
                                    "Shrink",
                                    "Sigmoid",
                                    "Sign",
                                    "Sin",
                                    "Sinh",
                                    "Size",
                                    "Slice",
                                    "Softmax",
                                    "Softplus",
                                    "Softsign",
                                    "SpaceToDepth",
                                    "Split",
                                    "Sqrt",
                                    "Squeeze",
                                    "Sub",
                                    "Sum",
                                    "Tan",
                                    "Tanh",
                                    "ThresholdedRelu",
                                    "Tile",
                                    "TopK",
                                    "Transpose",
                                    "Trilu",
                                    "Unsqueeze",
                                    "Where",
                                    "Xor",
                                    "FakeQuantize",
                                    "Dequantize",
                                    "Linear",
                                    "Silu",
                                    "ProductAttention"};
static_assert(std::size(op_names) == op_count);

template <typename T>
Tensor make(ElementType type, std::vector<std::int64_t> shape, const std::vector<T>& values) {
  Tensor tensor{type, std::move(shape), {}};
  assert(tensor.elements() == values.size());
  tensor.bytes.resize(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

}  // namespace

std::size_t element_bytes(ElementType type) { return types[static_cast<std::size_t>(type)].bytes; }
const char* name(ElementType type) { return types[static_cast<std::size_t>(type)].name; }
const char* name(Op op) { return op_names[static_cast<std::size_t>(op)]; }

std::size_t Tensor::elements() const {
  std::size_t product = 1;
  for (const std::int64_t size : shape) product *= static_cast<std::size_t>(size);
  return product;
}

std::vector<std::int64_t> Tensor::integers() const {
  assert(type == ElementType::i32 || type == ElementType::i64);
  if (type == ElementType::i64) return {data<std::int64_t>(), data<std::int64_t>() + elements()};
  return {data<std::int32_t>(), data<std::int32_t>() + elements()};
}

Tensor Tensor::f32(std::vector<std::int64_t> shape, const std::vector<float>& values) {
  return make(ElementType::f32, std::move(shape), values);
}

Tensor Tensor::i64(std::vector<std::int64_t> shape, const std::vector<std::int64_t>& values) {
  return make(ElementType::i64, std::move(shape), values);
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const Dimension& dimension : shape) {
    if (text.size() > 1) text += ", ";
    text += dimension.known() ? std::to_string(dimension.size) : dimension.symbol.empty() ? "?" : dimension.symbol;
  }
  return text + "]";
}

ValueId Model::find(const std::string& value_name) const {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i].name == value_name) return static_cast<ValueId>(i);
  return no_value;
}

ValueId Model::add_value(Value value) {
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Model::add_constant(std::string value_name, Tensor tensor) {
  Value value{.name = std::move(value_name), .type = tensor.type, .shape = {}, .shape_known = true};
  for (const std::int64_t size : tensor.shape) value.shape.push_back({size, {}});
  value.constant = std::make_shared<const Tensor>(std::move(tensor));
  return add_value(std::move(value));
}

std::vector<std::vector<std::size_t>> Model::readers() const {
  std::vector<std::vector<std::size_t>> by_value(values.size());
  for (std::size_t n = 0; n < nodes.size(); ++n)
    for (const ValueId id : nodes[n].inputs)
      if (id != no_value) {
        auto& list = by_value[static_cast<std::size_t>(id)];
        if (list.empty() || list.back() != n) list.push_back(n);  // a node that reads it twice is one reader
      }
  return by_value;
}

}  // namespace pare::model
