// Random expressions, written as text, against an evaluator of their own: exact dyadic numbers of 128 bits, pixel by
// pixel. And every node against its range.
#include "pare/imaging/interpret.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/base/random.h"
#include "pare/imaging/parse.h"

namespace pare::imaging {
namespace {

__extension__ typedef __int128 Wide;

/// n * 2^-f.
struct Number {
  Wide n = 0;
  int f = 0;
};

Wide floor_of(Wide a, Wide b) {
  const Wide q = a / b;
  return q * b != a && ((a < 0) != (b < 0)) ? q - 1 : q;
}
Wide power(int k) { return static_cast<Wide>(1) << k; }
Number to(const Number& a, int f) {
  return a.f <= f ? Number{a.n * power(f - a.f), f} : Number{floor_of(a.n, power(a.f - f)), f};
}

struct Place {
  int x = 0, y = 0;
};
using Evaluate = std::function<Number(Place)>;

struct Expression {
  std::string text;
  Evaluate value;
};

int bounded(int i, int n, Border border) {
  if (border == Border::zero) return i < 0 || i >= n ? -1 : i;
  for (;;) {
    if (i >= 0 && i < n) return i;
    if (border == Border::replicate) return i < 0 ? 0 : n - 1;
    i = i < 0 ? -i : 2 * n - 2 - i;
  }
}

/// Inputs a (the pipeline's size), b (half of it, two channels), c (twice).
struct Inputs {
  Frame a{8, 6, 1, {}}, b{4, 3, 2, {}}, c{16, 12, 1, {}};
};
const char* declarations = "table t[16] = for i: (i * 37) % 23 - 9\ninput a: s4.2\ninput b: u5x2\ninput c: u3.4\n";

class Generator {
 public:
  Generator(Random& random, const Inputs& inputs, Border border) : random_(random), inputs_(inputs), border_(border) {}

  Expression make(int depth) {
    if (depth == 0 || random_.below(8) == 0) return leaf();
    switch (random_.below(13)) {
      case 0: return unary(depth);
      case 1: return shift(depth);
      case 2: return condition(depth);
      case 3: return lookup(depth);
      case 4: return rounding(depth);
      case 5: return reduction();
      case 6: return clamped(depth);
      default: return binary(depth);
    }
  }

