// Recursive descent for declarations, precedence climbing for expressions.
#include "pare/imaging/syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "pare/imaging/builder.h"

namespace pare::imaging {
namespace {

constexpr std::array words{"border", "const", "table",  "input", "stage", "output",  "let",   "for",
                           "in",     "x",     "y",      "pi",    "sum",   "product", "min",   "max",
                           "abs",    "clamp", "select", "sat",   "wrap",  "floor",   "round", "ceil",
                           "scale",  "exp",   "log",    "sqrt",  "pow",   "sin",     "cos"};
/// Those that start something, never a value.
constexpr std::array starters{"border", "const", "table", "input", "stage", "output", "let", "for", "in"};

/// How tightly an operator binds, 0 for what is none.
int binding(const Token& token) {
  using Level = std::array<std::string_view, 6>;
  constexpr std::array levels{Level{"||"},       Level{"&&"},     Level{"==", "!=", "<", "<=", ">", ">="},
                              Level{"|"},        Level{"^"},      Level{"&"},
                              Level{"<<", ">>"}, Level{"+", "-"}, Level{"*", "/", "%"}};
  if (token.kind != Token::Kind::symbol) return 0;
  for (std::size_t i = 0; i < levels.size(); ++i)
    if (std::ranges::find(levels[i], token.text) != levels[i].end()) return static_cast<int>(i) + 1;
  return 0;
}
constexpr int comparison = 3;

std::string shown(const Token& token) {
  return token.kind == Token::Kind::end ? "the end of the file" : fmt::format("'{}'", token.text);
}

class Parser {
 public:
  explicit Parser(const SourceText& source) : source_(source), tokens_(source.tokens()) {}

  Program run() {
    while (peek().kind != Token::Kind::end) declaration();
    return std::move(program_);
  }

