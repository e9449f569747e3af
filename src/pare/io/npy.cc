// The .npy format: magic, version, a Python dictionary as text, the elements (numpy's "NEP 1", versions 1.0 to 3.0).
#include "pare/io/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <optional>

#include "pare/base/error.h"

namespace pare::io {
namespace {

// numpy itself refuses longer headers (10,000 characters) and more dimensions (64).
constexpr std::size_t most_header = 1 << 16;
constexpr std::size_t most_dimensions = 64;
constexpr const char* save_again = "save it again with numpy.savez";

/// Reads the header's dictionary: text, True, False, and a tuple of whole numbers are all that it may hold.
class Header {
 public:
  Header(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  void parse() {
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        skip_blanks();
        if (rest().starts_with('[')) fail("holds records of several fields", "save each field as an array of its own");
        descr = quoted();
      } else if (key == "fortran_order") {
        fortran = boolean();
      } else if (key == "shape") {
        shape = tuple();
      } else {
        fail(fmt::format("has an unknown key '{}' in its header", printable(key)), save_again);
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (!rest().empty() || !descr || !fortran || !shape) malformed();
  }

  std::optional<std::string> descr;
  std::optional<bool> fortran;
  std::optional<std::vector<std::int64_t>> shape;

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& mend) const { throw Error(what, where_, mend); }
  [[noreturn]] void malformed() const { fail("has a malformed .npy header", save_again); }

  std::string_view rest() const { return text_.substr(at_); }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool accept(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) malformed();
  }
  std::string quoted() {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') malformed();
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) malformed();
    std::string out(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return out;
  }
  bool boolean() {
    skip_blanks();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest().starts_with(word)) continue;
      at_ += word.size();
      return value;
    }
    malformed();
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> out;
    expect('(');
    while (!accept(')')) {
      if (out.size() == most_dimensions) fail(fmt::format("has more than {} dimensions", most_dimensions), save_again);
      out.push_back(number());
      accept('L');  // Python 2 wrote long integers so
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }
  std::int64_t number() {
    skip_blanks();
    const std::size_t start = at_;
    std::int64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      const int digit = text_[at_] - '0';
      if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) fail("has an impossible shape", save_again);
      value = value * 10 + digit;
    }
    if (at_ == start) malformed();
    return value;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

void set_type(Array& array, const std::string& descr, const std::string& where) {
  const auto refuse = [&](const std::string& what, const std::string& mend) { throw Error(what, where, mend); };
  if (descr.starts_with("|O") || descr == "O")
    refuse("holds pickled Python objects, which are not read since they can run code",
           "save numbers only: give numpy.savez arrays of a numeric type");
  const std::string shown = printable(descr);
  if (descr.size() < 3 || descr.size() > 8 ||
      !std::all_of(descr.begin() + 2, descr.end(), [](char c) { return c >= '0' && c <= '9'; }))
    refuse(fmt::format("has the element type '{}', which pare does not know", shown), save_again);
  array.kind = descr[1];
  array.item_bytes = std::stoi(descr.substr(2));
  if (descr[0] == '>' && array.item_bytes > 1)
    refuse(fmt::format("has big-endian elements ('{}')", shown), "save x.astype(x.dtype.newbyteorder('<'))");
  const int n = array.item_bytes;
  const bool whole = n == 1 || n == 2 || n == 4 || n == 8;
  if (descr[0] != '<' && descr[0] != '|' && !(descr[0] == '>' && n == 1))
    refuse(fmt::format("has the element type '{}', which pare does not know", shown), save_again);
  switch (array.kind) {
    case 'b':
      if (n == 1) return;
      break;
    case 'i':
    case 'u':
      if (whole) return;
      break;
    case 'f':
      if (whole && n > 1) return;
      break;
    case 'U':
      array.item_bytes *= 4;  // counted in characters of four bytes
      [[fallthrough]];
    case 'S': return;
    default: break;
  }
  refuse(fmt::format("has the element type '{}', which pare does not know", shown),
         "save it as a boolean, integer or float type of at most 8 bytes");
}

/// The bytes that `array` needs, or nothing where they cannot be counted in 64 bits.
std::optional<std::uint64_t> bytes_needed(const Array& array) {
  auto need = static_cast<std::uint64_t>(array.item_bytes);
  if (std::ranges::find(array.shape, 0) != array.shape.end()) return 0;
  for (const std::int64_t extent : array.shape)
    if (__builtin_mul_overflow(need, static_cast<std::uint64_t>(extent), &need)) return std::nullopt;
  return need;
}

/// Column-major elements into row-major order.
std::string to_row_major(const Array& array) {
  std::string out(array.bytes.size(), '\0');
  const std::size_t rank = array.shape.size(), item = static_cast<std::size_t>(array.item_bytes);
  std::vector<std::size_t> stride(rank, item), index(rank, 0);
  for (std::size_t d = 1; d < rank; ++d) stride[d] = stride[d - 1] * static_cast<std::size_t>(array.shape[d - 1]);
  std::size_t from = 0;
  for (std::size_t to = 0; to < out.size(); to += item) {
    std::memcpy(out.data() + to, array.bytes.data() + from, item);
    for (std::size_t d = rank; d-- > 0;) {
      from += stride[d];
      if (++index[d] < static_cast<std::size_t>(array.shape[d])) break;
      from -= stride[d] * index[d];
      index[d] = 0;
    }
  }
  return out;
}

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 31u, fraction = bits & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

