#include "pare/graph/prepared.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>

#include "pare/base/parallel.h"

namespace pare::graph {

std::string name_of(const KernelPlan& plan) {
  std::string name = name_of(plan.order);
  if (plan.window > 0) name += " by degree";
  if (plan.block > 0)
    name += fmt::format(" {}: {} + {}", plan.block, plan.intra == Intra::tile ? "tile" : "local",
                        plan.inter == Inter::rows ? "rows" : "coordinates");
  if (plan.copied) name += ", copied";
  if (plan.column_tiles > 1) name += fmt::format(", {} column tiles", plan.column_tiles);
  if (plan.prefetch > 0) name += fmt::format(", prefetch {}", plan.prefetch);
  if (plan.stream) name += ", streamed";
  return name;
}

LayoutKey layout_of(const KernelPlan& p) {
  return {p.order, p.window, p.block, p.intra, p.inter, p.column_tiles, p.copied};
}

namespace {

std::vector<std::int32_t> rows_in_order(const Adjacency& a, const std::vector<std::int32_t>* new_of, int window) {
  std::vector<std::int32_t> row_of(static_cast<std::size_t>(a.rows()));
  if (new_of)
    for (std::int32_t v = 0; v < a.rows(); ++v) row_of[(*new_of)[v]] = v;
  else
    std::iota(row_of.begin(), row_of.end(), 0);
  const auto degree = [&](std::int32_t v) { return a.begin[v + 1] - a.begin[v]; };
  for (std::size_t first = 0; window > 0 && first < row_of.size(); first += window) {
    const auto from = row_of.begin() + static_cast<std::ptrdiff_t>(first);
    const auto to = row_of.begin() + static_cast<std::ptrdiff_t>(std::min(row_of.size(), first + window));
    std::stable_sort(from, to, [&](std::int32_t x, std::int32_t y) { return degree(x) < degree(y); });
  }
  return row_of;
}

}  // namespace

Prepared::Prepared(const Adjacency& a, const std::vector<std::int32_t>* new_of, const LayoutKey& key)
    : a_(a), key_(key) {
  assert(key.block == 0 || (a.rows() == a.columns && key.block <= 256 && key.window == 0));
  assert(!key.copied || (a.rows() == a.columns && key.block == 0 && key.column_tiles == 1));
  untouched_ = !new_of && key.window == 0 && key.block == 0 && key.column_tiles == 1;
  if (new_of || key.window > 0) row_of_ = rows_in_order(a, new_of, key.window);
  if (!untouched_) fill();
  layouts_ = make_layouts();
}

void Prepared::fill() {
  const Adjacency& a = a_;
  const LayoutKey& key = key_;
  const std::int64_t rows = a.rows(), block = key.block;
  const auto row_at = [&](std::int64_t place) { return row_of_.empty() ? place : row_of_[place]; };
  std::vector<std::int32_t> place_of(static_cast<std::size_t>(block > 0 || key.copied ? rows : 0));
  for (std::int64_t p = 0; p < static_cast<std::int64_t>(place_of.size()); ++p)
    place_of[row_at(p)] = static_cast<std::int32_t>(p);

  inter_.resize(static_cast<std::size_t>(key.column_tiles));
  const std::int64_t tile_columns = (a.columns + key.column_tiles - 1) / std::max(key.column_tiles, 1);
  const bool coordinates = key.inter == Inter::coordinates;
  for (Part& part : inter_) part.begin.push_back(0);
  if (key.intra == Intra::tile) tile_.assign(static_cast<std::size_t>(rows * block), 0);
  if (key.intra == Intra::local) intra_.begin.push_back(0);
  const auto add = [&](Part& part, std::int64_t e) {
    if (!a.weight.empty()) part.weight.push_back(a.weight[e]);
    part.source.push_back(e);
  };
  for (std::int64_t p = 0; p < rows; ++p) {
    const std::int64_t r = row_at(p);
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) {
      const std::int32_t c = a.column[e];
      if (block > 0 && place_of[c] / block == p / block) {
        const std::int64_t local = place_of[c] % block;
        if (key.intra == Intra::tile)
          tile_[p * block + local] += a.weight.empty() ? 1 : a.weight[e];
        else {
          intra_.local.push_back(static_cast<std::uint8_t>(local));
          add(intra_, e);
        }
        continue;
      }
      Part& part = inter_[tile_columns > 0 ? c / tile_columns : 0];
      part.column.push_back(key.copied ? place_of[c] : c);
      if (coordinates) part.row_in_block.push_back(static_cast<std::uint8_t>(p % block));
      add(part, e);
    }
    if (key.intra == Intra::local) intra_.begin.push_back(static_cast<std::int64_t>(intra_.local.size()));
    const bool ends = !coordinates || (p + 1) % block == 0 || p + 1 == rows;
    for (Part& part : inter_)
      if (ends) part.begin.push_back(static_cast<std::int64_t>(part.column.size()));
  }
}