 private:
  int below(int n) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(n))); }

  Expression leaf() {
    const int dx = below(5) - 2, dy = below(3) - 1, kind = below(7);
    const auto at = [border = border_](const Frame& frame, int x, int y, int c) -> Wide {
      const int column = bounded(x, frame.width, border), row = bounded(y, frame.height, border);
      return column < 0 || row < 0 ? 0 : frame.at(column, row, c);
    };
    const Inputs* in = &inputs_;
    if (kind < 2)
      return {fmt::format("a(x + {}, y - {})", dx, -dy), [=](Place p) {
                return Number{at(in->a, p.x + dx, p.y + dy, 0), 2};
              }};
    if (kind == 2)
      return {fmt::format("b(x / 2 + {}, (y + {}) / 2)[1]", dx / 2, 2 * dy), [=](Place p) {
                return Number{at(in->b, p.x / 2 + dx / 2, p.y / 2 + dy, 1), 0};
              }};
    if (kind == 3)
      return {fmt::format("c(2 * (x + {}) + 1, y * 2 - {})", dx, -dy), [=](Place p) {
                return Number{at(in->c, 2 * (p.x + dx) + 1, 2 * p.y + dy, 0), 4};
              }};
    if (kind == 4) return {"x", [](Place p) { return Number{p.x, 0}; }};
    if (kind == 5) return {"y", [](Place p) { return Number{p.y, 0}; }};
    const int quarters = below(65) - 32;
    return {fmt::format("({:g} + a(x, y) * 0)", quarters / 4.0), [=](Place) { return Number{quarters, 2}; }};
  }

  Expression unary(int depth) {
    const Expression a = make(depth - 1);
    const int kind = below(5);
    const char* forms[] = {"(-{})", "abs({})", "(!{})", "({0} * {0})", "({0} <= {0})"};
    return {fmt::format(fmt::runtime(forms[kind]), a.text), [=, f = a.value](Place p) {
              const Number v = f(p);
              if (kind == 2) return Number{v.n == 0, 0};
              if (kind == 3) return Number{v.n * v.n, 2 * v.f};
              if (kind == 4) return Number{1, 0};
              return Number{kind == 0 || v.n < 0 ? -v.n : v.n, v.f};
            }};
  }

  Expression shift(int depth) {
    const Expression a = make(depth - 1);
    const int bits = below(5);
    const bool left = below(2);
    return {fmt::format("({} {} {})", a.text, left ? "<<" : ">>", bits), [=, f = a.value](Place p) {
              const Number v = f(p);
              return Number{left ? v.n * power(bits) : floor_of(v.n, power(bits)), v.f};
            }};
  }

  Expression condition(int depth) {
    const Expression a = make(depth - 1), b = make(depth - 1), c = make(depth - 1);
    const bool question = below(2);
    return {fmt::format(fmt::runtime(question ? "({} ? {} : {})" : "select({}, {}, {})"), a.text, b.text, c.text),
            [=](Place p) {
              const Number yes = b.value(p), no = c.value(p);
              return to(a.value(p).n != 0 ? yes : no, std::max(yes.f, no.f));
            }};
  }

  Expression lookup(int depth) {
    const Expression a = make(depth - 1);
    return {fmt::format("t[floor({}) & 15]", a.text), [=](Place p) {
              const Wide index = to(a.value(p), 0).n & 15;
              return Number{(index * 37) % 23 - 9, 0};
            }};
  }

  Expression rounding(int depth) {
    const Expression a = make(depth - 1);
    const int bits = below(3), kind = below(4);
    if (kind == 3)
      return {fmt::format("scale({}, {})", a.text, bits - 1), [=](Place p) {
                const Number v = a.value(p);
                return bits <= 1 ? Number{v.n, v.f + 1 - bits} : v.f > 0 ? Number{v.n, v.f - 1} : Number{v.n * 2, 0};
              }};
    const char* names[] = {"floor", "round", "ceil"};
    return {fmt::format("{}({}, {})", names[kind], a.text, bits), [=](Place p) {
              Number v = a.value(p);
              if (v.f <= bits) return v;
              if (kind == 1) v.n += power(v.f - bits - 1);
              if (kind == 2) v.n += power(v.f - bits) - 1;
              return to(v, bits);
            }};
  }

  Expression reduction() {
    const char* names[] = {"sum", "product", "min", "max"};
    const int kind = below(4);
    return {fmt::format("{}(j in -1..0, i in j..1: a(x + i, y + j) + i)", names[kind]), [=, this](Place p) {
              Number out;
              bool first = true;
              for (int j = -1; j <= 0; ++j)
                for (int i = j; i <= 1; ++i) {
                  const int x = bounded(p.x + i, 8, border_), y = bounded(p.y + j, 6, border_);
                  const Wide v = (x < 0 || y < 0 ? 0 : inputs_.a.at(x, y)) + 4 * i;
                  if (first)
                    out = {v, 2};
                  else if (kind == 0)
                    out.n += v;
                  else if (kind == 1)
                    out = {out.n * v, out.f + 2};
                  else
                    out.n = kind == 2 ? std::min(out.n, v) : std::max(out.n, v);
                  first = false;
                }
              return out;
            }};
  }

  Expression clamped(int depth) {
    const Expression a = make(depth - 1);
    if (below(2))
      return {fmt::format("wrap({}, s3.1)", a.text), [=](Place p) {
                const Wide low = to(a.value(p), 1).n & 15;
                return Number{low >= 8 ? low - 16 : low, 1};
              }};
    return {fmt::format("sat({}, u3.1)", a.text), [=](Place p) {
              const Wide v = to(a.value(p), 1).n;
              return Number{v < 0 ? 0 : v > 15 ? 15 : v, 1};
            }};
  }

  Expression binary(int depth) {
    const Expression a = make(depth - 1), b = make(depth - 1);
    static const std::vector<std::string> symbols{"+", "-",  "*", "/",  "%",  "&",  "|",  "^",
                                                  "<", "<=", ">", ">=", "==", "!=", "&&", "||"};
    const std::string symbol = symbols[random_.below(symbols.size())];
    const bool divides = symbol == "/" || symbol == "%";
    const std::string right = divides ? fmt::format("(abs({}) + 0.75)", b.text) : b.text;
    return {fmt::format("({} {} {})", a.text, symbol, right), [=](Place p) {
              Number u = a.value(p), v = b.value(p);
              if (symbol == "*") return Number{u.n * v.n, u.f + v.f};
              if (divides) {
                v = to(v, std::max(v.f, 2));
                v.n = (v.n < 0 ? -v.n : v.n) + 3 * power(v.f - 2);
              }
              const int f = std::max(u.f, v.f);
              const Wide l = to(u, f).n, r = to(v, f).n;
              if (symbol == "+") return Number{l + r, f};
              if (symbol == "-") return Number{l - r, f};
              if (symbol == "/") return Number{floor_of(l, r), 0};
              if (symbol == "%") return Number{l - r * floor_of(l, r), f};
              if (symbol == "&") return Number{l & r, f};
              if (symbol == "|") return Number{l | r, f};
              if (symbol == "^") return Number{l ^ r, f};
              if (symbol == "<") return Number{l < r, 0};
              if (symbol == "<=") return Number{l <= r, 0};
              if (symbol == ">") return Number{l > r, 0};
              if (symbol == ">=") return Number{l >= r, 0};
              if (symbol == "==") return Number{l == r, 0};
              if (symbol == "!=") return Number{l != r, 0};
              return Number{symbol == "&&" ? l != 0 && r != 0 : l != 0 || r != 0, 0};
            }};
  }

  Random& random_;
  const Inputs& inputs_;
  Border border_;
};

