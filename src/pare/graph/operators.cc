#include "pare/graph/operators.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/functions/basic_ops.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/base/parallel.h"

namespace pare::graph {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;
using Maybe = std::optional<at::Tensor>;

at::Tensor or_none(const Maybe& t) { return t.value_or(at::Tensor()); }
Maybe maybe(const at::Tensor& t) { return t.defined() ? Maybe(t) : std::nullopt; }

void keep(AutogradContext* context, const Matrix& a) { context->saved_data["matrix"] = c10::IValue::make_capsule(a); }
Matrix kept(AutogradContext* context) {
  return c10::static_intrusive_pointer_cast<Propagation>(context->saved_data["matrix"].toCapsule());
}

/// Gradients that cannot be differentiated once more: who tries is told so, where torch would take them for constants.
tensor_list differentiated_once(const auto& gradients) {
  tensor_list out;
  {
    const c10::NoGradGuard none;
    out = gradients();
  }
  if (!at::GradMode::is_enabled()) return out;  // nobody asks for more
  for (at::Tensor& t : out)
    if (t.defined()) t = t.detach().requires_grad_();
  const auto refuse = std::make_shared<torch::autograd::DelayedError>("pare's operators have no second derivatives",
                                                                      static_cast<std::int64_t>(out.size()));
  return (*refuse)(std::move(out));
}

const float* floats(const at::Tensor& t) { return t.defined() ? t.const_data_ptr<float>() : nullptr; }

/// Numbers as they lie in memory: a negative view is one in name only.
at::Tensor plain(const at::Tensor& x) { return x.resolve_neg().contiguous(); }

/// Rows whose elements lie together.
at::Tensor by_rows(const at::Tensor& x) { return x.size(1) <= 1 || x.stride(1) != 1 ? plain(x) : x.resolve_neg(); }

kernels::Float type_of(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat ? kernels::Float::float32 : kernels::Float::bfloat16;
}
kernels::Input input_of(const at::Tensor& x) {
  return {x.const_data_ptr(), x.size(1), x.size(0) > 1 ? x.stride(0) : x.size(1), type_of(x)};
}
kernels::Output output_of(const at::Tensor& y) { return {y.mutable_data_ptr(), y.size(1), y.size(1), type_of(y)}; }

void check(bool sound, const char* where, const std::string& what) {
  if (!sound) throw Error(what, where);
}
void check_features(const at::Tensor& x, std::int64_t rows, const char* where) {
  check(x.defined() && x.is_cpu() && x.dim() == 2, where, "features must be a matrix on the CPU");
  check(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16, where,
        "features must be float32 or bfloat16");
  check(x.numel() == 0 || x.storage().data(), where, "features must have values (this is a fake tensor)");
  check(x.size(0) == rows, where, fmt::format("{} rows of features where the matrix asks for {}", x.size(0), rows));
}
void check_vector(const at::Tensor& v, std::int64_t size, const char* where, const char* name) {
  check(!v.defined() || (v.is_cpu() && v.scalar_type() == at::kFloat && v.dim() == 1 && v.size(0) == size), where,
        fmt::format("{} must be {} float32 on the CPU", name, size));
}
std::int64_t check_edges(const Matrix& a, const at::Tensor& edge, const char* where) {
  check(edge.is_cpu() && edge.scalar_type() == at::kFloat && (edge.dim() == 1 || edge.dim() == 2) &&
            edge.size(0) == a->nonzeros(),
        where, fmt::format("edges must be [{}] or [{}, heads] float32 on the CPU", a->nonzeros(), a->nonzeros()));
  return edge.dim() == 2 ? edge.size(1) : 1;
}

/// Aᵀ or A times x, edge weights (of the edges of A) and scales where defined.
at::Tensor product(const Matrix& a, bool transposed, const at::Tensor& edge, const at::Tensor& row_scale,
                   const at::Tensor& column_scale, const at::Tensor& given) {
  const at::Tensor x = by_rows(given);
  at::Tensor y = at::empty({transposed ? a->columns() : a->rows(), x.size(1)}, x.options());
  at::Tensor weights;
  if (edge.defined()) weights = transposed ? edge.index_select(0, a->source()) : plain(edge);
  kernels::Weights w{floats(weights), edge.defined() && edge.dim() == 2 ? static_cast<int>(edge.size(1)) : 1,
                     floats(column_scale)};
  kernels::Epilogue epilogue;
  epilogue.row_scale = floats(row_scale);
  a->aggregate(transposed, w, kernels::Reduce::sum, input_of(x), epilogue, output_of(y));
  return y;
}

at::Tensor dots(const Matrix& a, const at::Tensor& u, const at::Tensor& v, std::int64_t heads) {
  const at::Tensor uf = by_rows(u.to(at::kFloat)), vf = by_rows(v.to(at::kFloat));
  at::Tensor out = at::empty({a->nonzeros(), heads}, at::kFloat);
  kernels::edge_dots(a->matrix().view(), input_of(uf), input_of(vf), static_cast<int>(heads), out.data_ptr<float>());
  return out;
}

at::Tensor scaled(const at::Tensor& x, const at::Tensor& scale) {
  return scale.defined() ? x.to(at::kFloat) * scale.unsqueeze(1) : x;
}

class Sum : public torch::autograd::Function<Sum> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const Maybe& edge, const Maybe& own,
                            const Maybe& self, const Maybe& bias, const Matrix& a, const Maybe& row_scale,
                            const Maybe& column_scale, bool relu) {
    const at::Tensor x = by_rows(given), weights = edge ? plain(*edge) : at::Tensor();
    const at::Tensor rows = row_scale ? plain(*row_scale) : at::Tensor();
    const at::Tensor columns = column_scale ? plain(*column_scale) : at::Tensor();
    const at::Tensor added = own ? by_rows(*own) : at::Tensor(), offset = bias ? plain(*bias) : at::Tensor();
    at::Tensor y = at::empty({a->rows(), x.size(1)}, x.options());
    kernels::Epilogue epilogue;
    epilogue.row_scale = floats(rows);
    if (own) {
      epilogue.self = self ? self->item<float>() : 1;
      epilogue.own = input_of(added);
    }
    epilogue.bias = floats(offset);
    epilogue.relu = relu;
    const int heads = edge && edge->dim() == 2 ? static_cast<int>(edge->size(1)) : 1;
    a->aggregate(false, {floats(weights), heads, floats(columns)}, kernels::Reduce::sum, input_of(x), epilogue,
                 output_of(y));

    const auto differentiated = [](const Maybe& t) { return t && t->requires_grad(); };
    const bool for_edge = differentiated(edge), for_self = differentiated(self);
    context->save_for_backward({for_edge ? x : at::Tensor(), weights, for_self ? added : at::Tensor(), or_none(self),
                                relu ? y : at::Tensor(), rows, columns});
    keep(context, a);
    const bool wanted[] = {given.requires_grad(), for_edge, differentiated(own), for_self, differentiated(bias)};
    for (std::size_t i = 0; i < std::size(wanted); ++i) context->saved_data[fmt::format("wants {}", i)] = wanted[i];
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    return differentiated_once([&]() -> tensor_list {
      const auto saved = context->get_saved_variables();
      const at::Tensor &x = saved[0], &edge = saved[1], &own = saved[2], &self = saved[3], &y = saved[4],
                       &rows = saved[5], &columns = saved[6];
      const Matrix a = kept(context);
      const auto wants = [&](int i) { return context->saved_data[fmt::format("wants {}", i)].toBool(); };
      at::Tensor g = by_rows(gradients[0]);
      if (y.defined()) g = by_rows(at::threshold_backward(g, y, 0));
      tensor_list out(9);
      if (wants(0)) out[0] = product(a, true, edge, columns, rows, g);
      if (wants(1))
        out[1] = dots(a, scaled(g, rows), scaled(x, columns), edge.dim() == 2 ? edge.size(1) : 1).reshape(edge.sizes());
      if (wants(2)) out[2] = self.defined() ? (g * self.reshape({})).to(g.scalar_type()) : g;
      if (wants(3)) out[3] = (g.to(at::kFloat) * own.to(at::kFloat)).sum().reshape(self.sizes());
      if (wants(4)) out[4] = g.sum({0}, false, at::kFloat);
      return out;
    });
  }
};

