// The buffer of a stage: lines in memory blocks with a fixed port for every access, or a chain of registers.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "pare/imaging/verilog_hardware.h"

namespace pare::imaging {
namespace {

using rtl::Module;
using rtl::Signal;

/// How a block uses one of its ports.
struct PortUse {
  bool reads = false, writes = false;
};

/// A block with those ports that are used, and only what they are used for.
std::string write_block(const Hardware& hardware, int words, int bits, const std::vector<PortUse>& ports,
                        Modules& out) {
  std::string kinds;
  for (const PortUse& port : ports)
    kinds += port.reads && port.writes ? 'b' : port.reads ? 'r' : port.writes ? 'w' : '-';
  std::erase(kinds, '-');
  std::string name = fmt::format("{}_block_{}x{}_{}", hardware.prefix, words, bits, kinds);
  if (out.contains(name)) return name;
  Module module(name,
                fmt::format("Memory block of {} words of {} bits. Ports: r reads, w writes, b either.", words, bits));
  module.attribute(
      "keep_hierarchy");  // else Yosys joins write ports that are never used at once, and then lacks a read port
  module.input("clk");
  const int address = rtl::index_bits(words);
  for (std::size_t p = 0; p < kinds.size(); ++p) {
    module.input(fmt::format("enable{}", p));
    if (kinds[p] == 'b') module.input(fmt::format("write{}", p));
    module.input(fmt::format("address{}", p), address);
    if (kinds[p] != 'r') module.input(fmt::format("in{}", p), bits);
    if (kinds[p] != 'w') module.output_reg(fmt::format("out{}", p), bits);
  }
  // the schedule reads no cell that is being written
  module.line(
      fmt::format("(* ram_style = \"block\", no_rw_check *) reg {}cells [0:{}];", rtl::vector(bits), words - 1));
  for (std::size_t p = 0; p < kinds.size(); ++p) {
    const std::string read = fmt::format("out{0} <= cells[address{0}];", p),
                      write = fmt::format("cells[address{0}] <= in{0};", p);
    module.line("always @(posedge clk)");
    module.line(fmt::format("  if (enable{})", p));
    if (kinds[p] == 'b') {
      module.line(fmt::format("    if (write{}) {}", p, write));
      module.line("    else " + read);
    } else {
      module.line("    " + (kinds[p] == 'r' ? read : write));
    }
  }
  out[name] = module.text();
  return name;
}

/// `i` * words + column.
std::string address(const std::string& column, int column_bits, int row, int words, int bits) {
  const std::string wide =
      bits == column_bits ? column : fmt::format("{{{}, {}}}", rtl::literal(0, bits - column_bits), column);
  return row == 0 ? wide : fmt::format("{} + {}", wide, rtl::literal(static_cast<std::int64_t>(row) * words, bits));
}

class LinesWriter {
 public:
  LinesWriter(const Hardware& hardware, const Buffer& buffer, Module& module, Modules& out)
      : hardware_(hardware), buffer_(buffer), module_(module), out_(out), fetches_(hardware.fetches_of(buffer)) {}

  void write() {
    module_.input("clk");
    if (n() > 1) module_.input("reset");
    module_.input("enable");
    module_.input("write_on");
    module_.input("write_column", column_bits());
    module_.input("write_pixel", bits());
    for (std::size_t f = 0; f < fetches_.size(); ++f) {
      module_.input(fmt::format("fetch{}_on", f));
      module_.input(fmt::format("fetch{}_column", f), column_bits());
      module_.output(fmt::format("fetch{}_pixels", f), fetches_[f].height() * bits());
    }
    write_line_counter("write", 0, 1, 1);
    module_.line();
    for (std::size_t f = 0; f < fetches_.size(); ++f) {
      const Fetch& fetch = fetches_[f];
      const int n = buffer_.lines;
      write_line_counter(fmt::format("fetch{}", f), ((-fetch.up) % n + n) % n, fetch.multiply, fetch.divide);
      write_hits(f);
      module_.line();
    }
    for (int block = 0; block < n() / group(); ++block) write_block_of(block);
    for (std::size_t f = 0; f < fetches_.size(); ++f) write_column(f);
  }

 private:
  struct Access {
    std::string hit, column;
    int row = 0, port = 0;
    bool is_write = false;
  };

  int n() const { return buffer_.lines; }
  int group() const { return buffer_.lines_per_block; }
  int words() const { return hardware_.words(buffer_.stage); }
  int bits() const { return hardware_.word_bits(buffer_.stage); }
  int column_bits() const { return rtl::index_bits(words()); }
  int line_bits() const { return rtl::index_bits(n()); }

