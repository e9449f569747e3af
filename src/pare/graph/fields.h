// The arrays of an .npz archive by name, asked for as what they ought to be.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pare/graph/adjacency.h"
#include "pare/io/npz.h"

namespace pare::graph {

class Fields {
 public:
  Fields(std::map<std::string, io::Array> arrays, std::uint64_t file_bytes, std::string where);
  /// Of an archive in `bytes`, which must outlive this; an array is read once it is asked for. Throws Error.
  Fields(std::string_view bytes, const std::string& where);

  bool has(const std::string& key) const { return arrays_.contains(key) || (archive_ && archive_->has(key)); }
  /// Of several names for one thing, the one that is there, or "". Throws Error where two are.
  std::string one_of(const std::vector<std::string>& keys) const;
  std::string names() const;  // of all arrays, for errors
  const io::Array& array(const std::string& key) const;
  std::uint64_t file_bytes() const { return file_bytes_; }
  const std::string& where() const { return where_; }

  /// Throws Error naming the array.
  [[noreturn]] void fail(const std::string& key, const std::string& what, const std::string& mend = {}) const;

  std::string text(const std::string& key) const;                        // one bytes or str
  std::int64_t number(const std::string& key) const;                     // one whole number
  std::vector<std::int64_t> integers(const std::string& key) const;      // a vector; [n, 1] counts as one
  std::vector<std::int64_t> all_integers(const std::string& key) const;  // of any shape
  /// Of the length `count`, all in [low, high).
  std::vector<std::int32_t> integers_in(const std::string& key, std::int64_t low, std::int64_t high,
                                        std::int64_t count) const;
  std::vector<float> floats(const std::string& key) const;  // of any shape, all finite
  std::int64_t length(const std::string& key) const;        // of a vector
  /// Whether the array is a vector of `count` booleans, or of 0 and 1; throws Error otherwise.
  std::vector<bool> mask(const std::string& key, std::int64_t count) const;

  /// <prefix>indptr, indices, data (may be missing: ones), shape (may be missing where it is `square`), checked;
  /// sorted, equal entries added up.
  Adjacency compressed_rows(const std::string& prefix, bool square = false) const;

 private:
  /// Of floats that are.
  std::vector<std::int64_t> whole_numbers(const std::string& key, const io::Array& a) const;

  std::optional<io::Npz> archive_;
  mutable std::map<std::string, io::Array> arrays_;  // of an archive those that were asked for
  std::uint64_t file_bytes_;
  std::string where_;
};

}  // namespace pare::graph
