#include "pare/cluster/float8.h"

namespace pare::cluster {
namespace {

void add_cast(std::vector<Operation>& to, Direction direction, std::int64_t elements, std::int64_t copies, int count,
              const Strategy& s) {
  if (s.scaling == Scaling::current)
    to.push_back({OperationKind::largest, direction, {elements, 1, 1, 1}, s.activations(), count});
  to.push_back({OperationKind::cast, direction, {elements, copies, 1, 1}, s.activations(), count});
}

}  // namespace

bool casts_weights_each_pass(const Strategy& s) { return s.zero == 3 && s.shards() > 1; }

std::vector<Operation> weight_casts(std::int64_t parameters, const Strategy& s) {
  std::vector<Operation> out;
  add_cast(out, Direction::weight, parameters, 2, 1, s);
  return out;
}

void add_casts(Casts& casts, const Operation& product, Shared shared, const Strategy& s) {
  if (product.precision != Precision::float8) return;
  const auto [rows, inner, columns, rest] = product.shape;
  const int count = product.count;
  const bool apart = s.sequence_parallel && s.tensor > 1;
  const auto transposed = [&](std::int64_t elements) {
    return Operation{OperationKind::transpose, Direction::weight, {elements, 1, 1, 1}, Precision::float8, count};
  };
  // what is gathered is rounded before and transposed behind
  if (apart && shared == Shared::gathered) {
    add_cast(casts.forward, Direction::forward, rows / s.tensor * inner, 1, count, s);
    casts.weight.push_back(transposed(rows * inner));
  } else {
    add_cast(casts.forward, Direction::forward, rows * inner, 2, count, s);
  }
  if (apart && shared == Shared::scattered) {
    add_cast(casts.backward, Direction::backward, rows / s.tensor * columns, 1, count, s);
    casts.weight.push_back(transposed(rows * columns));
  } else {
    add_cast(casts.backward, Direction::backward, rows * columns, 2, count, s);
  }
  if (!casts_weights_each_pass(s)) {
    casts.kept_parameters += static_cast<double>(inner * columns * count);
    return;
  }
  for (Operation o : weight_casts(inner * columns, s)) {
    o.count = count;
    casts.forward.push_back(o);
  }
}

}  // namespace pare::cluster
