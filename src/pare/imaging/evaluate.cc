#include "pare/imaging/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pare::imaging {
namespace {

constexpr std::size_t most_steps = std::size_t{1} << 21;  // of evaluation, so that no reduction runs for long
constexpr int most_constant_fraction = 32;                // a number with more is taken for one that is not exact

/// Edits between two names: Levenshtein's distance.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

bool is_whole(double v) { return std::abs(v) <= 0x1p53 && v == std::floor(v); }

}  // namespace

const char* name(Symbol::Kind kind) {
  return kind == Symbol::Kind::constant ? "constant" : kind == Symbol::Kind::table ? "table" : "stage";
}

/// Runs `f`; what the builder refuses is said to be at `token`.
template <typename F>
auto Evaluator::located(const Token& token, F f) const {
  try {
    return f();
  } catch (const SourceError&) {
    throw;
  } catch (const Error& e) {
    source_.fail(token, e.problem(), e.mend());
  }
}

void Evaluator::spend(const Token& token, std::size_t steps) {
  if ((steps_ += steps) > most_steps)
    source_.fail(token, fmt::format("takes more than {} steps to expand", most_steps), "make the ranges smaller");
}

void Evaluator::enter(StageBuilder* stage, const Type& type) {
  stage_ = stage;
  type_ = type;
  locals_.clear();
}

const Value* Evaluator::local(std::string_view name) const {
  const auto found = std::ranges::find(locals_, name, [](const auto& entry) { return entry.first; });
  return found == locals_.end() ? nullptr : &found->second;
}

void Evaluator::define(const Token& name, Value value) {
  if (local(name.text)) source_.fail(name, fmt::format("'{}' is there twice", name.text), "rename one of them");
  if (const auto known = symbols_.find(name.text); known != symbols_.end())
    source_.fail(name, fmt::format("'{}' is already a {}", name.text, imaging::name(known->second.kind)),
                 "choose another name");
  locals_.emplace_back(name.text, std::move(value));
}

void Evaluator::unknown(const Token& token) const {
  std::string_view best;
  std::size_t distance = 1 + std::min<std::size_t>(2, token.text.size() / 2);
  const auto consider = [&](std::string_view name) {
    if (const std::size_t d = edits(token.text, name); d < distance) best = name, distance = d;
  };
  for (const auto& entry : locals_) consider(entry.first);
  for (const auto& entry : symbols_) consider(entry.first);
  for (const std::string_view name : {"sum", "product", "min", "max", "abs", "clamp", "select", "sat", "wrap", "floor",
                                      "round", "ceil", "scale", "exp", "log", "sqrt", "pow", "sin", "cos"})
    consider(name);
  source_.fail(token, fmt::format("'{}' is not known", token.text),
               best.empty() ? "" : fmt::format("did you mean '{}'?", best));
}

Expr Evaluator::expr(const Token& token, const Scalar& scalar) {
  return located(token, [&] {
    if (const auto* value = std::get_if<Expr>(&scalar)) return *value;
    if (const auto* at = std::get_if<Coordinate>(&scalar)) {
      if (!stage_) source_.fail(token, "has no place here", "x and y are known inside stages");
      const Expr base = at->axis == Op::column ? stage_->column() : stage_->row();
      return base * at->multiply / at->divide + at->offset;
    }
    double code = std::get<double>(scalar);
    if (std::abs(code) > 0x1p53) throw Error(fmt::format("{} is beyond 2^53", code), "", "shift a smaller number");
    int fraction = 0;
    for (; fraction < most_constant_fraction && code != std::floor(code); ++fraction) code *= 2;
    if (!is_whole(code))
      throw Error(fmt::format("{} is no multiple of 2^-{}", std::get<double>(scalar), most_constant_fraction), "",
                  "round it, as in round(0.1, 8) to 8 bits behind the point");
    return Expr(static_cast<std::int64_t>(code), fraction);
  });
}

double Evaluator::number(const Token& token, const Scalar& scalar) const {
  if (const auto* value = std::get_if<double>(&scalar)) return *value;
  if (const auto* value = std::get_if<Expr>(&scalar); value && value->is_constant())
    return std::ldexp(static_cast<double>(value->range().low), -value->fraction());
  source_.fail(token, "must be a number that is known when the pipeline is compiled", "it depends on the pixel");
}

double Evaluator::number(int node) {
  const Value value = evaluate(node);
  if (value.size() != 1) source_.fail(token(node), fmt::format("has {} channels, a number has one", value.size()));
  return number(token(node), value[0]);
}

std::int64_t Evaluator::whole(const Token& token, double value, std::int64_t low, std::int64_t high,
                              const char* what) const {
  if (!is_whole(value) || value < static_cast<double>(low) || value > static_cast<double>(high))
    source_.fail(token, fmt::format("{} must be a whole number from {} to {}, not {}", what, low, high, value));
  return static_cast<std::int64_t>(value);
}

