#include "pare/imaging/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/base/file.h"
#include "pare/imaging/evaluate.h"

namespace pare::imaging {
namespace {

class Elaboration {
 public:
  Elaboration(const SourceText& source, const Program& program, const std::string& where, const std::string& name)
      : source_(source),
        program_(program),
        where_(where),
        pipeline_(name),
        evaluator_(source, program, symbols_, pipeline_) {}

  Pipeline run() {
    if (program_.outputs.empty() && std::ranges::none_of(program_.stages, &StageSyntax::is_output))
      throw Error("has no output", where_, "mark one stage: output NAME");
    declare();
    for (const ArraySyntax& array : program_.arrays) evaluate(array);
    for (const std::size_t stage : order()) build(program_.stages[stage]);
    for (const Token& output : program_.outputs) mark(output);
    if (const int stage = pipeline_.unused(); stage >= 0) {
      const Token& declared = symbols_.at(pipeline_.stage_at(stage).name).declared;
      source_.fail(declared, fmt::format("'{}' is read by no stage and is no output", declared.text),
                   "remove it, read it, or make it an output");
    }
    try {
      return pipeline_.finish();
    } catch (const Error& e) {
      throw Error(e.problem(), where_, e.mend());
    }
  }

 private:
  void declare(const Token& name, Symbol::Kind kind) {
    const auto [known, is_new] = symbols_.try_emplace(name.text, Symbol{kind, name});
    if (!is_new)
      source_.fail(name,
                   fmt::format("'{}' is already a {}, of line {}", name.text, imaging::name(known->second.kind),
                               source_.line_of(known->second.declared)),
                   "rename one of them");
  }

  void declare() {
    for (const ArraySyntax& array : program_.arrays)
      declare(array.name, array.is_table ? Symbol::Kind::table : Symbol::Kind::constant);
    for (const StageSyntax& stage : program_.stages) declare(stage.name, Symbol::Kind::stage);
  }

  void evaluate(const ArraySyntax& array) {
    Symbol& symbol = symbols_.at(array.name.text);
    evaluator_.enter(nullptr, {});
    std::size_t count = 1;
    for (const int size : array.sizes) {
      symbol.sizes.push_back(static_cast<std::size_t>(
          evaluator_.whole(size, 1, static_cast<std::int64_t>(most_table), "the number of entries")));
      count *= symbol.sizes.back();
      if (count > most_table)
        source_.fail(array.name, fmt::format("'{}' has more than {} entries", array.name.text, most_table));
    }
    if (!array.variables.empty())
      generate(array, symbol, 0);
    else if (!array.rows.empty())
      list(array, symbol);
    else
      symbol.entries.push_back(evaluator_.number(array.value));
    const bool is_plain = array.rows.empty() && array.variables.empty();
    if (is_plain != symbol.sizes.empty() || (array.is_table && symbol.sizes.size() != 1))
      source_.fail(array.name,
                   fmt::format("'{}' has {} sizes, its value has another number", array.name.text, symbol.sizes.size()),
                   array.is_table ? "a table is written NAME[256] = for i: ... or NAME = [1, 2, 3]"
                                  : "write NAME = 1, NAME = [1, 2; 3, 4], or NAME[3][3] = for i, j: ...");
    if (array.is_table) check_entries(array, symbol);
    symbol.ready = true;
  }

  void generate(const ArraySyntax& array, Symbol& symbol, std::size_t variable) {
    if (array.variables.size() != symbol.sizes.size())
      source_.fail(array.variables[0],
                   fmt::format("{} variables run over {} sizes", array.variables.size(), symbol.sizes.size()),
                   "one each, as in NAME[3][3] = for i, j: ...");
    if (variable == array.variables.size()) {
      symbol.entries.push_back(evaluator_.number(array.value));
      return;
    }
    for (std::size_t i = 0; i < symbol.sizes[variable]; ++i) {
      evaluator_.define(array.variables[variable], {static_cast<double>(i)});
      generate(array, symbol, variable + 1);
      evaluator_.forget();
    }
  }

  void list(const ArraySyntax& array, Symbol& symbol) {
    std::vector<std::size_t> sizes{array.rows.size(), array.rows[0].size()};
    if (sizes[0] == 1) sizes.erase(sizes.begin());
    for (const auto& row : array.rows) {
      if (row.size() != sizes.back())
        source_.fail(evaluator_.token(row[0]),
                     fmt::format("a row has {} entries, the first has {}", row.size(), sizes.back()));
      for (const int entry : row) symbol.entries.push_back(evaluator_.number(entry));
    }
    if (symbol.entries.size() > most_table)
      source_.fail(array.name, fmt::format("'{}' has more than {} entries", array.name.text, most_table));
    if (symbol.sizes.empty()) symbol.sizes = sizes;
    // one row fills any shape, the last index fastest
    std::size_t count = 1;
    for (const std::size_t size : symbol.sizes) count *= size;
    if (count != symbol.entries.size() || (array.rows.size() > 1 && symbol.sizes != sizes))
      source_.fail(array.name, fmt::format("'{}' has {} entries, not as many as its sizes say", array.name.text,
                                           symbol.entries.size()));
  }

