#include "pare/runtime/tensors.h"

#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>

#include <cstring>

#include "pare/base/error.h"

namespace pare::runtime {

using model::ElementType;

at::ScalarType torch_type(ElementType type) {
  switch (type) {
    case ElementType::f32: return at::kFloat;
    case ElementType::f64: return at::kDouble;
    case ElementType::f16: return at::kHalf;
    case ElementType::bf16: return at::kBFloat16;
    case ElementType::i8: return at::kChar;
    case ElementType::u8: return at::kByte;
    case ElementType::i16: return at::kShort;
    case ElementType::u16: return at::kUInt16;
    case ElementType::i32: return at::kInt;
    case ElementType::u32: return at::kUInt32;
    case ElementType::i64: return at::kLong;
    case ElementType::u64: return at::kUInt64;
    case ElementType::boolean: return at::kBool;
  }
  throw Error("unknown element type", "runtime");
}

ElementType model_type(at::ScalarType type) {
  for (int i = 0; i <= static_cast<int>(ElementType::boolean); ++i)
    if (torch_type(static_cast<ElementType>(i)) == type) return static_cast<ElementType>(i);
  throw Error(std::string("a network cannot hold elements of type ") + at::toString(type), "runtime");
}

at::Tensor as_torch(std::shared_ptr<const model::Tensor> constant) {
  // torch has no read-only tensors; nothing in this room writes to one that it did not make
  void* bytes = const_cast<std::uint8_t*>(constant->bytes.data());
  const auto options = at::TensorOptions().dtype(torch_type(constant->type));
  const auto shape = constant->shape;
  return at::from_blob(
      bytes, shape, [constant = std::move(constant)](void*) {}, options);
}

model::Tensor from_torch(const at::Tensor& tensor) {
  const at::Tensor whole = tensor.detach().contiguous();
  model::Tensor out{model_type(whole.scalar_type()), whole.sizes().vec(), {}};
  out.bytes.resize(whole.nbytes());
  if (!out.bytes.empty()) std::memcpy(out.bytes.data(), whole.data_ptr(), out.bytes.size());
  return out;
}

void rethrow_torch_error(const std::string& where) {
  try {
    throw;
  } catch (const c10::Error& error) {
    // torch appends its own stack; the first line says what is wrong
    const std::string text = error.what_without_backtrace();
    throw Error(printable(text.substr(0, text.find('\n')), 300), where);
  }
}

}  // namespace pare::runtime