void fill(Frame& frame, std::int64_t low, std::int64_t high, Random& random) {
  frame.codes.resize(static_cast<std::size_t>(frame.width * frame.height * frame.channels));
  for (auto& code : frame.codes)
    code = low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

/// Every node of a stage at one pixel, by the definition in pipeline.h.
std::vector<Wide> nodes_at(const Pipeline& pipeline, const Stage& stage, const std::vector<Frame>& frames, int x,
                           int y) {
  std::vector<Wide> v;
  for (const Node& node : stage.nodes) {
    const auto get = [&](std::size_t i) {
      return node.arguments[i] < 0 ? Wide{0} : v[static_cast<std::size_t>(node.arguments[i])];
    };
    const Wide a = get(0), b = get(1), c = get(2);
    const int k = static_cast<int>(node.value);
    switch (node.op) {
      case Op::constant: v.push_back(node.value); break;
      case Op::pixel: {
        const Source& s = stage.sources[static_cast<std::size_t>(node.read.source)];
        const Frame& frame = frames[static_cast<std::size_t>(s.stage)];
        const int column = bounded(x * s.multiply / s.divide + node.read.dx, frame.width, stage.border),
                  row = bounded(y * s.multiply / s.divide + node.read.dy, frame.height, stage.border);
        v.push_back(column < 0 || row < 0 ? 0 : frame.at(column, row, node.read.channel));
        break;
      }
      case Op::column: v.push_back(x); break;
      case Op::row: v.push_back(y); break;
      case Op::add: v.push_back(a + b); break;
      case Op::subtract: v.push_back(a - b); break;
      case Op::multiply: v.push_back(a * b); break;
      case Op::divide: v.push_back(floor_of(a, b)); break;
      case Op::modulo: v.push_back(a - b * floor_of(a, b)); break;
      case Op::minimum: v.push_back(a < b ? a : b); break;
      case Op::maximum: v.push_back(a < b ? b : a); break;
      case Op::absolute: v.push_back(a < 0 ? -a : a); break;
      case Op::negate: v.push_back(-a); break;
      case Op::shift_left: v.push_back(a * power(k)); break;
      case Op::shift_right: v.push_back(floor_of(a, power(k))); break;
      case Op::bit_and: v.push_back(a & b); break;
      case Op::bit_or: v.push_back(a | b); break;
      case Op::bit_xor: v.push_back(a ^ b); break;
      case Op::less: v.push_back(a < b); break;
      case Op::less_equal: v.push_back(a <= b); break;
      case Op::equal: v.push_back(a == b); break;
      case Op::logical_not: v.push_back(a == 0); break;
      case Op::select: v.push_back(a != 0 ? b : c); break;
      case Op::lookup:
        v.push_back(pipeline.tables[static_cast<std::size_t>(k)].entries.at(static_cast<std::size_t>(a)));
        break;
    }
  }
  return v;
}

TEST(Interpret, RandomExpressionsAreWhatTheySayAndNodesWithinTheirRanges) {
  const int before = threads();
  set_threads(1);  // images are tiny
  Random random(7);
  int run = 0, refused = 0;
  const char* rules[] = {"zero", "replicate", "mirror"};
  for (int round = 0; round < 3000; ++round) {
    Inputs in;
    fill(in.a, -32, 31, random);
    fill(in.b, 0, 31, random);
    fill(in.c, 0, 127, random);
    const int rule = static_cast<int>(random.below(3));
    Generator generator(random, in, static_cast<Border>(rule));
    const Expression e = generator.make(1 + static_cast<int>(random.below(4)));
    const std::string text = fmt::format(
        "{}output o: s24.6 border {} = wrap({} + (a(x, y) + b(x / 2, y / 2)[0] + c(2 * x, 2 * y)) * 0.25)\n",
        declarations, rules[rule], e.text);
    Pipeline pipeline;
    try {
      pipeline = parse_pipeline(text, "random", "random");
    } catch (const Error& error) {
      ASSERT_THAT(error.problem(), testing::AnyOf(testing::HasSubstr("62 bits"), testing::HasSubstr("fraction bits")))
          << error.what();
      ++refused;
      continue;
    }
    const std::vector<Frame> inputs{in.a, in.b, in.c};
    const Frame out = interpret(pipeline, inputs).at(0);
    const Stage& stage = pipeline.stages.back();
    for (int y = 0; y < 6; ++y)
      for (int x = 0; x < 8; ++x) {
        const auto at = [](const Frame& f, int i, int j, int c) -> Wide { return f.at(i, j, c); };
        Number total = e.value({x, y});
        const int f = std::max(total.f, 6);
        total = to(total, f);
        // in 64ths: a has 2 bits behind its point, c has 4, and both are taken a quarter
        total.n += (at(in.a, x, y, 0) * 4 + at(in.b, x / 2, y / 2, 0) * 16 + at(in.c, 2 * x, 2 * y, 0)) * power(f - 6);
        Wide code = to(total, 6).n & (power(30) - 1);
        if (code >= power(29)) code -= power(30);
        ASSERT_EQ(out.at(x, y), static_cast<std::int64_t>(code)) << x << ", " << y << " of\n" << text;
        const std::vector<Wide> nodes = nodes_at(pipeline, stage, inputs, x, y);
        for (std::size_t i = 0; i < nodes.size(); ++i) {
          ASSERT_GE(nodes[i], stage.nodes[i].range.low) << "node " << i << " of\n" << text;
          ASSERT_LE(nodes[i], stage.nodes[i].range.high) << "node " << i << " of\n" << text;
        }
      }
    ++run;
  }
  set_threads(before);
  EXPECT_GT(run, 2500) << refused << " refused";
}

TEST(Interpret, DoesNotDependOnThreadsAndComputesWideRows) {
  const Pipeline pipeline = parse_pipeline(
      "input a: u8\nstage s: u8 = (a(x - 1, y) + a(x + 2, y - 1)) >> 1\noutput o: s45.2 = s(x, y + 1) * x * 65536 - y "
      "* 0.25\n",
      "wide", "wide");
  Random random(3);
  Frame a{1733, 9, 1, {}};
  fill(a, 0, 255, random);
  const int before = threads();
  set_threads(1);
  const Frame one = interpret(pipeline, {a})[0];
  set_threads(7);
  EXPECT_EQ(one, interpret(pipeline, {a})[0]);
  set_threads(before);
  const auto s = [&](int x, int y) {
    const auto at = [&](int i, int j) { return a.at(std::clamp(i, 0, 1732), std::clamp(j, 0, 8)); };
    y = std::min(y, 8);
    return (at(x - 1, y) + at(x + 2, y - 1)) / 2;
  };
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 1733; ++x) ASSERT_EQ(one.at(x, y), s(x, y + 1) * x * 262144 - y) << x << ", " << y;
}

