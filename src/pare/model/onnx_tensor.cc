#include "pare/model/onnx_tensor.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>

#include "pare/base/error.h"
#include "pare/base/file.h"

namespace pare::model {
namespace {

using Proto = onnx::TensorProto;

constexpr struct {
  int onnx;
  ElementType type;
} type_pairs[] = {
    {Proto::FLOAT, ElementType::f32},     {Proto::DOUBLE, ElementType::f64}, {Proto::FLOAT16, ElementType::f16},
    {Proto::BFLOAT16, ElementType::bf16}, {Proto::INT8, ElementType::i8},    {Proto::UINT8, ElementType::u8},
    {Proto::INT16, ElementType::i16},     {Proto::UINT16, ElementType::u16}, {Proto::INT32, ElementType::i32},
    {Proto::UINT32, ElementType::u32},    {Proto::INT64, ElementType::i64},  {Proto::UINT64, ElementType::u64},
    {Proto::BOOL, ElementType::boolean}};

/// The proto's typed list as elements of T, each checked to fit.
template <typename T, typename List>
void copy_list(const List& list, Tensor& tensor, const std::string& where) {
  if (static_cast<std::size_t>(list.size()) != tensor.bytes.size() / sizeof(T))
    throw Error(fmt::format("holds {} numbers where its shape needs {}", list.size(), tensor.bytes.size() / sizeof(T)),
                where, "the file is damaged");
  T* out = tensor.data<T>();
  for (const auto number : list) {
    if constexpr (std::is_integral_v<T>)
      if (number < static_cast<decltype(number)>(std::numeric_limits<T>::min()) ||
          number > static_cast<decltype(number)>(std::numeric_limits<T>::max()))
        throw Error(fmt::format("holds {}, which does not fit its type {}", number, name(tensor.type)), where,
                    "the file is damaged");
    *out++ = static_cast<T>(number);
  }
}

void copy_typed_list(const Proto& proto, Tensor& tensor, const std::string& where) {
  switch (tensor.type) {
    case ElementType::f32: return copy_list<float>(proto.float_data(), tensor, where);
    case ElementType::f64: return copy_list<double>(proto.double_data(), tensor, where);
    case ElementType::i64: return copy_list<std::int64_t>(proto.int64_data(), tensor, where);
    case ElementType::u64: return copy_list<std::uint64_t>(proto.uint64_data(), tensor, where);
    case ElementType::u32: return copy_list<std::uint32_t>(proto.uint64_data(), tensor, where);
    case ElementType::i32: return copy_list<std::int32_t>(proto.int32_data(), tensor, where);
    case ElementType::i16: return copy_list<std::int16_t>(proto.int32_data(), tensor, where);
    case ElementType::i8: return copy_list<std::int8_t>(proto.int32_data(), tensor, where);
    case ElementType::f16:
    case ElementType::bf16:
    case ElementType::u16: return copy_list<std::uint16_t>(proto.int32_data(), tensor, where);
    case ElementType::boolean:
    case ElementType::u8: return copy_list<std::uint8_t>(proto.int32_data(), tensor, where);
  }
}

std::uint64_t parse_offset(const std::string& text, const char* key, const std::string& where) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(fmt::format("the {} of its external data is '{}', no number", key, printable(text)), where);
  return number;
}

/// The file that `location` names, which must lie in the model's folder or below, also after following links.
std::filesystem::path inside(const std::filesystem::path& folder, const std::string& location,
                             const std::string& where) {
  namespace fs = std::filesystem;
  const fs::path relative(location);
  bool leaves = location.empty() || relative.is_absolute() || location.find('\0') != std::string::npos;
  for (const fs::path& part : relative) leaves = leaves || part == "..";
  std::error_code error;
  if (!leaves) {
    const fs::path root = fs::weakly_canonical(folder, error);
    const fs::path target = fs::weakly_canonical(folder / relative, error);
    leaves = error || target.lexically_relative(root).empty() || *target.lexically_relative(root).begin() == "..";
  }
  if (leaves)
    throw Error(fmt::format("its external data '{}' lies outside of the model's folder", printable(location)), where,
                "keep the data file beside the model");
  return folder / relative;
}

void read_external(const Proto& proto, Tensor& tensor, std::size_t bytes, const std::string& where,
                   ExternalData& external) {
  if (external.folder.empty()) throw Error("its data lies in another file", where, "read the model from its folder");
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = parse_offset(entry.value(), "offset", where);
    if (entry.key() == "length") length = parse_offset(entry.value(), "length", where);
  }
  const auto path = inside(external.folder, location, where);
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error || !std::filesystem::is_regular_file(path, error))
    throw Error(fmt::format("its external data '{}' cannot be read", printable(location)), where,
                "keep the data file beside the model");
  if (length && *length != bytes)
    throw Error(fmt::format("its external data has {} bytes where its shape needs {}", *length, bytes), where,
                "the file is damaged");
  if (offset > size || bytes > size - offset)
    throw Error(fmt::format("its external data '{}' ends too early", printable(location)), where,
                "the data file is cut or of another model");
  tensor.bytes.resize(bytes);
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(tensor.bytes.data()), static_cast<std::streamsize>(bytes));
  if (!file) throw Error(fmt::format("its external data '{}' cannot be read", printable(location)), where);
  external.hash = content_hash(external.hash + content_hash({reinterpret_cast<char*>(tensor.bytes.data()), bytes}));
}

}  // namespace

