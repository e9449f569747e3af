// A stage's arithmetic: every node a wire as wide as its range, one register at the end.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>

#include "pare/imaging/verilog_hardware.h"

namespace pare::imaging {
namespace {

using rtl::Module;
using rtl::Signal;
using std::size_t;

Range range_of(const Table& table) {
  const auto [low, high] = std::ranges::minmax(table.entries);
  return {low, high};
}

class Expressions {
 public:
  Expressions(const Hardware& hardware, int stage, Module& module)
      : hardware_(hardware), stage_(hardware.stage(stage)), module_(module), values_(stage_.nodes.size()) {}

  void source(const Signal& taps, std::vector<Tap> reads, int stage) {
    sources_.push_back({module_.watch(taps), std::move(reads), hardware_.stage(stage).type});
  }
  void column(const Signal& s) { column_ = s; }
  void row(const Signal& s) { row_ = s; }

  /// All nodes as wires; the pixel's bits, the first channel lowest.
  std::string write() {
    for (size_t i = 0; i < stage_.nodes.size(); ++i) values_[i] = value(static_cast<int>(i));
    std::vector<std::string> channels;
    for (const int root : stage_.roots)
      channels.insert(channels.begin(), module_.resized(values_[static_cast<size_t>(root)], stage_.type.bits));
    return channels.size() == 1 ? channels[0] : fmt::format("{{{}}}", fmt::join(channels, ", "));
  }

  void write_tables() {
    std::vector<std::int64_t> done;
    for (const Node& node : stage_.nodes) {
      if (node.op != Op::lookup || std::ranges::count(done, node.value)) continue;
      done.push_back(node.value);
      write_table(node.value);
    }
  }

 private:
  struct Source {
    Signal taps;
    std::vector<Tap> reads;
    Type type;
  };

  void write_table(std::int64_t table) {
    const auto& entries = hardware_.pipeline.tables[static_cast<size_t>(table)].entries;
    const int width = bits_of(range_of(hardware_.pipeline.tables[static_cast<size_t>(table)]));
    const int index = rtl::index_bits(static_cast<std::int64_t>(entries.size()));
    module_.line(fmt::format("// {}", hardware_.pipeline.tables[static_cast<size_t>(table)].name));
    module_.line(fmt::format("function {}table_{};", rtl::vector(width), table));
    module_.line(fmt::format("  input {}index;", rtl::vector(index)));
    module_.line("  case (index)");
    for (size_t i = 0; i + 1 < entries.size(); ++i)
      module_.line(fmt::format("    {}: table_{} = {};", rtl::literal(static_cast<std::int64_t>(i), index), table,
                               rtl::literal(entries[i], width)));
    module_.line(fmt::format("    default: table_{} = {};", table, rtl::literal(entries.back(), width)));
    module_.line("  endcase");
    module_.line("endfunction");
  }

  Signal wire(const std::string& name, int width, bool is_signed, const std::string& expression) {
    Signal signal = module_.wire(name, width, expression);
    signal.is_signed = is_signed;
    return module_.watch(signal);
  }

  const Signal& argument(const Node& node, size_t i) const { return values_[static_cast<size_t>(node.arguments[i])]; }

  Signal value(int index) {
    const Node& node = stage_.nodes[static_cast<size_t>(index)];
    const int width = bits_of(node.range);
    const bool is_signed = node.range.low < 0;
    if (node.op == Op::constant) return {"", width, is_signed, node.value};
    if (node.op == Op::column) return column_;
    if (node.op == Op::row) return row_;
    const std::string name = fmt::format("n{}", index);
    if (node.op == Op::pixel) return pixel(node.read, name);
    return wire(name, width, is_signed, expression(node, name, width));
  }

  Signal pixel(const Read& read, const std::string& name) {
    const Source& source = sources_[static_cast<size_t>(read.source)];
    const auto tap = std::ranges::find(source.reads, Tap{0, read.dy, read.dx}) - source.reads.begin();
    const int low = (static_cast<int>(tap) * source.type.channels + read.channel) * source.type.bits;
    return wire(name, source.type.bits, source.type.is_signed,
                module_.bits(source.taps, low + source.type.bits - 1, low));
  }