/// x[winner's column] += g, for blocks of features that no two threads share.
at::Tensor scatter_to_winners(const Matrix& a, const at::Tensor& g, const at::Tensor& winner) {
  const at::Tensor gf = plain(g.to(at::kFloat));
  at::Tensor out = at::zeros({a->columns(), g.size(1)}, at::kFloat);
  const float* from = gf.data_ptr<float>();
  float* to = out.data_ptr<float>();
  const auto* won = winner.data_ptr<std::int64_t>();
  const auto& column = a->matrix().column;
  const std::int64_t width = g.size(1);
  constexpr std::int64_t block = 16;
  parallel_for(static_cast<std::size_t>((width + block - 1) / block), [&](std::size_t b) {
    const std::int64_t first = static_cast<std::int64_t>(b) * block, last = std::min(width, first + block);
    for (std::int64_t r = 0; r < a->rows(); ++r)
      for (std::int64_t f = first; f < last; ++f)
        if (const std::int64_t e = won[r * width + f]; e >= 0) to[column[e] * width + f] += from[r * width + f];
  });
  return out.to(g.scalar_type());
}

class Max : public torch::autograd::Function<Max> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const Matrix& a) {
    const at::Tensor x = by_rows(given);
    at::Tensor y = at::empty({a->rows(), x.size(1)}, x.options());
    at::Tensor winner = given.requires_grad() ? at::empty({a->rows(), x.size(1)}, at::kLong) : at::Tensor();
    a->aggregate(false, {}, kernels::Reduce::max, input_of(x), {}, output_of(y),
                 winner.defined() ? winner.data_ptr<std::int64_t>() : nullptr);
    context->save_for_backward({winner});
    keep(context, a);
    return y;
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    return differentiated_once([&]() -> tensor_list {
      const at::Tensor winner = context->get_saved_variables()[0];
      return {scatter_to_winners(kept(context), gradients[0], winner), at::Tensor()};
    });
  }
};

