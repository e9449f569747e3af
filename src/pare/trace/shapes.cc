#include "pare/trace/shapes.h"

#include <charconv>

namespace pare::trace {
namespace {

/// The parts of a bracketed list, split at its own commas.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return parts;
  text = text.substr(1, text.size() - 2);
  if (text.empty()) return parts;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
    } else {
      depth += text[i] == '[';
      depth -= text[i] == ']';
    }
  }
  return parts;
}

}  // namespace

std::vector<Shape> parse_shapes(std::string_view text) {
  std::vector<Shape> shapes;
  for (const auto part : split(text)) {
    Shape shape;
    for (const auto size : split(part)) {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), value);
      if (error != std::errc() || end != size.data() + size.size() || value < 0) {
        shape.clear();
        break;
      }
      shape.push_back(value);
    }
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

std::vector<std::string_view> parse_types(std::string_view text) { return split(text); }

std::int64_t elements(const Shape& shape) {
  constexpr std::int64_t most = std::int64_t{1} << 62;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count = size > 0 && count > most / size ? most : count * size;
  return count;
}

}  // namespace pare::trace