  /// The line of the writer, or the top line of a reader: moves on by `multiply` lines after every `divide` rows, also
  /// from one frame to the next.
  void write_line_counter(const std::string& who, int first, int multiply, int divide) {
    if (n() == 1) return;
    const int width = line_bits();
    const std::string line = who + "_line";
    module_.reg(line, width);
    const int by = multiply % n();
    const std::string end = fmt::format("{}_column == {}", who, rtl::literal(words() - 1, column_bits()));
    const std::string next = by == 0 ? line
                                     : fmt::format("{0} >= {1} ? {0} - {1} : {0} + {2}", line,
                                                   rtl::literal(n() - by, width), rtl::literal(by, width));
    const int phase_bits = rtl::index_bits(divide);
    if (divide > 1) module_.reg(who + "_phase", phase_bits);
    module_.line("always @(posedge clk)");
    module_.line("  if (reset) begin");
    module_.line(fmt::format("    {} <= {};", line, rtl::literal(first, width)));
    if (divide > 1) module_.line(fmt::format("    {}_phase <= {};", who, rtl::literal(0, phase_bits)));
    module_.line(fmt::format("  end else if (enable & {}_on & ({})) begin", who, end));
    if (divide > 1) {
      const std::string last = fmt::format("{}_phase == {}", who, rtl::literal(divide - 1, phase_bits));
      module_.line(fmt::format("    {0}_phase <= {1} ? {2} : {0}_phase + {3};", who, last, rtl::literal(0, phase_bits),
                               rtl::literal(1, phase_bits)));
      module_.line(fmt::format("    if ({}) {} <= {};", last, line, next));
    } else {
      module_.line(fmt::format("    {} <= {};", line, next));
    }
    module_.line("  end");
  }

  /// Which lines a fetch touches, one bit a line.
  void write_hits(std::size_t f) {
    const int height = fetches_[f].height();
    const Signal hits = height >= n()
                            ? module_.wire(fmt::format("fetch{}_hits", f), n(), fmt::format("{{{}{{1'b1}}}}", n()))
                            : module_.reg(fmt::format("fetch{}_hits", f), n());
    if (height >= n()) return;
    std::vector<std::pair<std::int64_t, std::string>> cases;
    const auto mask = [&](int top) {
      std::string text;
      for (int line = n(); line-- > 0;) text += (line - top + n()) % n() < height ? '1' : '0';
      return fmt::format("{}'b{}", n(), text);
    };
    for (int top = 0; top + 1 < n(); ++top) cases.emplace_back(top, mask(top));
    module_.choose(hits, fmt::format("fetch{}_line", f), line_bits(), cases, mask(n() - 1));
  }

  std::vector<Access> accesses(int block) const {
    std::vector<Access> out;
    for (int row = 0; row < group(); ++row) {
      const int line = block * group() + row;
      const auto bit = [&](std::size_t f) {
        return n() == 1 ? fmt::format("fetch{}_hits", f) : fmt::format("fetch{}_hits[{}]", f, line);
      };
      for (std::size_t f = 0; f < fetches_.size(); ++f)
        out.push_back({fmt::format("fetch{}_on & {}", f, bit(f)), fmt::format("fetch{}_column", f), row,
                       fetches_[f].ports.at(static_cast<std::size_t>(row)), false});
      const std::string here =
          n() == 1 ? "write_on" : fmt::format("write_on & (write_line == {})", rtl::literal(line, line_bits()));
      out.push_back({here, "write_column", row, buffer_.ports.back().at(static_cast<std::size_t>(row)), true});
    }
    return out;
  }

  void write_block_of(int block) {
    std::vector<Access> all = accesses(block);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string name = fmt::format("block{}_access{}", block, i);
      module_.wire(name, 1, all[i].hit);
      all[i].hit = name;
    }
    const int address_bits = rtl::index_bits(static_cast<std::int64_t>(group()) * words());
    std::vector<PortUse> uses;
    Module::Connections connections{{"clk", "clk"}};
    int used = 0;
    for (int port = 0; port < hardware_.memory.ports.all(); ++port) {
      std::vector<Access> here;
      std::ranges::copy_if(all, std::back_inserter(here), [port](const Access& a) { return a.port == port; });
      if (here.empty()) continue;
      write_port(block, port, here, address_bits, used++, uses, connections);
    }
    const std::string name = write_block(hardware_, group() * words(), bits(), uses, out_);
    module_.instance(name, fmt::format("block{}", block), connections);
    write_check(block, all);
    module_.line();
  }

  void write_port(int block, int port, const std::vector<Access>& here, int address_bits, int index,
                  std::vector<PortUse>& uses, Module::Connections& connections) {
    const std::string name = fmt::format("block{}_port{}", block, port);
    std::vector<std::string> any, writes;
    PortUse use;
    for (const Access& access : here) {
      any.push_back(access.hit);
      if (access.is_write) writes.push_back(access.hit);
      (access.is_write ? use.writes : use.reads) = true;
    }
    const auto address_of = [&](const Access& a) {
      return address(a.column, column_bits(), a.row, words(), address_bits);
    };
    std::string chosen;
    for (std::size_t i = 0; i + 1 < here.size(); ++i)
      chosen += fmt::format("{} ? {} : ", here[i].hit, address_of(here[i]));
    chosen += address_of(here.back());
    module_.wire(name + "_address", address_bits, chosen);
    connections.emplace_back(fmt::format("enable{}", index), fmt::format("enable & ({})", fmt::join(any, " | ")));
    if (use.reads && use.writes)
      connections.emplace_back(fmt::format("write{}", index), fmt::format("{}", fmt::join(writes, " | ")));
    connections.emplace_back(fmt::format("address{}", index), name + "_address");
    if (use.writes) connections.emplace_back(fmt::format("in{}", index), "write_pixel");
    if (use.reads) {
      module_.watch(module_.wire(name, bits()));
      connections.emplace_back(fmt::format("out{}", index), name);
    }
    uses.push_back(use);
  }