  /// Both in the least common width that holds them, to be compared.
  std::string compared(const Signal& a, const char* with, const Signal& b) {
    const bool is_signed = a.is_signed || b.is_signed;
    const auto needed = [&](const Signal& s) { return s.width + (is_signed && !s.is_signed); };
    const int width = std::max(needed(a), needed(b));
    if (!is_signed) return fmt::format("({} {} {})", module_.resized(a, width), with, module_.resized(b, width));
    return fmt::format("($signed({}) {} $signed({}))", module_.resized(a, width), with, module_.resized(b, width));
  }

  std::string truth(const Signal& a) { return a.width == 1 ? module_.all(a) : fmt::format("(|{})", module_.all(a)); }

  std::string shifted_right(const Signal& a, std::int64_t by, int width) {
    const int low = static_cast<int>(std::min<std::int64_t>(by, a.width));
    if (low == a.width) {
      const std::string sign = a.is_signed ? module_.bits(a, a.width - 1, a.width - 1) : "1'b0";
      return width == 1 ? sign : fmt::format("{{{}{{{}}}}}", width, sign);
    }
    const int kept = std::min(width, a.width - low);
    std::string bits = module_.bits(a, low + kept - 1, low);
    if (kept == width) return bits;
    const std::string sign = a.is_signed ? module_.bits(a, a.width - 1, a.width - 1) : "1'b0";
    return fmt::format("{{{{{}{{{}}}}}, {}}}", width - kept, sign, bits);
  }

  /// log2 of a constant power of two, or -1.
  static int power_of_two(const Signal& b) {
    if (!b.value || *b.value <= 0 || (*b.value & (*b.value - 1))) return -1;
    return std::countr_zero(static_cast<std::uint64_t>(*b.value));
  }

  /// Quotient and remainder by truncation, in a width where neither operand nor quotient overflows.
  struct Division {
    std::string quotient, remainder, divisor;
    int width;
    bool is_signed;
  };
  Division division(const Signal& a, const Signal& b) {
    const bool is_signed = a.is_signed || b.is_signed;
    const int width = std::max(a.width, b.width) + 2 * is_signed;
    const std::string left = module_.resized(a, width), right = module_.resized(b, width);
    if (!is_signed) return {left + " / " + right, left + " % " + right, right, width, false};
    return {fmt::format("$signed({}) / $signed({})", left, right),
            fmt::format("$signed({}) % $signed({})", left, right), right, width, true};
  }

  std::string floor_divide(const Signal& a, const Signal& b, const std::string& name, int width) {
    if (const int by = power_of_two(b); by >= 0) return shifted_right(a, by, width);
    const Division d = division(a, b);
    Signal quotient = wire(name + "_q", d.width, d.is_signed, d.quotient);
    if (d.is_signed) {
      // truncation went up where the signs differ and something was left
      const Signal rest = module_.wire(name + "_r", d.width, d.remainder);
      const Signal divisor = module_.watch(module_.wire(name + "_d", d.width, d.divisor));
      const std::string sign = module_.bits(divisor, d.width - 1, d.width - 1);
      quotient = wire(name + "_f", d.width, true,
                      fmt::format("{} - {{{}, (|{}) & ({}[{}] ^ {})}}", module_.all(quotient),
                                  rtl::literal(0, d.width - 1), rest.name, rest.name, d.width - 1, sign));
    }
    return module_.resized(quotient, width);
  }

  std::string modulo(const Signal& a, const Signal& b, const std::string& name, int width) {
    if (const int by = power_of_two(b); by >= 0) {
      if (by == 0) return rtl::literal(0, width);
      const int kept = std::min(by, width);
      const std::string low = module_.resized(a, kept);
      return kept == width ? low : fmt::format("{{{}, {}}}", rtl::literal(0, width - kept), low);
    }
    const Division d = division(a, b);
    const Signal rest = wire(name + "_r", d.width, d.is_signed, d.remainder);
    if (!d.is_signed) return module_.resized(rest, width);
    const Signal positive =
        wire(name + "_m", d.width, true,
             fmt::format("{}[{}] ? {} + {} : {}", rest.name, d.width - 1, module_.all(rest), d.divisor, rest.name));
    return module_.resized(positive, width);
  }

