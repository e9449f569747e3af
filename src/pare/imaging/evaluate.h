// Expressions of a .pipe file made into numbers known at once, and into operations of a stage.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "pare/imaging/builder.h"
#include "pare/imaging/syntax.h"

namespace pare::imaging {

/// floor(x * multiply / divide) + offset, one of the two factors 1; or the same of y.
struct Coordinate {
  Op axis = Op::column;
  std::int64_t multiply = 1, divide = 1, offset = 0;
};

/// A real number known now, a place, or a value of the stage.
using Scalar = std::variant<double, Coordinate, Expr>;
using Value = std::vector<Scalar>;  // [channels]

/// What the file's names stand for.
struct Symbol {
  enum class Kind { constant, table, stage };
  Kind kind = Kind::constant;
  Token declared;
  bool ready = false;              // its declaration has been computed
  std::vector<std::size_t> sizes;  // of a constant: none for a plain number
  std::vector<double> entries;
  int index = -1;  // of a table or stage in the pipeline
};
using Symbols = std::map<std::string_view, Symbol>;

const char* name(Symbol::Kind kind);

class Evaluator {
 public:
  Evaluator(const SourceText& source, const Program& program, Symbols& symbols, PipelineBuilder& pipeline)
      : source_(source), program_(program), symbols_(symbols), pipeline_(pipeline) {}

  /// From now on expressions are those of a stage; null: only numbers. Forgets local names.
  void enter(StageBuilder* stage, const Type& type);
  /// Adds a local name. Throws SourceError where the name is taken.
  void define(const Token& name, Value value);
  void forget() { locals_.pop_back(); }

  Value evaluate(int node);
  double number(int node);  // throws SourceError for what is not known now
  std::int64_t whole(int node, std::int64_t low, std::int64_t high, const char* what);
  /// The channels as values of a stage.
  std::vector<Expr> exprs(int node);
  const Token& token(int node) const { return program_.nodes[static_cast<std::size_t>(node)].token; }

 private:
  template <typename F>
  auto located(const Token& token, F f) const;
  void spend(const Token& token, std::size_t steps);
  Expr expr(const Token& token, const Scalar& scalar);
  std::int64_t whole(const Token& token, double value, std::int64_t low, std::int64_t high, const char* what) const;
  double number(const Token& token, const Scalar& scalar) const;
  Value each(const Token& token, const std::vector<Value>& values,
             const std::function<Scalar(const std::vector<Scalar>&)>& f);

  Value named(const Syntax& node);
  Value unary(const Syntax& node);
  Value chain(int node);
  Scalar binary(const Token& token, const Scalar& a, const Scalar& b);
  double folded(const Token& token, double a, double b) const;
  Value selected(const Syntax& node);
  Value call(const Syntax& node);
  Value indexed(const Syntax& node);
  Value tuple(const Syntax& node);
  Value reduction(const Syntax& node);
  void reduce_over(const Syntax& node, std::size_t variable, std::vector<Value>& terms);
  Value joined(const Token& token, const std::vector<Value>& terms);
  Value read(const Syntax& node, const Symbol& stage);
  Value real_function(const Syntax& node, const std::vector<Value>& arguments);
  Value function(const Syntax& node, const std::vector<Value>& arguments);
  Value typed(const Syntax& node, const std::vector<Value>& arguments);
  Scalar rounded(const Token& token, const Scalar& value, int fraction);
  const Value* local(std::string_view name) const;
  [[noreturn]] void unknown(const Token& token) const;

  const SourceText& source_;
  const Program& program_;
  Symbols& symbols_;
  PipelineBuilder& pipeline_;
  StageBuilder* stage_ = nullptr;
  Type type_;
  std::vector<std::pair<std::string_view, Value>> locals_;
  std::size_t steps_ = 0;
};

/// Coordinate arithmetic, as far as the result is one: + - * / with whole numbers. `symbol` is the operator.
bool combine(std::string_view symbol, const Scalar& a, const Scalar& b, Coordinate& out);

}  // namespace pare::imaging