kernels::Edges Prepared::edges(const Part& part) const {
  return {part.begin.data(), part.column.data(), part.local.empty() ? nullptr : part.local.data(),
          part.weight.empty() ? nullptr : part.weight.data(), part.source.data()};
}

std::vector<kernels::Layout> Prepared::make_layouts() const {
  kernels::Layout common;
  common.rows = a_.rows();
  common.columns = a_.columns;
  common.degree_begin = a_.begin.data();
  if (untouched_) {
    common.inter = {a_.begin.data(), a_.column.data(), nullptr, a_.weight.empty() ? nullptr : a_.weight.data(),
                    nullptr};
    return {common};
  }
  if (!row_of_.empty()) common.row_of = row_of_.data();
  common.block = key_.block;
  if (!tile_.empty()) common.tile = tile_.data();
  if (!intra_.local.empty()) common.intra = edges(intra_);
  std::vector<kernels::Layout> all;
  for (const Part& part : inter_) {
    kernels::Layout layout = common;
    layout.inter = edges(part);
    if (key_.inter == Inter::coordinates) {
      layout.block_begin = layout.inter.begin;
      layout.row_in_block = part.row_in_block.data();
      layout.inter.begin = nullptr;
    }
    all.push_back(layout);
  }
  return all;
}

const std::vector<kernels::Work>& Prepared::work(std::int64_t width, bool whole_rows) const {
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = work_.try_emplace({width, whole_rows});
  if (is_new)
    for (std::size_t i = 0; i < layouts_.size(); ++i)
      at->second.push_back(kernels::work_of(layouts_[i], width, whole_rows || i > 0));
  return at->second;
}

void Prepared::copy(const kernels::Input& x, std::byte* out) const {
  const auto item = static_cast<std::int64_t>(kernels::bytes_of(x.type));
  const std::int64_t rows = a_.rows(), bytes = x.width * item, step = std::max<std::int64_t>(1, 65536 / bytes);
  const auto* from = static_cast<const std::byte*>(x.data);
  parallel_for(static_cast<std::size_t>((rows + step - 1) / step), [&](std::size_t i) {
    const std::int64_t first = static_cast<std::int64_t>(i) * step;
    for (std::int64_t p = first; p < std::min(rows, first + step); ++p)
      std::memcpy(out + p * bytes, from + (row_of_.empty() ? p : row_of_[p]) * x.stride * item,
                  static_cast<std::size_t>(bytes));
  });
}

std::size_t Prepared::bytes() const {
  const auto of = [](const auto&... v) { return (0 + ... + (v.capacity() * sizeof(v[0]))); };
  std::size_t sum = of(row_of_, tile_) + of(intra_.begin, intra_.local, intra_.weight, intra_.source);
  for (const Part& p : inter_) sum += of(p.begin, p.column, p.row_in_block, p.weight, p.source);
  return sum;
}

}  // namespace pare::graph