std::optional<ElementType> element_type(int onnx_type) {
  for (const auto& pair : type_pairs)
    if (pair.onnx == onnx_type) return pair.type;
  return std::nullopt;
}

int onnx_type(ElementType type) {
  for (const auto& pair : type_pairs)
    if (pair.type == type) return pair.onnx;
  return Proto::UNDEFINED;
}

Tensor read_tensor(const Proto& proto, const std::string& where, ExternalData& external) {
  const auto type = element_type(proto.data_type());
  if (!type)
    throw Error(
        fmt::format("its elements have type {}, which pare does not know",
                    onnx::TensorProto_DataType_Name(static_cast<onnx::TensorProto_DataType>(proto.data_type()))),
        where);
  if (proto.has_segment()) throw Error("it is stored in segments, which pare does not know", where);
  Tensor tensor{*type, {}, {}};
  std::int64_t elements = 1;
  for (const std::int64_t size : proto.dims()) {
    if (size < 0 || size > largest_dimension || __builtin_mul_overflow(elements, size, &elements) ||
        elements > most_elements)
      throw Error("its shape is negative or too large", where, "the file is damaged");
    tensor.shape.push_back(size);
  }
  const std::size_t bytes = static_cast<std::size_t>(elements) * element_bytes(*type);
  if (proto.data_location() == Proto::EXTERNAL) {
    read_external(proto, tensor, bytes, where, external);
  } else if (proto.has_raw_data()) {
    if (proto.raw_data().size() != bytes)
      throw Error(fmt::format("holds {} bytes where its shape needs {}", proto.raw_data().size(), bytes), where,
                  "the file is damaged");
    tensor.bytes.assign(proto.raw_data().begin(), proto.raw_data().end());
  } else {
    // counted before memory is taken: a list holds at least a byte a number, so this stays below the file's size
    const int listed = proto.float_data_size() + proto.int32_data_size() + proto.int64_data_size() +
                       proto.double_data_size() + proto.uint64_data_size();
    if (listed != elements)
      throw Error(fmt::format("holds {} numbers where its shape needs {}", listed, elements), where,
                  "the file is damaged");
    tensor.bytes.resize(bytes);
    copy_typed_list(proto, tensor, where);
  }
  if (tensor.type == ElementType::boolean)
    for (auto& byte : tensor.bytes) byte = byte != 0;
  return tensor;
}

void write_tensor(const Tensor& tensor, const std::string& tensor_name, Proto* proto) {
  proto->set_name(tensor_name);
  proto->set_data_type(onnx_type(tensor.type));
  for (const std::int64_t size : tensor.shape) proto->add_dims(size);
  proto->set_raw_data(tensor.bytes.data(), tensor.bytes.size());
}

}  // namespace pare::model