std::int64_t Evaluator::whole(int node, std::int64_t low, std::int64_t high, const char* what) {
  return whole(token(node), number(node), low, high, what);
}

std::vector<Expr> Evaluator::exprs(int node) {
  std::vector<Expr> out;
  for (const Scalar& scalar : evaluate(node)) out.push_back(expr(token(node), scalar));
  return out;
}

/// Channel by channel; what has one channel goes with all.
Value Evaluator::each(const Token& token, const std::vector<Value>& values,
                      const std::function<Scalar(const std::vector<Scalar>&)>& f) {
  std::size_t channels = 1;
  for (const Value& value : values) {
    if (channels > 1 && value.size() > 1 && value.size() != channels)
      source_.fail(token, fmt::format("{} channels meet {}", channels, value.size()), "pick some, as in a[0]");
    channels = std::max(channels, value.size());
  }
  spend(token, channels);
  Value out;
  std::vector<Scalar> arguments;
  for (std::size_t c = 0; c < channels; ++c) {
    arguments.clear();
    for (const Value& value : values) arguments.push_back(value[value.size() > 1 ? c : 0]);
    out.push_back(located(token, [&] { return f(arguments); }));
  }
  return out;
}

Value Evaluator::evaluate(int index) {
  const Syntax& node = program_.nodes[static_cast<std::size_t>(index)];
  spend(node.token, 1);
  switch (node.kind) {
    case Syntax::Kind::number: return {node.token.number};
    case Syntax::Kind::name: return named(node);
    case Syntax::Kind::unary: return unary(node);
    case Syntax::Kind::binary: return chain(index);
    case Syntax::Kind::select: return selected(node);
    case Syntax::Kind::call: return call(node);
    case Syntax::Kind::index: return indexed(node);
    case Syntax::Kind::tuple: return tuple(node);
    case Syntax::Kind::reduction: return reduction(node);
  }
  return {};
}

Value Evaluator::named(const Syntax& node) {
  const Token& token = node.token;
  if (const Value* value = local(token.text)) return *value;
  if (token.is("x") || token.is("y")) {
    if (!stage_) source_.fail(token, fmt::format("'{}' has no value here", token.text), "it is known inside stages");
    return {Coordinate{token.is("x") ? Op::column : Op::row}};
  }
  if (token.is("pi")) return {std::numbers::pi};
  const auto found = symbols_.find(token.text);
  if (found == symbols_.end()) unknown(token);
  const Symbol& symbol = found->second;
  if (symbol.kind == Symbol::Kind::stage)
    source_.fail(token, fmt::format("'{0}' is an image: say which pixel, as in {0}(x, y)", token.text));
  if (!symbol.ready) source_.fail(token, fmt::format("'{}' is declared further down", token.text), "move it up");
  if (symbol.kind == Symbol::Kind::table || !symbol.sizes.empty())
    source_.fail(token,
                 fmt::format("'{0}' has {1} entries: say which, as in {0}[0]", token.text, symbol.entries.size()));
  return {symbol.entries[0]};
}

Value Evaluator::unary(const Syntax& node) {
  const bool negates = node.token.is("-");
  return each(node.token, {evaluate(node.children[0])}, [&](const std::vector<Scalar>& a) -> Scalar {
    if (const auto* v = std::get_if<double>(&a[0])) return negates ? -*v : static_cast<double>(*v == 0);
    const Expr e = expr(node.token, a[0]);
    return negates ? -e : !e;
  });
}

/// a op b op c: the operators from the left, in a loop.
Value Evaluator::chain(int index) {
  std::vector<const Syntax*> spine;
  for (const Syntax* node = &program_.nodes[static_cast<std::size_t>(index)];;
       node = &program_.nodes[static_cast<std::size_t>(node->children[0])]) {
    if (node->kind != Syntax::Kind::binary) break;
    spine.push_back(node);
  }
  Value value = evaluate(spine.back()->children[0]);
  for (std::size_t i = spine.size(); i-- > 0;) {
    const Syntax& node = *spine[i];
    value = each(node.token, {std::move(value), evaluate(node.children[1])},
                 [&](const std::vector<Scalar>& a) { return binary(node.token, a[0], a[1]); });
  }
  return value;
}

