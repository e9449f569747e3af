// The functions of the language, and arithmetic of places.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/imaging/evaluate.h"

namespace pare::imaging {
namespace {

constexpr std::int64_t most_place = 1 << 20;  // of offsets and factors: what is beyond is no place to read at

/// The whole number that a scalar is, if it is one that a place can have.
bool small_whole(const Scalar& scalar, std::int64_t& out) {
  const auto* v = std::get_if<double>(&scalar);
  if (!v || *v != std::floor(*v) || std::abs(*v) > most_place) return false;
  out = static_cast<std::int64_t>(*v);
  return true;
}

}  // namespace

bool combine(std::string_view op, const Scalar& a, const Scalar& b, Coordinate& out) {
  const bool place_first = std::holds_alternative<Coordinate>(a);
  const Scalar& other = place_first ? b : a;
  const auto* place = std::get_if<Coordinate>(place_first ? &a : &b);
  std::int64_t k = 0;
  if (!place || !small_whole(other, k) || op.size() != 1) return false;
  Coordinate& c = out = *place;
  if (op == "+") {
    c.offset += k;
  } else if (op == "-" && place_first) {
    c.offset -= k;
  } else if (op == "*" && k > 0 && c.divide == 1) {
    c.multiply *= k;
    c.offset *= k;
  } else if (op == "/" && place_first && k > 0 && c.offset % k == 0 && (c.multiply == 1 || c.multiply % k == 0)) {
    if (c.multiply > 1)
      c.multiply /= k;
    else
      c.divide *= k;
    c.offset /= k;
  } else {
    return false;
  }
  return std::abs(c.offset) <= most_place && c.multiply <= most_place && c.divide <= most_place;
}

Value Evaluator::real_function(const Syntax& node, const std::vector<Value>& arguments) {
  const Token& token = node.token;
  return each(token, arguments, [&](const std::vector<Scalar>& all) -> Scalar {
    const double a = number(token, all[0]), b = all.size() > 1 ? number(token, all[1]) : 0;
    const double value = token.is("exp")    ? std::exp(a)
                         : token.is("log")  ? std::log(a)
                         : token.is("sqrt") ? std::sqrt(a)
                         : token.is("sin")  ? std::sin(a)
                         : token.is("cos")  ? std::cos(a)
                                            : std::pow(a, b);
    if (!std::isfinite(value)) source_.fail(token, "gives no finite number");
    return value;
  });
}

/// floor, round and ceil to so many bits behind the point.
Scalar Evaluator::rounded(const Token& token, const Scalar& scalar, int fraction) {
  if (const auto* v = std::get_if<double>(&scalar)) {
    const double raised = std::ldexp(*v, fraction);
    const double cut = token.is("floor")   ? std::floor(raised)
                       : token.is("round") ? std::floor(raised + 0.5)
                                           : std::ceil(raised);
    return std::ldexp(cut, -fraction);
  }
  const Expr e = expr(token, scalar);
  if (token.is("floor")) return floor(e, fraction);
  return token.is("round") ? round(e, fraction) : -floor(-e, fraction);
}

Value Evaluator::typed(const Syntax& node, const std::vector<Value>& arguments) {
  if (!node.type && !stage_)
    source_.fail(node.token, "has no type here", fmt::format("name one, as in {}(a, u8)", node.token.text));
  const Type type = node.type.value_or(type_);
  return each(node.token, arguments, [&](const std::vector<Scalar>& a) -> Scalar {
    const Expr e = expr(node.token, a[0]);
    return node.token.is("sat") ? saturate(e, type) : wrap(e, type);
  });
}

Value Evaluator::function(const Syntax& node, const std::vector<Value>& arguments) {
  const Token& token = node.token;
  const std::size_t count = arguments.size();
  const auto takes = [&](std::size_t least, std::size_t most) {
    if (count < least || count > most)
      source_.fail(token, fmt::format("'{}' takes {}{} arguments, not {}", token.text, least,
                                      most > 99      ? " or more"
                                      : most > least ? fmt::format(" or {}", most)
                                                     : "",
                                      count));
  };
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names)
      if (token.is(name)) return true;
    return false;
  };
  if (is_one_of({"exp", "log", "sqrt", "sin", "cos"})) return takes(1, 1), real_function(node, arguments);
  if (token.is("pow")) return takes(2, 2), real_function(node, arguments);
  if (is_one_of({"sum", "product", "min", "max"})) return takes(1, 1000), joined(token, arguments);
  if (is_one_of({"sat", "wrap"})) return takes(1, 1), typed(node, arguments);
  if (is_one_of({"floor", "round", "ceil"})) {
    takes(1, 2);
    const int fraction = count > 1 ? static_cast<int>(whole(node.children[1], 0, 62, "bits behind the point")) : 0;
    return each(token, {arguments[0]}, [&](const std::vector<Scalar>& a) { return rounded(token, a[0], fraction); });
  }
  if (token.is("scale")) {
    takes(2, 2);
    const int bits = static_cast<int>(whole(node.children[1], -62, 62, "bits to move the point by"));
    return each(token, {arguments[0]}, [&](const std::vector<Scalar>& a) -> Scalar {
      if (const auto* v = std::get_if<double>(&a[0])) return std::ldexp(*v, bits);
      return scale(expr(token, a[0]), bits);
    });
  }
  if (token.is("abs")) {
    takes(1, 1);
    return each(token, arguments, [&](const std::vector<Scalar>& a) -> Scalar {
      if (const auto* v = std::get_if<double>(&a[0])) return std::abs(*v);
      return abs(expr(token, a[0]));
    });
  }
  if (!is_one_of({"clamp", "select"})) unknown(token);
  takes(3, 3);
  return each(token, arguments, [&](const std::vector<Scalar>& a) -> Scalar {
    if (const double* u = std::get_if<double>(&a[0]), *v = std::get_if<double>(&a[1]), *w = std::get_if<double>(&a[2]);
        u && v && w)
      return token.is("clamp") ? std::min(std::max(*u, *v), *w) : *u != 0 ? *v : *w;
    const Expr first = expr(token, a[0]), second = expr(token, a[1]), third = expr(token, a[2]);
    return token.is("clamp") ? clamp(first, second, third) : select(first, second, third);
  });
}

}  // namespace pare::imaging