  std::string expression(const Node& node, const std::string& name, int width) {
    const auto a = [&]() -> const Signal& { return argument(node, 0); };
    const auto b = [&]() -> const Signal& { return argument(node, 1); };
    const auto c = [&]() -> const Signal& { return argument(node, 2); };
    const auto sized = [&](const Signal& s) { return module_.resized(s, width); };
    const auto two = [&](const char* op) { return fmt::format("{} {} {}", sized(a()), op, sized(b())); };
    switch (node.op) {
      // modulo 2^width, which holds the result: wider arguments may lose their high bits
      case Op::add: return two("+");
      case Op::subtract: return two("-");
      case Op::multiply:
        if (!a().is_signed && !b().is_signed) return two("*");
        return fmt::format("$signed({}) * $signed({})", sized(a()), sized(b()));
      case Op::negate: return "-" + sized(a());
      case Op::shift_left: {
        const int by = static_cast<int>(std::min<std::int64_t>(node.value, width));
        if (by == width) return rtl::literal(0, width);
        return fmt::format("{{{}, {}}}", module_.resized(a(), width - by), rtl::literal(0, by));
      }
      case Op::bit_and: return two("&");
      case Op::bit_or: return two("|");
      case Op::bit_xor: return two("^");
      case Op::shift_right: return shifted_right(a(), node.value, width);
      case Op::divide: return floor_divide(a(), b(), name, width);
      case Op::modulo: return modulo(a(), b(), name, width);
      case Op::minimum: return fmt::format("{} ? {} : {}", compared(a(), "<", b()), sized(a()), sized(b()));
      case Op::maximum: return fmt::format("{} ? {} : {}", compared(a(), "<", b()), sized(b()), sized(a()));
      case Op::absolute: {
        if (!a().is_signed) return sized(a());
        return fmt::format("{} ? -{} : {}", module_.bits(a(), a().width - 1, a().width - 1), sized(a()), sized(a()));
      }
      case Op::less: return compared(a(), "<", b());
      case Op::less_equal: return compared(a(), "<=", b());
      case Op::equal: return compared(a(), "==", b());
      case Op::logical_not: return "~" + truth(a());
      case Op::select: return fmt::format("{} ? {} : {}", truth(a()), sized(b()), sized(c()));
      case Op::lookup: {
        const Table& table = hardware_.pipeline.tables[static_cast<size_t>(node.value)];
        const Range range = range_of(table);
        const int index = rtl::index_bits(static_cast<std::int64_t>(table.entries.size()));
        return module_.resized(wire(name + "_t", bits_of(range), range.low < 0,
                                    fmt::format("table_{}({})", node.value, module_.resized(a(), index))),
                               width);
      }
      default: return {};  // leaves: see value()
    }
  }

  const Hardware& hardware_;
  const Stage& stage_;
  Module& module_;
  std::vector<Signal> values_;
  std::vector<Source> sources_;
  Signal column_, row_;
};

}  // namespace

bool uses(const Stage& stage, Op op) {
  return std::ranges::any_of(stage.nodes, [op](const Node& node) { return node.op == op; });
}

std::string stage_module(const Hardware& hardware, int stage) {
  return hardware.module("stage", hardware.stage(stage).name);
}

void write_stage(const Hardware& hardware, int s, Modules& out) {
  const Stage& stage = hardware.stage(s);
  Module module(stage_module(hardware, s),
                fmt::format("Stage {}: {}, one pixel a clock.", stage.name, name(stage.type)));
  module.input("clk");
  module.input("enable");
  Expressions expressions(hardware, s, module);
  if (uses(stage, Op::column))
    expressions.column(module.watch(module.input("column", rtl::index_bits(hardware.columns(s)))));
  if (uses(stage, Op::row)) expressions.row(module.watch(module.input("row", rtl::index_bits(hardware.rows(s)))));
  for (size_t i = 0; i < stage.sources.size(); ++i) {
    const int producer = stage.sources[i].stage;
    for (const int e : hardware.edges_into(s)) {
      if (hardware.edge(e).producer != producer) continue;
      std::vector<Tap> reads = hardware.taps(e);
      std::erase_if(reads, [](const Tap& tap) { return tap.lane > 0; });
      const Signal taps =
          module.input(fmt::format("taps_{}", i), static_cast<int>(reads.size()) * hardware.pixel_bits(producer));
      expressions.source(taps, reads, producer);
    }
  }
  const Signal pixel = module.output_reg("pixel", hardware.pixel_bits(s));
  expressions.write_tables();
  const std::string value = expressions.write();
  module.line("always @(posedge clk)");
  module.line(fmt::format("  if (enable) {} <= {};", pixel.name, value));
  out[module.name()] = module.text();
}

}  // namespace pare::imaging