double Evaluator::folded(const Token& token, double a, double b) const {
  const auto bits = [&](double v) { return whole(token, v, -(std::int64_t{1} << 53), std::int64_t{1} << 53, "bits"); };
  const auto shift = [&] { return static_cast<int>(whole(token, b, 0, 62, "a shift")); };
  const std::string_view op = token.text;
  double out = 0;
  if ((op == "/" || op == "%") && b == 0) source_.fail(token, "divides by 0");
  if (op == "+") out = a + b;
  if (op == "-") out = a - b;
  if (op == "*") out = a * b;
  if (op == "/") out = a / b;
  if (op == "%") out = a - b * std::floor(a / b);
  if (op == "<<") out = std::ldexp(a, shift());
  if (op == ">>") out = std::floor(std::ldexp(a, -shift()));
  if (op == "&") out = static_cast<double>(bits(a) & bits(b));
  if (op == "|") out = static_cast<double>(bits(a) | bits(b));
  if (op == "^") out = static_cast<double>(bits(a) ^ bits(b));
  if (op == "<") out = a < b;
  if (op == "<=") out = a <= b;
  if (op == ">") out = a > b;
  if (op == ">=") out = a >= b;
  if (op == "==") out = a == b;
  if (op == "!=") out = a != b;
  if (op == "&&") out = a != 0 && b != 0;
  if (op == "||") out = a != 0 || b != 0;
  if (!std::isfinite(out)) source_.fail(token, "gives no finite number");
  return out;
}

Scalar Evaluator::binary(const Token& token, const Scalar& left, const Scalar& right) {
  const auto *l = std::get_if<double>(&left), *r = std::get_if<double>(&right);
  if (l && r) return folded(token, *l, *r);
  if (Coordinate at; combine(token.text, left, right, at)) return at;
  const std::string_view op = token.text;
  const Expr a = expr(token, left);
  if (op == "<<" || op == ">>") {
    const int bits = static_cast<int>(whole(token, number(token, right), 0, 62, "a shift"));
    return op == "<<" ? a << bits : a >> bits;
  }
  const Expr b = expr(token, right);
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "/") return a / b;
  if (op == "%") return a % b;
  if (op == "&") return a & b;
  if (op == "|") return a | b;
  if (op == "^") return a ^ b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  if (op == ">") return a > b;
  if (op == ">=") return a >= b;
  if (op == "==") return a == b;
  if (op == "!=") return a != b;
  return op == "&&" ? a && b : a || b;
}

Value Evaluator::selected(const Syntax& node) {
  const Value condition = evaluate(node.children[0]);
  // known now: the other value need not make sense
  if (const auto* known = std::get_if<double>(&condition[0]); known && condition.size() == 1)
    return evaluate(node.children[*known != 0 ? 1 : 2]);
  return each(node.token, {condition, evaluate(node.children[1]), evaluate(node.children[2])},
              [&](const std::vector<Scalar>& a) {
                return select(expr(node.token, a[0]), expr(node.token, a[1]), expr(node.token, a[2]));
              });
}

Value Evaluator::tuple(const Syntax& node) {
  Value out;
  for (const int child : node.children) {
    for (const Scalar& scalar : evaluate(child)) out.push_back(scalar);
    if (out.size() > 256) source_.fail(node.token, "has more than 256 channels");
  }
  return out;
}

Value Evaluator::indexed(const Syntax& top) {
  std::vector<int> indices;  // the last is the first
  const Syntax* base = &top;
  for (; base->kind == Syntax::Kind::index; base = &program_.nodes[static_cast<std::size_t>(base->children[0])])
    indices.push_back(base->children[1]);
  const Token& token = base->token;
  const auto found =
      base->kind == Syntax::Kind::name && !local(token.text) ? symbols_.find(token.text) : symbols_.end();
  const bool is_array = found != symbols_.end() && found->second.kind != Symbol::Kind::stage;
  if (!is_array) {
    const Value value = evaluate(top.children[0]);
    const auto channel = whole(indices[0], 0, static_cast<std::int64_t>(value.size()) - 1, "a channel");
    return {value[static_cast<std::size_t>(channel)]};
  }
  Symbol& symbol = found->second;
  if (!symbol.ready) source_.fail(token, fmt::format("'{}' is declared further down", token.text), "move it up");
  if (indices.size() != symbol.sizes.size())
    source_.fail(token, fmt::format("'{}' takes {} indices, not {}", token.text, symbol.sizes.size(), indices.size()));
  if (symbol.kind == Symbol::Kind::table)
    return each(token, {evaluate(indices[0])}, [&](const std::vector<Scalar>& a) -> Scalar {
      if (const auto* known = std::get_if<double>(&a[0]))
        return symbol.entries[static_cast<std::size_t>(whole(
            this->token(indices[0]), *known, 0, static_cast<std::int64_t>(symbol.entries.size()) - 1, "an index"))];
      const Expr index = expr(token, a[0]);
      if (symbol.index < 0)
        symbol.index = pipeline_.table(std::string(token.text),
                                       std::vector<std::int64_t>(symbol.entries.begin(), symbol.entries.end()));
      return stage_->lookup(symbol.index, index);
    });
  std::size_t at = 0;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const std::size_t size = symbol.sizes[i];
    at = at * size + static_cast<std::size_t>(
                         whole(indices[indices.size() - 1 - i], 0, static_cast<std::int64_t>(size) - 1, "an index"));
  }
  return {symbol.entries[at]};
}

