#include "pare/graph/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "pare/base/error.h"
#include "pare/graph/parse.h"

namespace pare::graph {

Fields::Fields(std::map<std::string, io::Array> arrays, std::uint64_t file_bytes, std::string where)
    : arrays_(std::move(arrays)), file_bytes_(file_bytes), where_(std::move(where)) {}

Fields::Fields(std::string_view bytes, const std::string& where)
    : archive_(io::Npz(bytes, where)), file_bytes_(bytes.size()), where_(where) {}

void Fields::fail(const std::string& key, const std::string& what, const std::string& mend) const {
  throw Error(what, fmt::format("{}, array '{}'", where_, printable(key)), mend);
}

const io::Array& Fields::array(const std::string& key) const {
  if (const auto found = arrays_.find(key); found != arrays_.end()) return found->second;
  if (!has(key)) throw Error(fmt::format("has no array '{}'", key), where_);
  return arrays_.emplace(key, archive_->array(key)).first->second;
}

std::string Fields::one_of(const std::vector<std::string>& keys) const {
  std::string out;
  for (const std::string& key : keys) {
    if (!has(key)) continue;
    if (!out.empty())
      throw Error(fmt::format("has both '{}' and '{}', which are names for one thing", out, key), where_, "save one");
    out = key;
  }
  return out;
}

std::string Fields::names() const {
  std::string out;
  const auto add = [&](const std::string& name) { out += (out.empty() ? "" : ", ") + printable(name, 24); };
  if (archive_)
    for (const std::string& name : archive_->names()) add(name);
  else
    for (const auto& [name, array] : arrays_) add(name);
  return printable(out);
}

std::string Fields::text(const std::string& key) const {
  const io::Array& a = array(key);
  if ((a.kind != 'S' && a.kind != 'U') || a.elements() != 1) fail(key, "is no single text");
  const std::size_t step = a.kind == 'U' ? 4 : 1;
  std::string out;
  for (std::size_t i = 0; i < a.bytes.size() && a.bytes[i] != '\0'; i += step) out += a.bytes[i];
  return out;
}

std::int64_t Fields::number(const std::string& key) const {
  if (array(key).elements() != 1) fail(key, "is no single whole number");
  return all_integers(key)[0];
}

std::int64_t Fields::length(const std::string& key) const {
  const auto& shape = array(key).shape;
  const bool vector = shape.size() == 1 || (shape.size() == 2 && shape[1] == 1);
  if (!vector) {
    std::string shown;
    for (const std::int64_t extent : shape) shown += fmt::format("{}{}", shown.empty() ? "" : ", ", extent);
    fail(key, fmt::format("has the shape [{}] where a vector is expected", shown));
  }
  return shape[0];
}

std::vector<std::int64_t> Fields::all_integers(const std::string& key) const {
  const io::Array& a = array(key);
  if (a.kind == 'f') return whole_numbers(key, a);
  if (a.kind != 'i' && a.kind != 'u' && a.kind != 'b')
    fail(key, "holds no whole numbers", "save it as an integer type");
  try {
    return a.integers();
  } catch (const Error& error) {
    fail(key, error.problem(), error.mend());
  }
}

std::vector<std::int64_t> Fields::whole_numbers(const std::string& key, const io::Array& a) const {
  std::vector<double> values(a.elements());
  if (a.item_bytes == 8)
    a.bytes.copy(reinterpret_cast<char*>(values.data()), a.bytes.size());
  else
    std::ranges::copy(a.floats(), values.begin());
  const double counts_to = a.item_bytes == 8 ? 0x1p53 : a.item_bytes == 4 ? 0x1p24 : 0x1p11;
  std::vector<std::int64_t> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto refuse = [&](const char* what) {
      fail(key, fmt::format("its element {} is {}, {}", i, values[i], what), "save it as an integer type");
    };
    if (std::abs(values[i]) > counts_to) refuse("beyond what floats of its size count to");
    if (!(values[i] == std::floor(values[i]))) refuse("no whole number");
    out[i] = static_cast<std::int64_t>(values[i]);
  }
  return out;
}

