// Builds pipelines in C++: expressions with operators, shared, folded and their ranges known as they are made.
//
//   PipelineBuilder builder("blur");
//   const int image = builder.input("image", {.bits = 8});
//   StageBuilder s = builder.stage("blur", Border::mirror);
//   s.finish({.bits = 8}, {(s.read(image, -1, 0) + 2 * s.read(image) + s.read(image, 1, 0)) >> 2}, true);
//   const Pipeline pipeline = builder.finish();
#pragma once
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "pare/imaging/pipeline.h"

namespace pare::imaging {

// So much of a pipeline is believed, so that no description can take all memory.
constexpr std::size_t most_stages = 1024, most_stage_nodes = std::size_t{1} << 16, most_nodes = std::size_t{1} << 20,
                      most_table = std::size_t{1} << 16, most_tables = 256;
constexpr int most_offset = 1024;  // columns or rows from a pixel to one that it reads
constexpr int most_factor = 64;    // of one sampling

class StageBuilder;
class PipelineBuilder;

/// A value of the stage that is being built, worth code * 2^-fraction: a constant, or a node. Operators and functions
/// below align fractions, fold constants and share what is already there. All throw Error where a range leaves 62 bits.
class Expr {
 public:
  template <std::integral T>
  Expr(T value) : Expr(static_cast<std::int64_t>(value), 0) {}  // NOLINT: numbers are values
  /// The constant code * 2^-fraction.
  Expr(std::int64_t code, int fraction);

  bool is_constant() const { return !stage_; }
  Range range() const;  // of the code
  int fraction() const { return fraction_; }

 private:
  friend class StageBuilder;
  friend Expr apply(Op op, std::initializer_list<Expr> arguments, int fraction, std::int64_t value);
  Expr(StageBuilder* stage, int node, int fraction) : stage_(stage), node_(node), fraction_(fraction) {}

  StageBuilder* stage_ = nullptr;
  int node_ = -1;
  std::int64_t code_ = 0;
  int fraction_ = 0;
};

Expr operator+(const Expr& a, const Expr& b);
Expr operator-(const Expr& a, const Expr& b);
Expr operator*(const Expr& a, const Expr& b);  // exact: fractions add up
Expr operator/(const Expr& a, const Expr& b);  // floor of the quotient, an integer
Expr operator%(const Expr& a, const Expr& b);  // a - b * (a / b), b > 0
Expr operator&(const Expr& a, const Expr& b);  // of two's complements with one binary point
Expr operator|(const Expr& a, const Expr& b);
Expr operator^(const Expr& a, const Expr& b);
Expr operator<<(const Expr& a, int bits);  // 0 .. 62
Expr operator>>(const Expr& a, int bits);  // floor, to the fraction that `a` has
Expr operator-(const Expr& a);
Expr operator<(const Expr& a, const Expr& b);
Expr operator<=(const Expr& a, const Expr& b);
Expr operator>(const Expr& a, const Expr& b);
Expr operator>=(const Expr& a, const Expr& b);
Expr operator==(const Expr& a, const Expr& b);
Expr operator!=(const Expr& a, const Expr& b);
Expr operator!(const Expr& a);
Expr operator&&(const Expr& a, const Expr& b);  // both are computed
Expr operator||(const Expr& a, const Expr& b);
Expr min(const Expr& a, const Expr& b);
Expr max(const Expr& a, const Expr& b);
Expr abs(const Expr& a);
Expr clamp(const Expr& a, const Expr& low, const Expr& high);  // min(max(a, low), high)
Expr select(const Expr& condition, const Expr& yes, const Expr& no);
Expr floor(const Expr& a, int fraction = 0);  // to so many fraction bits, or those it has where they are fewer
Expr round(const Expr& a, int fraction = 0);  // halves up
Expr scale(const Expr& a, int bits);          // a * 2^bits, exactly: moves the binary point
/// With `fraction` bits behind the point: what is too much is dropped by floor.
Expr to_fraction(const Expr& a, int fraction);
Expr saturate(const Expr& a, const Type& type);
Expr wrap(const Expr& a, const Type& type);  // the low bits of the code
/// A balanced tree of add, multiply, minimum or maximum; `terms` not empty.
Expr reduce(Op op, const std::vector<Expr>& terms);

/// One stage while it is built. Its Exprs are its own and end with it.
class StageBuilder {
 public:
  StageBuilder(const StageBuilder&) = delete;
  StageBuilder& operator=(const StageBuilder&) = delete;

  /// A pixel of another stage, as in Read and Source.
  Expr read(int stage, int dx = 0, int dy = 0, int channel = 0, int multiply = 1, int divide = 1);
  Expr column() { return position(Op::column); }
  Expr row() { return position(Op::row); }
  Expr lookup(int table, const Expr& index);

  /// Ends the stage, one value a channel, each brought to the type's fraction by floor. Returns its number. Throws
  /// Error where a value leaves the type, and where the stage reads nothing.
  int finish(const Type& type, const std::vector<Expr>& channels, bool is_output = false);

 private:
  friend class PipelineBuilder;
  friend class Expr;
  friend Expr apply(Op op, std::initializer_list<Expr> arguments, int fraction, std::int64_t value);
  using Key = std::tuple<Op, std::array<int, 3>, std::int64_t, int, int, int, int>;

  StageBuilder(PipelineBuilder& pipeline, std::string name, Border border);
  Expr position(Op op);
  int add(const Node& node);
  int node_of(const Expr& value);
  Expr make(Op op, const std::vector<Expr>& arguments, int fraction, std::int64_t value, const Range& range);
  void compact();

  PipelineBuilder& pipeline_;
  Stage stage_;
  std::map<Key, int> known_;
};

class PipelineBuilder {
 public:
  explicit PipelineBuilder(std::string name) { pipeline_.name = std::move(name); }

  int input(const std::string& name, const Type& type);
  int table(const std::string& name, std::vector<std::int64_t> entries);
  StageBuilder stage(const std::string& name, Border border = Border::replicate);
  void mark_output(int stage);
  /// A stage that is no output and that no other reads, or -1.
  int unused() const;
  const Stage& stage_at(int stage) const { return pipeline_.stages[static_cast<std::size_t>(stage)]; }

  /// Throws Error without an output, where a stage is of no use, and where sizes disagree.
  Pipeline finish() const;

 private:
  friend class StageBuilder;
  void check_new(const std::string& name) const;

  Pipeline pipeline_;
  std::size_t nodes_ = 0;
};

}  // namespace pare::imaging