template <typename From, typename To>
void convert(const std::string& bytes, std::vector<To>& out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<To>(load<From>(bytes, i * sizeof(From)));
}

template <typename To>
bool convert_integers(const Array& array, std::vector<To>& out) {
  const std::string& b = array.bytes;
  const bool is_signed = array.kind == 'i';
  if (array.kind == 'b')
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = b[i] != 0 ? To{1} : To{0};
  else if (array.kind != 'i' && array.kind != 'u')
    return false;
  else if (array.item_bytes == 1)
    is_signed ? convert<std::int8_t>(b, out) : convert<std::uint8_t>(b, out);
  else if (array.item_bytes == 2)
    is_signed ? convert<std::int16_t>(b, out) : convert<std::uint16_t>(b, out);
  else if (array.item_bytes == 4)
    is_signed ? convert<std::int32_t>(b, out) : convert<std::uint32_t>(b, out);
  else
    is_signed ? convert<std::int64_t>(b, out) : convert<std::uint64_t>(b, out);
  return true;
}

}  // namespace

std::size_t Array::elements() const {
  if (std::ranges::find(shape, 0) != shape.end()) return 0;
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

std::vector<std::int64_t> Array::integers() const {
  std::vector<std::int64_t> out(elements());
  if (!convert_integers(*this, out)) throw Error(fmt::format("elements of kind '{}' are no whole numbers", kind), "");
  if (kind == 'u' && item_bytes == 8 && std::ranges::any_of(out, [](std::int64_t v) { return v < 0; }))
    throw Error("holds a whole number beyond 2^63", "");
  return out;
}

std::vector<float> Array::floats() const {
  std::vector<float> out(elements());
  if (convert_integers(*this, out)) return out;
  if (kind != 'f') throw Error(fmt::format("elements of kind '{}' are no numbers", kind), "");
  if (item_bytes == 2)
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = half_to_float(load<std::uint16_t>(bytes, i * 2));
  else if (item_bytes == 4)
    convert<float>(bytes, out);
  else
    convert<double>(bytes, out);
  return out;
}

Array read_npy(Source& source, std::uint64_t total, const std::string& where) {
  const auto take = [&](std::size_t count) {
    std::string out(count, '\0');
    if (count > total || source.read(out.data(), count) != count)
      throw Error("ends inside its .npy header", where, "copy or download the file again");
    total -= count;
    return out;
  };
  const std::string start = take(8);
  if (!start.starts_with("\x93NUMPY")) throw Error("is no .npy array (its first bytes are others)", where, save_again);
  const int major = static_cast<unsigned char>(start[6]);
  if (major < 1 || major > 3)
    throw Error(fmt::format("has version {} of the .npy format, pare knows 1 to 3", major), where, save_again);
  const std::size_t length = major == 1 ? load<std::uint16_t>(take(2), 0) : load<std::uint32_t>(take(4), 0);
  if (length > most_header) throw Error("has an impossibly long .npy header", where, save_again);
  const std::string text = take(length);
  Header header(text, where);
  header.parse();

  Array array;
  array.shape = *header.shape;
  set_type(array, *header.descr, where);
  const auto need = bytes_needed(array);
  if (!need || *need != total)
    throw Error(fmt::format("has {} bytes of elements where its shape asks for {}", total,
                            need ? std::to_string(*need) : "more than 2^64"),
                where, "the file is cut off or damaged: copy or download it again");
  array.bytes.resize(total);
  if (source.read(array.bytes.data(), total) != total)
    throw Error("ends inside its elements", where, "copy or download the file again");
  if (*header.fortran && array.shape.size() > 1) array.bytes = to_row_major(array);
  return array;
}

Array parse_npy(std::string_view bytes, const std::string& where) {
  return read_npy(*open_source(bytes, Coding::stored, where), bytes.size(), where);
}

std::string npy_header(const Array& array) {
  assert(array.bytes.size() == bytes_needed(array).value_or(array.bytes.size() + 1));
  std::string shape;
  for (const std::int64_t extent : array.shape) shape += fmt::format("{}, ", extent);
  if (array.shape.size() > 1) shape.resize(shape.size() - 2);
  if (array.shape.size() == 1) shape.pop_back();
  const char order = array.item_bytes == 1 || array.kind == 'S' ? '|' : '<';
  const int count = array.kind == 'U' ? array.item_bytes / 4 : array.item_bytes;
  std::string text =
      fmt::format("{{'descr': '{}{}{}', 'fortran_order': False, 'shape': ({}), }}", order, array.kind, count, shape);
  const std::size_t fixed = 10;
  text.append((64 - (fixed + text.size() + 1) % 64) % 64, ' ');
  text += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(text.size() & 0xff);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

}  // namespace pare::io
