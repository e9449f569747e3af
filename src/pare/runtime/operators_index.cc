// Operators that pick, scatter, sort, repeat or count elements.
#include <ATen/ATen.h>

#include "pare/base/error.h"
#include "pare/runtime/operators.h"
#include "pare/runtime/tensors.h"

namespace pare::runtime {
namespace {

using model::Node;
using model::Op;
using model::Reduction;

/// Indices that count from the end made positive; torch takes int64 only.
at::Tensor from_start(const at::Tensor& indices, std::int64_t size) {
  const at::Tensor i = indices.to(at::kLong);
  return at::where(i < 0, i + size, i);
}

/// Rows of indices into the first axes of `data` as positions in those axes made one: [..., n] -> [...].
at::Tensor flat_positions(const at::Tensor& data, const at::Tensor& indices) {
  at::Tensor flat = at::zeros(indices.sizes().slice(0, static_cast<std::size_t>(indices.dim() - 1)), at::kLong);
  for (std::int64_t d = 0; d < indices.size(-1); ++d) {
    const at::Tensor i = from_start(indices.select(-1, d), data.size(d));
    if (i.numel() > 0 && (i.min().item<std::int64_t>() < 0 || i.max().item<std::int64_t>() >= data.size(d)))
      throw Error("an index lies outside its data", "runtime");
    flat = flat * data.size(d) + i;
  }
  return flat;
}

/// The first `axes` axes of `data` made one, the others another: [positions, rest].
at::Tensor as_rows(const at::Tensor& data, std::int64_t axes) {
  std::int64_t positions = 1;
  for (std::int64_t d = 0; d < axes; ++d) positions *= data.size(d);
  return data.reshape({positions, positions == 0 ? 0 : data.numel() / positions});
}

at::Tensor gather_nd(const Node& node, const Tensors& in) {
  const std::int64_t batch = node.as<model::GatherNdAttributes>().batch_dims;
  at::Tensor indices = in[1].to(at::kLong);
  for (std::int64_t b = batch; b-- > 0;) {  // the place in a batch axis is an index too
    std::vector<std::int64_t> shape(static_cast<std::size_t>(indices.dim()), 1);
    shape[static_cast<std::size_t>(b)] = indices.size(b);
    std::vector<std::int64_t> whole = indices.sizes().vec();
    whole.back() = 1;
    const at::Tensor place = at::arange(indices.size(b)).reshape(shape).expand(whole);
    indices = at::cat({place, indices}, -1);
  }
  const std::int64_t axes = indices.size(-1);
  std::vector<std::int64_t> shape(indices.sizes().begin(), indices.sizes().end() - 1);
  shape.insert(shape.end(), in[0].sizes().begin() + axes, in[0].sizes().end());
  const at::Tensor flat = flat_positions(in[0], indices);
  return at::index_select(as_rows(in[0], axes), 0, flat.reshape({-1})).reshape(shape);
}

at::Tensor scattered(const at::Tensor& data, std::int64_t axis, const at::Tensor& indices, const at::Tensor& updates,
                     Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return at::scatter(data, axis, indices, updates);
    case Reduction::add: return at::scatter_add(data, axis, indices, updates);
    case Reduction::mul: return at::scatter_reduce(data, axis, indices, updates, "prod");
    case Reduction::max: return at::scatter_reduce(data, axis, indices, updates, "amax");
    case Reduction::min: return at::scatter_reduce(data, axis, indices, updates, "amin");
  }
  throw Error("unknown reduction", "runtime");
}

at::Tensor scatter_elements(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::ScatterAttributes>();
  const std::int64_t axis = checked_axis(a.axis, in[0].dim());
  return scattered(in[0], axis, from_start(in[1], in[0].size(axis)), in[2], a.reduction);
}

at::Tensor scatter_nd(const Node& node, const Tensors& in) {
  if (in[2].numel() == 0) return in[0];
  const std::int64_t axes = in[1].size(-1);
  const at::Tensor rows = as_rows(in[0], axes);
  const at::Tensor flat = flat_positions(in[0], in[1]).reshape({-1, 1}).expand({-1, rows.size(1)});
  const at::Tensor updates = in[2].reshape({-1, rows.size(1)});
  return scattered(rows, 0, flat, updates, node.as<model::ScatterAttributes>().reduction).reshape(in[0].sizes());
}

at::Tensor one_hot(const Node& node, const Tensors& in) {
  const std::int64_t depth = in[1].to(at::kLong).reshape({}).item<std::int64_t>();
  const at::Tensor indices = from_start(in[0], depth);
  const std::int64_t rank = in[0].dim() + 1;
  const std::int64_t axis = checked_axis(node.as<model::AxisAttributes>().axis, rank);
  std::vector<std::int64_t> shape(static_cast<std::size_t>(rank), 1);
  shape[static_cast<std::size_t>(axis)] = depth;
  const at::Tensor hit = at::eq(indices.unsqueeze(axis), at::arange(depth).reshape(shape));
  return at::where(hit, in[2].select(0, 1), in[2].select(0, 0));
}

template <typename F>
Operator arg(F f) {
  return [f](const Node& node, const Tensors& in) {
    const auto& a = node.as<model::ArgAttributes>();
    const std::int64_t axis = checked_axis(a.axis, in[0].dim());
    if (!a.select_last) return Tensors{f(in[0], axis, a.keep_dims)};
    return Tensors{in[0].size(axis) - 1 - f(in[0].flip({axis}), axis, a.keep_dims)};
  };
}

Tensors top_k(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::TopKAttributes>();
  const std::int64_t axis = checked_axis(a.axis, in[0].dim()), k = integers(in[1]).at(0);
  auto [values, places] = at::sort(in[0], /*stable=*/true, axis, a.largest);  // of equals the first comes first
  return {values.narrow(axis, 0, k), places.narrow(axis, 0, k)};
}

at::Tensor cumsum(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::CumSumAttributes>();
  const std::int64_t axis = checked_axis(integers(in[1]).at(0), in[0].dim());
  const at::Tensor x = a.reverse ? in[0].flip({axis}) : in[0];
  at::Tensor sum = at::cumsum(x, axis, x.scalar_type());
  if (a.exclusive) sum = sum - x;
  return a.reverse ? sum.flip({axis}) : sum;
}

at::Tensor trilu(const Node& node, const Tensors& in) {
  const std::int64_t k = in.size() > 1 && in[1].defined() ? integers(in[1]).at(0) : 0;
  return node.as<model::TriluAttributes>().upper ? at::triu(in[0], k) : at::tril(in[0], k);
}

at::Tensor eye_like(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::EyeLikeAttributes>();
  at::Tensor out = at::zeros(in[0].sizes(), a.typed ? torch_type(a.type) : in[0].scalar_type());
  if (a.k < in[0].size(1) && -a.k < in[0].size(0)) at::diagonal(out, a.k).fill_(1);
  return out;
}

}  // namespace

