// A stencil pipeline: stages that compute pixels from windows of other stages. Data only; `builder.h` makes one,
// `parse.h` reads one.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace pare::imaging {

/// The longest side of an image: column and row count up to one less.
constexpr int most_side = 1 << 16;

/// What a pixel beyond the edge is worth: nothing, the nearest pixel, or the one mirrored at the outermost pixel, which
/// is not repeated (scipy.ndimage's "constant", "nearest", "mirror").
enum class Border { zero, replicate, mirror };
/// Where pixel i of a side of n is read; -1 where it is worth nothing.
int border_index(int i, int n, Border border);

/// A fixed-point pixel: each channel is worth code * 2^-fraction, its code an integer of `bits` bits (1 .. 48).
struct Type {
  bool is_signed = false;
  int bits = 8;      // of one channel, the sign's included
  int fraction = 0;  // 0 .. bits
  int channels = 1;  // 1 .. 256

  bool operator==(const Type&) const = default;
};

/// As in a .pipe file: u8, s4.8 (integer bits, sign included, and fraction bits), u8x3 (channels).
std::string name(const Type& type);

/// Integers from low to high, both included.
struct Range {
  std::int64_t low = 0, high = 0;
  bool operator==(const Range&) const = default;
};

/// All codes of a type.
Range codes(const Type& type);
/// The bits of the narrowest integer that holds the range, two's complement where low < 0; at least 1.
int bits_of(const Range& range);

/// Operations on integers. Binary points are settled when a pipeline is built: where operands differ in fraction a
/// shift stands between. Truth is 0 or 1.
enum class Op {
  constant,     // Node::value
  pixel,        // Node::read
  column,       // x of the pixel that is computed
  row,          // y of it
  add,          // a + b
  subtract,     // a - b
  multiply,     // a * b
  divide,       // floor(a / b), b never 0
  modulo,       // a - b * floor(a / b), b > 0
  minimum,      // min(a, b)
  maximum,      // max(a, b)
  absolute,     // |a|
  negate,       // -a
  shift_left,   // a * 2^value
  shift_right,  // floor(a / 2^value)
  bit_and,      // of two's complements
  bit_or,
  bit_xor,
  less,         // a < b
  less_equal,   // a <= b
  equal,        // a == b
  logical_not,  // a == 0
  select,       // a != 0 ? b : c
  lookup,       // tables[value].entries[a], a within the table
};

/// A pixel of the stage's source, at the source's place below the stage's own pixel plus an offset.
struct Read {
  int source = 0;  // index into Stage::sources
  int channel = 0;
  int dx = 0, dy = 0;
  bool operator==(const Read&) const = default;
};

/// How many arguments an operation takes, 0 .. 3.
int arity(Op op);

struct Node {
  Op op = Op::constant;
  std::array<int, 3> arguments{-1, -1, -1};  // nodes before this one, as many as the operation takes
  std::int64_t value = 0;                    // of a constant; how far to shift; which table
  Read read = {};
  Range range = {};  // what the value can be, by interval arithmetic
};

/// A stage that another reads. The pixel (x, y) of the reader lies at (floor(x * multiply / divide), floor(y * multiply
/// / divide)) in the source: multiply 2 halves the size, divide 2 doubles it; one of them is 1.
struct Source {
  int stage = 0;
  int multiply = 1, divide = 1;
  bool operator==(const Source&) const = default;
};

struct Stage {
  std::string name;  // a letter or '_', then letters, digits and '_'
  Type type;
  bool is_input = false, is_output = false;
  Border border = Border::replicate;  // of what it reads
  std::vector<Source> sources;        // stages before this one, each once
  std::vector<Node> nodes;            // arguments come before their users, none is written twice
  std::vector<int> roots;             // [channels], the node of each channel; its range is within the type's codes
};

struct Table {
  std::string name;
  std::vector<std::int64_t> entries;
};

struct Pipeline {
  std::string name;
  std::vector<Stage> stages;  // in an order in which they can be computed
  std::vector<Table> tables;

  /// The stage of that name, or -1.
  int find(const std::string& name) const;
};

/// Rows y - up .. y + down and columns x - left .. x + right around a pixel (x, y). One of a pair is negative where the
/// window lies wholly to one side.
struct Window {
  int up = 0, down = 0, left = 0, right = 0;
  int height() const { return up + down + 1; }
  int width() const { return left + right + 1; }
  bool operator==(const Window&) const = default;
};

/// All that the stage needs of its source, seen from the source's pixel below its own: its reads, and what the border
/// rule puts in their place at the edges (the edge pixel itself, or the mirror image of the window).
Window window(const Stage& stage, int source);

/// Columns and rows between neighbouring pixels of each stage [stages], counted in pixels of the finest stage: 1 is the
/// finest. Throws Error where two ways to a stage disagree.
std::vector<int> steps(const Pipeline& pipeline);

/// Throws Error where images of this size (pixels of the finest stage) give a stage no whole number of columns or rows,
/// or one whose readers' windows, their own pixel included, are larger than it.
void check_size(const Pipeline& pipeline, int width, int height);

}  // namespace pare::imaging