std::vector<std::int64_t> Fields::integers(const std::string& key) const {
  length(key);
  return all_integers(key);
}

std::vector<std::int32_t> Fields::integers_in(const std::string& key, std::int64_t low, std::int64_t high,
                                              std::int64_t count) const {
  const std::vector<std::int64_t> values = integers(key);
  if (static_cast<std::int64_t>(values.size()) != count)
    fail(key, fmt::format("has {} elements where {} are expected", values.size(), count));
  std::vector<std::int32_t> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < low || values[i] >= high)
      fail(key, fmt::format("its element {} is {}, outside {} to {}", i, values[i], low, high - 1));
    out[i] = static_cast<std::int32_t>(values[i]);
  }
  return out;
}

std::vector<float> Fields::floats(const std::string& key) const {
  const io::Array& a = array(key);
  if (a.kind == 'S' || a.kind == 'U') fail(key, "holds no numbers");
  std::vector<float> out = a.floats();
  for (std::size_t i = 0; i < out.size(); ++i)
    if (!std::isfinite(out[i])) fail(key, fmt::format("its element {} is {}, not finite as a float", i, out[i]));
  return out;
}

std::vector<bool> Fields::mask(const std::string& key, std::int64_t count) const {
  if (array(key).shape.size() == 2 && array(key).shape[1] > 1)
    fail(key, fmt::format("holds {} splits", array(key).shape[1]), "save one of them, a vector");
  if (length(key) != count) fail(key, fmt::format("has {} elements where there are {} vertices", length(key), count));
  const std::vector<std::int64_t> values = all_integers(key);
  std::vector<bool> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] != 0 && values[i] != 1) fail(key, fmt::format("its element {} is {}, not 0 or 1", i, values[i]));
    out[i] = values[i] == 1;
  }
  return out;
}

Adjacency Fields::compressed_rows(const std::string& prefix, bool square) const {
  const std::string starts = prefix + "indptr", indices = prefix + "indices", data = prefix + "data",
                    shape_key = prefix + "shape";
  const std::vector<std::int64_t> shape =
      square && !has(shape_key) ? std::vector(2, std::max<std::int64_t>(0, length(starts) - 1)) : integers(shape_key);
  if (shape.size() != 2 || shape[0] < 0 || shape[1] < 0) fail(shape_key, "is not two counts of rows and columns");
  for (const std::int64_t extent : shape) check_vertices(static_cast<std::uint64_t>(extent), file_bytes_, where_);
  Adjacency a;
  a.columns = shape[1];
  a.begin = integers(starts);
  const std::int64_t entries = length(indices);
  check_memory(static_cast<std::uint64_t>(entries), where_);
  if (static_cast<std::int64_t>(a.begin.size()) != shape[0] + 1)
    fail(starts, fmt::format("has {} elements where {} rows need {}", a.begin.size(), shape[0], shape[0] + 1));
  if (a.begin[0] != 0) fail(starts, fmt::format("begins with {}, not 0", a.begin[0]));
  for (std::size_t r = 1; r < a.begin.size(); ++r)
    if (a.begin[r] < a.begin[r - 1]) fail(starts, fmt::format("gives row {} a negative count", r - 1));
  if (a.begin.back() != entries)
    fail(starts, fmt::format("ends with {} where there are {} indices", a.begin.back(), entries));
  a.column = integers_in(indices, 0, a.columns, entries);
  if (has(data)) {
    length(data);
    a.weight = floats(data);
    if (static_cast<std::int64_t>(a.weight.size()) != entries)
      fail(data, fmt::format("has {} elements where there are {} indices", a.weight.size(), entries));
  }
  return canonical(std::move(a));
}

}  // namespace pare::graph