  /// Stops the simulation where a port has two accesses in one cycle.
  void write_check(int block, const std::vector<Access>& all) {
    std::vector<std::string> pairs;
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t j = i + 1; j < all.size(); ++j)
        if (all[i].port == all[j].port) pairs.push_back(fmt::format("({} & {})", all[i].hit, all[j].hit));
    if (pairs.empty()) return;
    module_.line("`ifdef PARE_CHECK");
    module_.line("always @(posedge clk)");
    module_.line(fmt::format("  if (enable & ({})) begin", fmt::join(pairs, " | ")));
    module_.line(
        fmt::format("    $display(\"PARE_CHECK: {} block {}: two accesses to one port\");", module_.name(), block));
    module_.line("    $finish;");
    module_.line("  end");
    module_.line("`endif");
  }

  std::string read_line(std::size_t f, int line) const {
    return fmt::format("block{}_port{}", line / group(),
                       fetches_[f].ports.at(static_cast<std::size_t>(line % group())));
  }

  /// Turns what the blocks gave into the order of rows.
  void write_column(std::size_t f) {
    const int height = fetches_[f].height();
    std::vector<std::string> slots;
    const std::string top = fmt::format("fetch{}_top", f);
    if (n() > 1) {
      module_.line("// top line of what was fetched in the clock before");
      module_.reg(top, line_bits());
      module_.line("always @(posedge clk)");
      module_.line(fmt::format("  if (enable) {} <= fetch{}_line;", top, f));
    }
    for (int slot = height; slot-- > 0;) {
      const auto from = [&](int line) { return module_.all({read_line(f, line % n()), bits()}); };
      if (n() == 1) {
        slots.push_back(from(0));
        continue;
      }
      const Signal row = module_.reg(fmt::format("fetch{}_row{}", f, slot), bits());
      std::vector<std::pair<std::int64_t, std::string>> cases;
      for (int line = 0; line + 1 < n(); ++line) cases.emplace_back(line, from(line + slot));
      module_.choose(row, top, line_bits(), cases, from(n() - 1 + slot));
      slots.push_back(row.name);
    }
    module_.line(fmt::format("assign fetch{}_pixels = {{{}}};", f, fmt::join(slots, ", ")));
    module_.line();
  }

  const Hardware& hardware_;
  const Buffer& buffer_;
  Module& module_;
  Modules& out_;
  std::vector<Fetch> fetches_;
};

/// A chain is read where the pixel is in the clock after the fetch.
void write_chain(const Hardware& hardware, const Buffer& buffer, Module& module) {
  const int bits = hardware.word_bits(buffer.stage);
  const auto fetches = hardware.fetches_of(buffer);
  module.input("clk");
  module.input("enable");
  module.input("write_pixel", bits);
  for (std::size_t f = 0; f < fetches.size(); ++f) module.output(fmt::format("fetch{}_pixels", f), bits);
  std::vector<std::int64_t> ages;
  ages.reserve(fetches.size());
  for (const Fetch& fetch : fetches)
    ages.push_back(fetch.start - hardware.start(buffer.stage) -
                   static_cast<std::int64_t>(fetch.down) * hardware.step(buffer.stage) * hardware.graph.period());
  const int depth = static_cast<int>(std::ranges::max(ages)) + 1;
  const Signal chain = module.reg("chain", depth * bits);
  module.line("always @(posedge clk)");
  module.line(fmt::format(
      "  if (enable) chain <= {};",
      depth == 1 ? "write_pixel" : fmt::format("{{{}, write_pixel}}", module.bits(chain, (depth - 1) * bits - 1, 0))));
  for (std::size_t f = 0; f < fetches.size(); ++f) {
    const int low = static_cast<int>(ages[f]) * bits;
    module.line(fmt::format("assign fetch{}_pixels = {};", f, module.bits(chain, low + bits - 1, low)));
  }
}

}  // namespace

std::string buffer_module(const Hardware& hardware, const Buffer& buffer) {
  return hardware.module(buffer.registers ? "chain" : "lines", hardware.stage(buffer.stage).name);
}

void write_buffer(const Hardware& hardware, const Buffer& buffer, Modules& out) {
  const std::string& stage = hardware.stage(buffer.stage).name;
  if (buffer.registers) {
    Module module(buffer_module(hardware, buffer), fmt::format("The last pixels of {} in registers.", stage));
    write_chain(hardware, buffer, module);
    out[module.name()] = module.text();
    return;
  }
  Module module(buffer_module(hardware, buffer),
                fmt::format("The last {} lines of {}, {} a block; row q lies in line q mod {}.", buffer.lines, stage,
                            buffer.lines_per_block, buffer.lines));
  LinesWriter(hardware, buffer, module, out).write();
  out[module.name()] = module.text();
}

}  // namespace pare::imaging