class Dots : public torch::autograd::Function<Dots> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& u, const at::Tensor& v, const Matrix& a,
                            std::int64_t heads) {
    context->save_for_backward({u, v});
    keep(context, a);
    return dots(a, u, v, heads);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    return differentiated_once([&]() -> tensor_list {
      const auto saved = context->get_saved_variables();
      const at::Tensor &u = saved[0], &v = saved[1], g = plain(gradients[0]);
      const Matrix a = kept(context);
      return {product(a, false, g, {}, {}, v), product(a, true, g, {}, {}, u), at::Tensor(), at::Tensor()};
    });
  }
};

/// Calls work(first row, one past the last) for runs of rows, on all threads.
void over_rows(std::int64_t rows, const std::function<void(std::int64_t, std::int64_t)>& work) {
  constexpr std::int64_t run = 1024;
  parallel_for(static_cast<std::size_t>((rows + run - 1) / run), [&](std::size_t i) {
    const std::int64_t first = static_cast<std::int64_t>(i) * run;
    work(first, std::min(rows, first + run));
  });
}

/// out[r, h] = the sum over the edges of row r of g[source of the edge, h].
at::Tensor sum_edges(const Adjacency& a, const std::int64_t* source, const at::Tensor& g) {
  const std::int64_t heads = g.size(1);
  at::Tensor out = at::zeros({a.rows(), heads}, at::kFloat);
  const float* from = g.data_ptr<float>();
  float* to = out.data_ptr<float>();
  over_rows(a.rows(), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r)
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
        for (std::int64_t h = 0; h < heads; ++h) to[r * heads + h] += from[(source ? source[e] : e) * heads + h];
  });
  return out;
}

class Sums : public torch::autograd::Function<Sums> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& by_row, const at::Tensor& by_column,
                            const Matrix& a) {
    const at::Tensor s = plain(by_row), t = plain(by_column);
    const std::int64_t heads = s.size(1);
    at::Tensor out = at::empty({a->nonzeros(), heads}, at::kFloat);
    const float *of_row = s.const_data_ptr<float>(), *of_column = t.const_data_ptr<float>();
    float* to = out.data_ptr<float>();
    const Adjacency& m = a->matrix();
    over_rows(m.rows(), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r)
        for (std::int64_t e = m.begin[r]; e < m.begin[r + 1]; ++e)
          for (std::int64_t h = 0; h < heads; ++h)
            to[e * heads + h] = of_row[r * heads + h] + of_column[m.column[e] * heads + h];
    });
    keep(context, a);
    return out;
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    return differentiated_once([&]() -> tensor_list {
      const Matrix a = kept(context);
      const at::Tensor g = plain(gradients[0]);
      return {sum_edges(a->matrix(), nullptr, g),
              sum_edges(a->transposed(), a->source().const_data_ptr<std::int64_t>(), g), at::Tensor()};
    });
  }
};