  void check_entries(const ArraySyntax& array, const Symbol& symbol) const {
    for (std::size_t i = 0; i < symbol.entries.size(); ++i)
      if (const double v = symbol.entries[i]; v != std::floor(v) || std::abs(v) > 0x1p53)
        source_.fail(array.name, fmt::format("entry {} of '{}' is {}, no whole number", i, array.name.text, v),
                     "round it");
  }

  /// Stages that `stage` names, by number.
  std::vector<std::size_t> needs(const StageSyntax& stage) const {
    std::vector<std::size_t> out;
    for (int i = stage.first; i < stage.last; ++i) {
      const Syntax& node = program_.nodes[static_cast<std::size_t>(i)];
      if (node.kind != Syntax::Kind::call) continue;
      const auto found = number_.find(node.token.text);
      if (found != number_.end()) out.push_back(found->second);
    }
    return out;
  }

  /// Stages with what they read before them, else as written; inputs first. Throws SourceError for a cycle.
  std::vector<std::size_t> order() {
    for (std::size_t i = 0; i < program_.stages.size(); ++i) number_[program_.stages[i].name.text] = i;
    enum class Mark { unseen, open, done };
    struct Visit {
      std::size_t stage;
      std::vector<std::size_t> needs;
    };
    std::vector<Mark> marks(program_.stages.size(), Mark::unseen);
    std::vector<std::size_t> out;
    std::vector<Visit> path;
    const auto visit = [&](std::size_t stage) {
      marks[stage] = Mark::open;
      path.push_back({stage, needs(program_.stages[stage])});
      std::ranges::reverse(path.back().needs);
    };
    const auto visit_all = [&](bool inputs) {
      for (std::size_t i = 0; i < program_.stages.size(); ++i) {
        if (program_.stages[i].is_input != inputs || marks[i] != Mark::unseen) continue;
        for (visit(i); !path.empty();) {
          Visit& last = path.back();
          if (last.needs.empty()) {
            marks[last.stage] = Mark::done;
            out.push_back(last.stage);
            path.pop_back();
            continue;
          }
          const std::size_t next = last.needs.back();
          last.needs.pop_back();
          if (marks[next] == Mark::open) refuse_cycle(next, last.stage, [&](std::size_t k) { return path[k].stage; });
          if (marks[next] == Mark::unseen) visit(next);
        }
      }
    };
    visit_all(true);
    visit_all(false);
    return out;
  }

  template <typename F>
  [[noreturn]] void refuse_cycle(std::size_t first, std::size_t last, F path) const {
    std::size_t k = 0;
    while (path(k) != first) ++k;
    const auto name = [&](std::size_t stage) { return std::string(program_.stages[stage].name.text); };
    std::string cycle = name(first);
    for (std::size_t shown = 1; path(k) != last; ++shown) {
      const std::size_t stage = path(++k);
      if (shown < 8 || stage == last) cycle += fmt::format(" reads {}", name(stage));
    }
    cycle += fmt::format(" reads {}", name(first));
    source_.fail(program_.stages[first].name, "stages form a cycle: " + cycle,
                 "a pixel can only depend on stages before it");
  }

  void build(const StageSyntax& syntax) {
    Symbol& symbol = symbols_.at(syntax.name.text);
    const std::string name(syntax.name.text);
    if (syntax.is_input) {
      symbol.index = pipeline_.input(name, syntax.type);
    } else {
      StageBuilder stage = pipeline_.stage(name, syntax.border);
      evaluator_.enter(&stage, syntax.type);
      for (const Let& let : syntax.lets) evaluator_.define(let.name, evaluator_.evaluate(let.value));
      const std::vector<Expr> channels = evaluator_.exprs(syntax.value);
      symbol.index = finish(stage, syntax, channels);
      evaluator_.enter(nullptr, {});
    }
    symbol.ready = true;
  }

  int finish(StageBuilder& stage, const StageSyntax& syntax, const std::vector<Expr>& channels) const {
    try {
      return stage.finish(syntax.type, channels, syntax.is_output);
    } catch (const Error& e) {
      source_.fail(syntax.type_token, fmt::format("'{}' {}", syntax.name.text, e.problem()), e.mend());
    }
  }

  void mark(const Token& output) {
    const auto found = symbols_.find(output.text);
    if (found == symbols_.end() || found->second.kind != Symbol::Kind::stage)
      source_.fail(output, fmt::format("'{}' is no stage", output.text),
                   "write output NAME of a stage, or output NAME: type = value");
    if (pipeline_.stage_at(found->second.index).is_input)
      source_.fail(output, fmt::format("'{}' is an input and cannot be an output", output.text),
                   "write a stage that passes it on");
    pipeline_.mark_output(found->second.index);
  }

  const SourceText& source_;
  const Program& program_;
  std::string where_;
  PipelineBuilder pipeline_;
  Symbols symbols_;
  std::map<std::string_view, std::size_t> number_;  // of each stage in the file
  Evaluator evaluator_;
};

}  // namespace

Pipeline parse_pipeline(const std::string& text, const std::string& where, const std::string& name) {
  if (text.size() > most_source_bytes)
    throw Error(fmt::format("has {} bytes, of at most {}", text.size(), most_source_bytes), where);
  const SourceText source(text, where);
  const Program program = parse_syntax(source);
  return Elaboration(source, program, where, name).run();
}

Pipeline read_pipeline(const std::filesystem::path& path) {
  return parse_pipeline(read_file(path, most_source_bytes), path.string(), path.stem().string());
}

}  // namespace pare::imaging
