// The shape of a .pipe file: declarations and expressions as written, names not looked up.
#pragma once
#include <optional>
#include <vector>

#include "pare/imaging/lexer.h"
#include "pare/imaging/pipeline.h"

namespace pare::imaging {

/// Expressions nest no deeper (a chain of operators of one level is not nested).
constexpr int most_depth = 100;
constexpr std::size_t most_lets = 1000;  // of one stage

struct Syntax {
  enum class Kind {
    number,
    name,
    unary,      // - !
    binary,     // token: the operator
    select,     // a ? b : c
    call,       // a name with arguments: a function, or a pixel of a stage
    index,      // a[b]
    tuple,      // (a, b, ...)
    reduction,  // token: sum, product, min, max; children: low and high of each variable, then what is reduced
  };
  Kind kind = Kind::number;
  Token token;  // what errors point at
  std::vector<int> children = {};
  std::vector<Token> variables = {};  // of a reduction
  std::optional<Type> type = {};      // second argument of sat and wrap
  int depth = 1;
};

struct Let {
  Token name;
  int value = 0;
};

/// const, table: sizes and either entries or what each is, by variables.
struct ArraySyntax {
  Token name;
  bool is_table = false;
  std::vector<int> sizes;        // expressions
  std::vector<Token> variables;  // of `for`
  std::vector<std::vector<int>> rows;
  int value = -1;  // of a plain const, or of `for`
};

struct StageSyntax {
  Token name, type_token;
  Type type;
  bool is_input = false, is_output = false;
  Border border = Border::replicate;
  std::vector<Let> lets;
  int value = -1;
  int first = 0, last = 0;  // its expressions are nodes first .. last - 1
};

struct Program {
  std::vector<Syntax> nodes;  // children before parents
  std::vector<ArraySyntax> arrays;
  std::vector<StageSyntax> stages;
  std::vector<Token> outputs;  // of `output NAME`
};

/// Throws SourceError. The program's tokens refer to `source`.
Program parse_syntax(const SourceText& source);

/// Words that cannot be names.
bool is_reserved(std::string_view word);

}  // namespace pare::imaging