TEST(Interpret, RefusesWhatDoesNotFit) {
  const auto message = [](const Pipeline& p, const std::vector<Frame>& frames) -> std::string {
    try {
      interpret(p, frames);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  const auto frame = [](int w, int h, int c = 1, std::int64_t v = 0) {
    return Frame{w, h, c, std::vector<std::int64_t>(static_cast<std::size_t>(w * h * c), v)};
  };
  const Pipeline p = parse_pipeline(
      "border mirror\ninput a: u8\ninput b: u4x3\noutput o: u9 = a(x + 2, y) + b(2 * x, 2 * y)[0]", "f", "p");
  EXPECT_EQ(message(p, {frame(5, 1), frame(10, 2, 3)}), "");
  using testing::HasSubstr;
  EXPECT_THAT(message(p, {frame(5, 1)}), HasSubstr("1 images are given, the pipeline has 2 inputs"));
  EXPECT_THAT(message(p, {frame(4, 1), frame(8, 2, 3)}),
              HasSubstr("stage 'o' needs a window of 5 x 1 of 'a', an image of 4 x 1"));
  EXPECT_THAT(message(p, {frame(5, 1), frame(10, 4, 3)}), HasSubstr("10 x 2 are needed"));
  EXPECT_THAT(message(p, {frame(5, 1), frame(10, 2)}), HasSubstr("the image has 1 channels, the type u4x3 has 3"));
  EXPECT_THAT(message(p, {frame(5, 1, 1, 256), frame(10, 2, 3)}),
              HasSubstr("the pixel at (0, 0) is 256, outside u8's 0 to 255"));
  const Pipeline half = parse_pipeline("input a: u8\noutput o: u8 = a(2 * x, 2 * y)", "f", "p");
  EXPECT_THAT(message(half, {frame(5, 4)}), HasSubstr("5 x 4 pixels do not divide by 2, as stage 'o' needs"));
  EXPECT_EQ(message(half, {frame(6, 4)}), "");
}

}  // namespace
}  // namespace pare::imaging
