#include "pare/runtime/open_batch.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include "pare/model/open_batch.h"
#include "pare/runtime/executor.h"
#include "pare/runtime/tensors.h"

namespace pare::runtime {
namespace {

using Tensors = std::vector<at::Tensor>;

/// Numbers from -1 to 1, or 0 and 1 for what counts or asks.
Tensors random_inputs(const model::Model& model, std::int64_t samples) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  Tensors inputs;
  for (const model::ValueId id : model.inputs) {
    const model::Value& value = model.value(id);
    std::vector<std::int64_t> sizes{samples};
    for (std::size_t d = 1; d < value.shape.size(); ++d) sizes.push_back(value.shape[d].size);
    const auto type = torch_type(value.type);
    inputs.push_back(at::isFloatingType(type) ? (2 * at::rand(sizes, generator) - 1).to(type)
                                              : at::randint(2, sizes, generator).to(type));
  }
  return inputs;
}

Tensors rows(const Tensors& all, std::int64_t begin, std::int64_t count) {
  Tensors out;
  for (const at::Tensor& x : all) out.push_back(x.narrow(0, begin, count));
  return out;
}

bool alike(const Tensors& a, const Tensors& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].sizes() != b[i].sizes() || !at::allclose(a[i].to(at::kDouble), b[i].to(at::kDouble), 1e-3, 1e-4))
      return false;
  return true;
}

/// Of a single sample another is run too, of several one alone.
bool same(const model::Model& model, const model::Model& open, std::int64_t batch) {
  const c10::NoGradGuard no_gradients;
  const std::int64_t samples = batch == 1 ? 2 : 1;
  const Tensors inputs = random_inputs(model, std::max(batch, samples));
  const Executor fixed(model), opened(open);
  const Tensors all = opened.run(rows(inputs, 0, samples));
  const Tensors first = fixed.run(rows(inputs, 0, batch));
  if (batch > 1) return alike(all, rows(first, 0, 1));
  return alike(rows(all, 0, 1), first) && alike(rows(all, 1, 1), fixed.run(rows(inputs, 1, 1)));
}

}  // namespace

model::Model open_batch(model::Model model) {
  for (const model::ValueId id : model.inputs)
    for (std::size_t d = 1; d < model.value(id).shape.size(); ++d)
      if (!model.value(id).shape[d].known()) return model;
  auto open = model::with_open_batch(model);
  if (!open) return model;
  try {
    return same(model, *open, *model::fixed_batch(model)) ? std::move(*open) : std::move(model);
  } catch (const std::exception&) {  // whatever an operator says of sizes that do not fit
    return model;
  }
}

}  // namespace pare::runtime
