// The shapes of an operator's inputs out of the text that stands for them.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace pare::trace {

using Shape = std::vector<std::int64_t>;

/// "[[4,16],[[2],[3]],[]]": the shape of each input; empty for scalars and for lists of tensors. What cannot be read so
/// is empty: shapes are what other programs wrote, and an operator without them still has its time.
std::vector<Shape> parse_shapes(std::string_view text);

/// The parts of "[float,Scalar,c10::Half]"; of lists inside it the text.
std::vector<std::string_view> parse_types(std::string_view text);

/// Elements of a shape: 1 for an empty one. At most 2^62.
std::int64_t elements(const Shape& shape);

}  // namespace pare::trace