class Softmax : public torch::autograd::Function<Softmax> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& score, const Matrix& a) {
    const at::Tensor in = plain(score);
    at::Tensor p = at::empty_like(in);
    kernels::edge_softmax(a->matrix().view(), in.const_data_ptr<float>(), heads_of(in), p.data_ptr<float>());
    context->save_for_backward({p});
    keep(context, a);
    return p;
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    return differentiated_once([&]() -> tensor_list {
      const at::Tensor p = context->get_saved_variables()[0], g = plain(gradients[0]);
      at::Tensor out = at::empty_like(g);
      kernels::edge_softmax_gradient(kept(context)->matrix().view(), p.const_data_ptr<float>(),
                                     g.const_data_ptr<float>(), heads_of(p), out.data_ptr<float>());
      return {out, at::Tensor()};
    });
  }

 private:
  static int heads_of(const at::Tensor& t) { return t.dim() == 2 ? static_cast<int>(t.size(1)) : 1; }
};

}  // namespace

at::Tensor aggregate_sum(const Matrix& a, const at::Tensor& x, const SumOptions& o) {
  constexpr const char* where = "aggregate_sum";
  check_features(x, a->columns(), where);
  if (o.edge.defined()) {
    const std::int64_t heads = check_edges(a, o.edge, where);
    check(heads >= 1 && x.size(1) % heads == 0, where,
          fmt::format("{} heads do not divide a width of {}", heads, x.size(1)));
  }
  check_vector(o.row_scale, a->rows(), where, "row_scale");
  check_vector(o.column_scale, a->columns(), where, "column_scale");
  check_vector(o.bias, x.size(1), where, "bias");
  if (o.own.defined()) {
    check_features(o.own, a->rows(), where);
    check(o.own.size(1) == x.size(1) && o.own.scalar_type() == x.scalar_type(), where,
          "own features must have the width and type of the others");
  }
  check(!o.self.defined() || (o.own.defined() && o.self.numel() == 1 && o.self.scalar_type() == at::kFloat), where,
        "self must be one float32, and goes with own features");
  check(!(o.row_scale.defined() && o.row_scale.requires_grad()) &&
            !(o.column_scale.defined() && o.column_scale.requires_grad()),
        where, "scales are not differentiated: give edge weights instead");
  return Sum::apply(x, maybe(o.edge), maybe(o.own), maybe(o.self), maybe(o.bias), a, maybe(o.row_scale),
                    maybe(o.column_scale), o.relu);
}

at::Tensor aggregate_mean(const Matrix& a, const at::Tensor& x, SumOptions options) {
  check(!options.row_scale.defined(), "aggregate_mean", "has no row scale: it is one");
  options.row_scale = a->inverse_degrees();
  return aggregate_sum(a, x, options);
}

at::Tensor aggregate_max(const Matrix& a, const at::Tensor& x) {
  check_features(x, a->columns(), "aggregate_max");
  return Max::apply(x, a);
}

at::Tensor edge_dots(const Matrix& a, const at::Tensor& u, const at::Tensor& v, std::int64_t heads) {
  constexpr const char* where = "edge_dots";
  check_features(u, a->rows(), where);
  check_features(v, a->columns(), where);
  check(u.size(1) == v.size(1) && u.scalar_type() == v.scalar_type(), where, "u and v must have one width and type");
  check(heads >= 1 && u.size(1) % heads == 0, where,
        fmt::format("{} heads do not divide a width of {}", heads, u.size(1)));
  return Dots::apply(u, v, a, heads);
}

at::Tensor edge_sums(const Matrix& a, const at::Tensor& by_row, const at::Tensor& by_column) {
  constexpr const char* where = "edge_sums";
  check_features(by_row, a->rows(), where);
  check_features(by_column, a->columns(), where);
  check(by_row.scalar_type() == at::kFloat && by_column.scalar_type() == at::kFloat &&
            by_row.size(1) == by_column.size(1),
        where, "both sides must be float32 and have as many heads");
  return Sums::apply(by_row, by_column, a);
}

at::Tensor edge_softmax(const Matrix& a, const at::Tensor& score) {
  check_edges(a, score, "edge_softmax");
  return Softmax::apply(score, a);
}

}  // namespace pare::graph