Value Evaluator::read(const Syntax& node, const Symbol& stage) {
  const Token& token = node.token;
  if (!stage_) source_.fail(token, "pixels are not known here", "read them inside stages");
  if (node.children.size() != 2)
    source_.fail(token, fmt::format("a pixel has a column and a row, as in {}(x, y)", token.text));
  Coordinate at[2];
  for (const std::size_t axis : {0u, 1u}) {
    const Value value = evaluate(node.children[axis]);
    const auto* place = value.size() == 1 ? std::get_if<Coordinate>(&value[0]) : nullptr;
    if (!place || place->axis != (axis ? Op::row : Op::column))
      source_.fail(this->token(node.children[axis]),
                   fmt::format("the {0} is not {1} plus a whole number, nor that of {1} * 2 or {1} / 2",
                               axis ? "row" : "column", axis ? 'y' : 'x'),
                   "windows are fixed: nothing else can be read");
    at[axis] = *place;
  }
  if (at[0].multiply != at[1].multiply || at[0].divide != at[1].divide)
    source_.fail(token, "samples columns and rows differently", "both are multiplied or divided by the same number");
  Value out;
  const int channels = pipeline_.stage_at(stage.index).type.channels;
  spend(token, static_cast<std::size_t>(channels));
  for (int c = 0; c < channels; ++c)
    out.push_back(located(token, [&]() -> Scalar {
      return stage_->read(stage.index, static_cast<int>(at[0].offset), static_cast<int>(at[1].offset), c,
                          static_cast<int>(at[0].multiply), static_cast<int>(at[0].divide));
    }));
  return out;
}

Value Evaluator::call(const Syntax& node) {
  const Token& token = node.token;
  if (const auto found = symbols_.find(token.text); found != symbols_.end()) {
    if (found->second.kind != Symbol::Kind::stage)
      source_.fail(token, fmt::format("'{0}' is a {1}: its entries are {0}[i]", token.text, name(found->second.kind)));
    return read(node, found->second);
  }
  std::vector<Value> arguments;
  for (const int child : node.children) arguments.push_back(evaluate(child));
  return function(node, arguments);
}

Value Evaluator::reduction(const Syntax& node) {
  if (node.variables.size() > 8) source_.fail(node.token, "runs over more than 8 variables");
  std::vector<Value> terms;
  reduce_over(node, 0, terms);
  return joined(node.token, terms);
}

void Evaluator::reduce_over(const Syntax& node, std::size_t variable, std::vector<Value>& terms) {
  if (variable == node.variables.size()) {
    terms.push_back(evaluate(node.children.back()));
    return;
  }
  constexpr std::int64_t most = std::int64_t{1} << 31;
  const auto low = whole(node.children[2 * variable], -most, most, "a range's first value"),
             high = whole(node.children[2 * variable + 1], -most, most, "a range's last value");
  const Token& name = node.variables[variable];
  if (low > high) source_.fail(name, fmt::format("'{}' has no value from {} to {}", name.text, low, high));
  for (std::int64_t v = low; v <= high; ++v) {
    define(name, {static_cast<double>(v)});
    reduce_over(node, variable + 1, terms);
    forget();
  }
}

/// A sum, product, minimum or maximum of the terms, channel by channel.
Value Evaluator::joined(const Token& token, const std::vector<Value>& terms) {
  const Op op = token.is("sum")       ? Op::add
                : token.is("product") ? Op::multiply
                : token.is("min")     ? Op::minimum
                                      : Op::maximum;
  return each(token, terms, [&](const std::vector<Scalar>& all) -> Scalar {
    spend(token, all.size());
    std::vector<Expr> values;
    for (const Scalar& scalar : all)
      if (!std::holds_alternative<double>(scalar)) values.push_back(expr(token, scalar));
    std::optional<double> known;
    for (const Scalar& scalar : all) {
      const auto* v = std::get_if<double>(&scalar);
      if (!v) continue;
      known = !known               ? *v
              : op == Op::add      ? *known + *v
              : op == Op::multiply ? *known * *v
              : op == Op::minimum  ? std::min(*known, *v)
                                   : std::max(*known, *v);
    }
    if (known && !std::isfinite(*known)) source_.fail(token, "gives no finite number");
    if (values.empty()) return *known;
    if (known) values.push_back(expr(token, *known));
    return reduce(op, values);
  });
}

}  // namespace pare::imaging