void add_index_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::gather_elements, [](const Node& n, const Tensors& in) {
    const std::int64_t axis = checked_axis(n.as<model::AxisAttributes>().axis, in[0].dim());
    return Tensors{at::gather(in[0], axis, from_start(in[1], in[0].size(axis)))};
  });
  set(Op::gather_nd, [](const Node& n, const Tensors& in) { return Tensors{gather_nd(n, in)}; });
  set(Op::scatter_elements, [](const Node& n, const Tensors& in) { return Tensors{scatter_elements(n, in)}; });
  set(Op::scatter_nd, [](const Node& n, const Tensors& in) { return Tensors{scatter_nd(n, in)}; });
  set(Op::one_hot, [](const Node& n, const Tensors& in) { return Tensors{one_hot(n, in)}; });
  set(Op::arg_max, arg([](const auto& x, auto axis, bool keep) { return at::argmax(x, axis, keep); }));
  set(Op::arg_min, arg([](const auto& x, auto axis, bool keep) { return at::argmin(x, axis, keep); }));
  set(Op::top_k, top_k);
  set(Op::cumsum, [](const Node& n, const Tensors& in) { return Tensors{cumsum(n, in)}; });
  set(Op::trilu, [](const Node& n, const Tensors& in) { return Tensors{trilu(n, in)}; });
  set(Op::tile, [](const Node&, const Tensors& in) { return Tensors{in[0].repeat(integers(in[1]))}; });
  set(Op::non_zero, [](const Node&, const Tensors& in) { return Tensors{at::nonzero(in[0]).t()}; });
  set(Op::eye_like, [](const Node& n, const Tensors& in) { return Tensors{eye_like(n, in)}; });
  set(Op::size, [](const Node&, const Tensors& in) { return Tensors{at::scalar_tensor(in[0].numel(), at::kLong)}; });
  set(Op::einsum, [](const Node& n, const Tensors& in) {
    return Tensors{at::einsum(n.as<model::EinsumAttributes>().equation, in)};
  });
}

}  // namespace pare::runtime