 private:
  const Token& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token take() {
    const Token token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool accept(std::string_view symbol) {
    if (!peek().is(symbol)) return false;
    take();
    return true;
  }
  Token expect(std::string_view symbol, const char* behind) {
    if (!peek().is(symbol))
      source_.fail(peek(), fmt::format("'{}' is expected {}, not {}", symbol, behind, shown(peek())));
    return take();
  }
  Token new_name(const char* of) {
    const Token token = peek();
    if (token.kind != Token::Kind::name)
      source_.fail(token, fmt::format("a name of {} is expected, not {}", of, shown(token)));
    if (is_reserved(token.text))
      source_.fail(token, fmt::format("'{}' is a word of the language", token.text), "choose another name");
    return take();
  }

  void declaration() {
    const Token word = take();
    if (word.is("border"))
      border_ = border_rule();
    else if (word.is("const") || word.is("table"))
      array(word.is("table"));
    else if (word.is("input"))
      input();
    else if (word.is("stage") || word.is("output"))
      stage(word.is("output"));
    else
      source_.fail(word, fmt::format("a declaration is expected, not {}", shown(word)),
                   "it starts with border, const, table, input, stage or output");
  }

  Border border_rule() {
    const Token word = take();
    if (word.is("zero")) return Border::zero;
    if (word.is("replicate")) return Border::replicate;
    if (word.is("mirror")) return Border::mirror;
    source_.fail(word, fmt::format("{} is no border rule", shown(word)), "they are zero, replicate and mirror");
  }

  Type type() {
    const Token token = take();
    const auto refuse = [&](const std::string& what) {
      source_.fail(token, what, "types are u8, s12, u4.8 (bits before and behind the point), u8x3 (channels)");
    };
    std::string_view rest = token.text;
    if (token.kind != Token::Kind::name || (rest[0] != 'u' && rest[0] != 's')) refuse(shown(token) + " is no type");
    Type made{.is_signed = rest[0] == 's', .bits = 0, .fraction = 0, .channels = 1};
    rest.remove_prefix(1);
    const auto number = [&](int& out) {
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
      if (error != std::errc() || out > 1000) refuse(shown(token) + " is no type");
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    };
    const auto next = [&](char c) {
      if (!rest.starts_with(c)) return false;
      rest.remove_prefix(1);
      return true;
    };
    number(made.bits);
    if (next('.')) number(made.fraction);
    if (next('x')) number(made.channels);
    if (!rest.empty()) refuse(shown(token) + " is no type");
    made.bits += made.fraction;
    if (made.bits < 1 || made.bits > 48) refuse(fmt::format("{} has {} bits, of 1 to 48", shown(token), made.bits));
    if (made.channels < 1 || made.channels > 256)
      refuse(fmt::format("{} has {} channels, of 1 to 256", shown(token), made.channels));
    return made;
  }

  void array(bool is_table) {
    ArraySyntax made;
    made.is_table = is_table;
    made.name = new_name(is_table ? "a table" : "a constant");
    while (accept("[")) {
      made.sizes.push_back(expression());
      expect("]", "behind the size");
    }
    expect("=", "behind the name");
    if (accept("for")) {
      do made.variables.push_back(new_name("a variable"));
      while (accept(","));
      expect(":", "behind the variables");
      made.value = expression();
    } else if (accept("[")) {
      do {
        made.rows.emplace_back();
        do made.rows.back().push_back(expression());
        while (accept(","));
      } while (accept(";"));
      expect("]", "behind the entries");
    } else {
      made.value = expression();
    }
    program_.arrays.push_back(std::move(made));
  }

  void input() {
    StageSyntax made;
    made.is_input = true;
    made.name = new_name("an input");
    expect(":", "behind the name");
    made.type_token = peek();
    made.type = type();
    add(std::move(made));
  }

  void stage(bool is_output) {
    StageSyntax made;
    made.is_output = is_output;
    made.name = new_name("a stage");
    if (is_output && !peek().is(":")) {
      program_.outputs.push_back(made.name);
      return;
    }
    expect(":", "behind the name");
    made.type_token = peek();
    made.type = type();
    made.border = accept("border") ? border_rule() : border_;
    made.first = static_cast<int>(program_.nodes.size());
    if (accept("{")) {
      while (accept("let")) {
        Let let{new_name("a value")};
        expect("=", "behind the name");
        let.value = expression();
        expect(";", "behind the value");
        if (made.lets.size() == most_lets)
          source_.fail(let.name, fmt::format("is one of more than {} values", most_lets));
        made.lets.push_back(let);
      }
      made.value = expression();
      accept(";");
      expect("}", "behind the stage's value");
    } else {
      expect("=", "before the stage's value");
      made.value = expression();
    }
    made.last = static_cast<int>(program_.nodes.size());
    add(std::move(made));
  }

  void add(StageSyntax made) {
    if (program_.stages.size() == most_stages)
      source_.fail(made.name, fmt::format("is one of more than {} stages", most_stages));
    program_.stages.push_back(std::move(made));
  }

  int add(Syntax node) {
    for (const int child : node.children) {
      const Syntax& c = program_.nodes[static_cast<std::size_t>(child)];
      // chains that lean to the left are computed in a loop
      const bool in_chain = child == node.children[0] && c.kind == node.kind && node.kind == Syntax::Kind::binary;
      node.depth = std::max(node.depth, c.depth + !in_chain);
    }
    if (node.depth > most_depth) too_deep(node.token);
    program_.nodes.push_back(std::move(node));
    return static_cast<int>(program_.nodes.size()) - 1;
  }

  [[noreturn]] void too_deep(const Token& token) const {
    source_.fail(token, fmt::format("nests deeper than {} levels", most_depth), "name parts of it with let");
  }

  int expression() {
    if (++depth_ > most_depth) too_deep(peek());
    int value = binary(1);
    if (peek().is("?")) {
      const Token token = take();
      const int yes = expression();
      expect(":", "between the two values of '?'");
      const int no = expression();
      value = add({.kind = Syntax::Kind::select, .token = token, .children = {value, yes, no}});
    }
    --depth_;
    return value;
  }

  int binary(int least) {
    int left = unary();
    for (;;) {
      const int level = binding(peek());
      if (level < least || level == 0) return left;
      const Token token = take();
      const int right = binary(level + 1);
      left = add({.kind = Syntax::Kind::binary, .token = token, .children = {left, right}});
      if (level == comparison && binding(peek()) == comparison)
        source_.fail(peek(), "compares a comparison", "join two with &&, as in a < b && b < c");
    }
  }

  int unary() {
    if (!peek().is("-") && !peek().is("!")) return postfix();
    if (++depth_ > most_depth) too_deep(peek());
    const Token token = take();
    const int value = unary();
    --depth_;
    return add({.kind = Syntax::Kind::unary, .token = token, .children = {value}});
  }

  int postfix() {
    int value = primary();
    while (peek().is("[")) {
      take();
      const int index = expression();
      expect("]", "behind the index");
      const Token token = program_.nodes[static_cast<std::size_t>(value)].token;
      value = add({.kind = Syntax::Kind::index, .token = token, .children = {value, index}});
    }
    return value;
  }

  int primary() {
    const Token token = peek();
    if (token.kind == Token::Kind::number) return add({.kind = Syntax::Kind::number, .token = take()});
    if (accept("(")) {
      std::vector<int> values;
      do values.push_back(expression());
      while (accept(","));
      expect(")", "behind the expression");
      return values.size() == 1 ? values[0]
                                : add({.kind = Syntax::Kind::tuple, .token = token, .children = std::move(values)});
    }
    if (token.kind != Token::Kind::name || std::ranges::find(starters, token.text) != starters.end())
      source_.fail(token, fmt::format("a value is expected, not {}", shown(token)));
    take();
    if (!peek().is("(")) return add({.kind = Syntax::Kind::name, .token = token});
    take();
    return peek(1).is("in") ? reduction(token) : call(token);
  }

  int reduction(const Token& token) {
    if (!token.is("sum") && !token.is("product") && !token.is("min") && !token.is("max"))
      source_.fail(token, fmt::format("'{}' does not run over ranges", token.text), "sum, product, min and max do");
    Syntax node{.kind = Syntax::Kind::reduction, .token = token};
    do {
      node.variables.push_back(new_name("a variable"));
      expect("in", "behind the variable");
      node.children.push_back(expression());
      expect("..", "between the first and the last value");
      node.children.push_back(expression());
    } while (accept(","));
    expect(":", "behind the ranges");
    node.children.push_back(expression());
    expect(")", "behind what is reduced");
    return add(std::move(node));
  }

  int call(const Token& token) {
    Syntax node{.kind = Syntax::Kind::call, .token = token};
    const bool takes_type = token.is("sat") || token.is("wrap");
    if (!accept(")")) {
      do {
        if (takes_type && node.children.size() == 1 && !node.type)
          node.type = type();
        else
          node.children.push_back(expression());
      } while (accept(","));
      expect(")", "behind the arguments");
    }
    return add(std::move(node));
  }

  const SourceText& source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Border border_ = Border::replicate;
  Program program_;
};

}  // namespace

bool is_reserved(std::string_view word) { return std::ranges::find(words, word) != words.end(); }

Program parse_syntax(const SourceText& source) { return Parser(source).run(); }

}  // namespace pare::imaging
