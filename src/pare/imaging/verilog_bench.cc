#include "pare/imaging/verilog_bench.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "pare/base/file.h"
#include "pare/imaging/verilog.h"

namespace pare::imaging {
namespace {

using std::size_t;

/// What both benches need of a stream.
struct Stream {
  std::string stage;
  bool is_input = false;
  int bits = 8;  // of a word, in whole bytes
  int columns = 0, rows = 0, step = 1;
  std::int64_t fill = 0;  // cycles to the first word of an output
  std::string port() const { return (is_input ? "s_axis_" : "m_axis_") + stage; }
  int words() const { return columns * rows; }
};

std::vector<Stream> streams_of(const Pipeline& pipeline, const Graph& graph, const Schedule& schedule) {
  const auto fill = fill_cycles(graph, schedule);
  std::vector<Stream> out;
  for (size_t s = 0; s < pipeline.stages.size(); ++s) {
    const Stage& stage = pipeline.stages[s];
    const int step = graph.stages[s].step, bits = (stage.type.bits * stage.type.channels * graph.lanes + 7) / 8 * 8;
    const Stream stream{stage.name, true, bits, graph.period() / step, graph.height / step, step, 0};
    if (stage.is_input) out.push_back(stream);
    if (!stage.is_output) continue;
    out.push_back(stream);
    out.back().is_input = false;
    out.back().fill = fill.at(stage.name);
  }
  return out;
}

/// Words of a frame in hexadecimal, one a line: the first channel of the first pixel is lowest.
void append_words(const Frame& frame, const Type& type, int lanes, std::string& out) {
  const size_t values = static_cast<size_t>(lanes) * static_cast<size_t>(frame.channels);
  const auto bits = static_cast<size_t>(type.bits);
  const size_t digits = (values * bits + 7) / 8 * 2;
  std::vector<std::uint8_t> nibbles;
  for (size_t at = 0; at < frame.codes.size(); at += values) {
    nibbles.assign(digits, 0);
    for (size_t v = 0; v < values; ++v)
      for (size_t b = 0; b < bits; ++b)
        if (frame.codes[at + v] >> b & 1) {
          const size_t bit = v * bits + b;
          nibbles[bit / 4] = static_cast<std::uint8_t>(nibbles[bit / 4] | 1U << bit % 4);
        }
    for (size_t d = digits; d-- > 0;) out += "0123456789abcdef"[nibbles[d]];
    out += '\n';
  }
}

/// A port's name as Verilator writes it in C++.
std::string member(std::string name) {
  for (size_t at = 0; (at = name.find("__", at)) != std::string::npos; at += 7) name.replace(at, 2, "___05F");
  return name;
}

// Both files are the same for every design, so that a compiler cache has them; design.cc knows the ports.
const char* bench_header = R"(// What the bench sees of a design. Written by pare.
#pragma once
#include <cstdint>

struct Port {
  const char* name;
  bool is_input;
  int bits, columns, rows, step;  // of a word in whole bytes; words of a row and rows; cycles between words
  long fill;                      // cycles to the first word of an output
  std::uint8_t *valid, *ready, *user, *last;
  void (*put)(const std::uint32_t*);
  void (*get)(std::uint32_t*);
};
extern const Port ports[];
extern const int port_count;
struct Design {
  std::uint8_t &clock, &not_reset, &flush;
  void (*eval)();
  bool (*stopped)();  // by a check inside the design
};
extern const Design design;
)";

const char* bench_main = R"(// Runs the design on the vectors beside it and compares every word. Written by pare.
// Vtop [--stall PERCENT] [--seed N] [--vectors DIR]: in PERCENT of cycles an edge is not ready, and frames are flushed in
// between. Without stalls the first word must come in the cycle that the schedule says, and then one every cycle.
#include "bench.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

using Words = std::vector<std::uint32_t>;

struct Stream {
  const Port& port;
  Words words = {};
  std::size_t count = 0, at = 0;  // words, how many are done
  long first = -1, final = -1;    // cycles of words
  bool offered = false;           // in the cycle before, and not taken
  Words held = {};
  long wrong = 0;

  int chunks() const { return (port.bits + 31) / 32; }
  const std::uint32_t* word(std::size_t i) const { return words.data() + i * static_cast<std::size_t>(chunks()); }
  std::size_t columns() const { return static_cast<std::size_t>(port.columns); }
  std::size_t frame() const { return columns() * static_cast<std::size_t>(port.rows); }
};

void read(Stream& s, const std::string& folder) {
  std::ifstream in(folder + "/" + s.port.name + ".hex");
  for (std::string line; std::getline(in, line); ++s.count)
    for (int c = 0; c < s.chunks(); ++c) {
      const int end = static_cast<int>(line.size()) - 8 * c, begin = end > 8 ? end - 8 : 0;
      s.words.push_back(static_cast<std::uint32_t>(std::stoul(line.substr(begin, end - begin), nullptr, 16)));
    }
  if (s.count && s.count % s.frame() == 0) return;
  std::fprintf(stderr, "%s: no whole frames in %s\n", s.port.name, folder.c_str());
  std::exit(2);
}

/// An output in the cycle before the clock's edge.
void check(Stream& s, long cycle) {
  const Port& p = s.port;
  Words now(static_cast<std::size_t>(s.chunks()));
  p.get(now.data());
  if (s.offered && (!*p.valid || now != s.held)) ++s.wrong;  // taken back or changed while it waited
  s.offered = *p.valid && !*p.ready;
  s.held = now;
  if (!*p.valid || !*p.ready) return;
  if (s.at >= s.count) {
    ++s.wrong;
    return;
  }
  const std::size_t x = s.at % s.columns(), y = s.at % s.frame() / s.columns();
  const bool same = std::equal(now.begin(), now.end(), s.word(s.at)) && (*p.user != 0) == (x == 0 && y == 0) &&
                    (*p.last != 0) == (x + 1 == s.columns());
  if (!same && s.wrong++ == 0)
    std::fprintf(stderr, "%s: word %zu (column %zu, row %zu of frame %zu) is %08x, not %08x, or marked wrongly\n", p.name,
                 s.at, x, y, s.at / s.frame(), now[0], s.word(s.at)[0]);
  if (s.at++ == 0) s.first = cycle;
  s.final = cycle;
}

/// Sums up, prints one line of JSON.
int report(const std::vector<Stream>& streams, bool done, bool stalled, long cycles, long begun) {
  long wrong = 0, late = 0, bubbles = 0;
  std::size_t words = 0;
  std::string fill;
  for (const Stream& s : streams) {
    if (s.port.is_input) continue;
    wrong += s.wrong;
    words += s.at;
    const long row = long{s.port.columns} * s.port.step, frames = static_cast<long>(s.count / s.frame());
    const long span = frames * row * s.port.rows * s.port.step - (s.port.step - 1) * (row + 1);
    bubbles += s.final - s.first + 1 - span;
    late += s.first - begun != s.port.fill;
    fill += (fill.empty() ? "\"" : ", \"") + std::string(s.port.name) + "\": " + std::to_string(s.first - begun);
  }
  const bool stopped = design.stopped();
  const bool good = done && !stopped && wrong == 0 && (stalled || (late == 0 && bubbles == 0));
  const auto text = [](bool b) { return b ? "true" : "false"; };
  std::printf("{\"good\": %s, \"words\": %zu, \"wrong\": %ld, \"done\": %s, \"conflict\": %s, \"cycles\": %ld, "
              "\"bubbles\": %ld, \"fill\": {%s}}\n",
              text(good), words, wrong, text(done), text(stopped), cycles, bubbles, fill.c_str());
  return good ? 0 : 1;
}

void tick() {
  design.clock = 1;
  design.eval();
  design.clock = 0;
  design.eval();
}

int main(int argc, char** argv) {
  unsigned stall = 0, seed = 1;
  std::string folder = "vectors";
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--stall") stall = static_cast<unsigned>(std::atoi(argv[i + 1]));
    if (option == "--seed") seed = static_cast<unsigned>(std::atoi(argv[i + 1]));
    if (option == "--vectors") folder = argv[i + 1];
  }
  if (stall > 95) stall = 95;
  std::mt19937 random(seed);
  const auto chance = [&](unsigned percent) { return percent && random() % 100 < percent; };
  std::vector<Stream> streams;
  long most = 1000;
  for (int i = 0; i < port_count; ++i) {
    streams.push_back({ports[i]});
    Stream& s = streams.back();
    read(s, folder);
    const long step = s.port.step, cycles = static_cast<long>(s.count) * step * step + s.port.fill;
    most = std::max(most, 8 * cycles + 1000);
  }
  most = most * 100 / (100 - stall) * 100 / (100 - stall) * (stall ? 4 : 1);
  design.not_reset = 0;
  design.flush = 0;
  tick();
  tick();
  design.not_reset = 1;
  long cycle = 0, begun = -1;
  bool done = false;
  for (; !done && cycle < most && !design.stopped(); ++cycle) {
    bool over = false;  // the first input ends first: the others' last words come through only then
    for (Stream& s : streams) {
      const Port& p = s.port;
      if (!p.is_input) {
        *p.ready = !chance(stall);
        continue;
      }
      s.offered = s.at < s.count && (s.offered || !chance(stall));
      *p.valid = s.offered;
      over |= s.at == s.count;
      if (s.at < s.count) p.put(s.word(s.at));
    }
    design.flush = over || (stall && chance(10));
    design.eval();
    done = true;
    for (Stream& s : streams) {
      if (!s.port.is_input) {
        check(s, cycle);
      } else if (*s.port.valid && *s.port.ready) {
        if (begun < 0) begun = cycle;
        s.offered = false;
        ++s.at;
      }
      done &= s.at == s.count;
    }
    tick();
  }
  return report(streams, done, stall > 0, cycle, begun);
}
)";

const char* design_head = R"(// The design's ports, for the bench. Written by pare.
#include <cstddef>

#include "Vtop.h"
#include "bench.h"
#include "verilated.h"

namespace {

VerilatedContext context;
Vtop top(&context);

template <typename T>
void put(T& port, const std::uint32_t* from) {
  port = static_cast<T>(sizeof(T) > 4 ? from[0] | std::uint64_t{from[sizeof(T) / 8]} << 32 : from[0]);
}
template <std::size_t N>
void put(VlWide<N>& port, const std::uint32_t* from) {
  for (std::size_t i = 0; i < N; ++i) port[i] = from[i];
}
template <typename T>
void get(const T& port, std::uint32_t* to) {
  to[0] = static_cast<std::uint32_t>(port);
  if (sizeof(T) > 4) to[sizeof(T) / 8] = static_cast<std::uint32_t>(std::uint64_t{port} >> 32);
}
template <std::size_t N>
void get(const VlWide<N>& port, std::uint32_t* to) {
  for (std::size_t i = 0; i < N; ++i) to[i] = port[i];
}

}  // namespace

const Design design{top.aclk, top.aresetn, top.flush, [] { top.eval(); }, [] { return context.gotFinish(); }};
)";

std::string design_source(const std::vector<Stream>& streams) {
  std::string out = design_head + std::string("const Port ports[] = {\n");
  for (const Stream& s : streams) {
    const std::string port = "top." + member(s.port());
    out += fmt::format("    {{\"{}\", {}, {}, {}, {}, {}, {}, &{}_tvalid, &{}_tready, ", s.stage, s.is_input, s.bits,
                       s.columns, s.rows, s.step, s.fill, port, port);
    out += s.is_input
               ? fmt::format("nullptr, nullptr,\n     [](const std::uint32_t* w) {{ put({}_tdata, w); }}, nullptr}},\n",
                             port)
               : fmt::format(
                     "&{0}_tuser, &{0}_tlast,\n     nullptr, [](std::uint32_t* w) {{ get({0}_tdata, w); }}}},\n", port);
  }
  return out + fmt::format("}};\nconst int port_count = {};\n", streams.size());
}

/// The same in plain Verilog, with stalls on all sides.
std::string verilog_bench(const Pipeline& pipeline, const std::vector<Stream>& streams, size_t frames) {
  std::string body, ports, done, ended;
  for (const Stream& s : streams) {
    const std::string p = s.port();
    const size_t words = frames * static_cast<size_t>(s.words());
    body += fmt::format(
        "  reg [{}:0] {}_words [0:{}];\n  integer {}_at = 0;\n  initial $readmemh(\"vectors/{}.hex\", {}_words);\n",
        s.bits - 1, p, words - 1, p, s.stage, p);
    for (const char* wire :
         s.is_input ? std::vector<const char*>{"tready"} : std::vector<const char*>{"tvalid", "tuser", "tlast"})
      body += fmt::format("  wire {}_{};\n", p, wire);
    if (s.is_input) {
      body += fmt::format(
          "  reg {0}_offer = 0;\n  wire {0}_tvalid = {0}_offer & ({0}_at < {1});\n  wire [{2}:0] {0}_tdata = "
          "{0}_words[{0}_at];\n",
          p, words, s.bits - 1);
      body += fmt::format(
          "  always @(posedge aclk) if (aresetn) begin\n    if ({0}_tvalid & {0}_tready) {0}_at <= {0}_at + 1;\n"
          "    if (!{0}_tvalid | {0}_tready) {0}_offer <= $random(seed) % 4 != 0;\n  end\n",
          p);
      ended += fmt::format("{}({}_at == {})", ended.empty() ? "" : " | ", p, words);
    } else {
      body += fmt::format("  reg {0}_tready = 0;\n  wire [{1}:0] {0}_tdata;\n", p, s.bits - 1);
      body += fmt::format(
          "  always @(posedge aclk) if (aresetn) begin\n    {0}_tready <= $random(seed) % 4 != 0;\n"
          "    if ({0}_tvalid & {0}_tready) begin\n"
          "      if ({0}_at >= {1} || {0}_tdata !== {0}_words[{0}_at]) wrong = wrong + 1;\n"
          "      {0}_at <= {0}_at + 1;\n    end\n  end\n",
          p, words);
      done += fmt::format("{}({}_at == {})", done.empty() ? "" : " & ", p, words);
    }
    for (const char* wire : s.is_input ? std::vector<const char*>{"tdata", "tvalid", "tready"}
                                       : std::vector<const char*>{"tdata", "tuser", "tlast", "tvalid", "tready"})
      ports += fmt::format(",\n    .{0}_{1}({0}_{1})", p, wire);
  }
  return fmt::format(R"(// Runs the design on the vectors beside it with stalls on all sides. Written by pare.
`timescale 1ns / 1ns
module bench;
  reg aclk = 0, aresetn = 0;
  integer wrong = 0, seed = 1;
{}
  wire flush = {};
  {} top (
    .aclk(aclk), .aresetn(aresetn), .flush(flush){});
  always #5 aclk = ~aclk;
  initial begin
    #21 aresetn = 1;
    wait ({});
    if (wrong == 0) $display("PASS"); else $display("FAIL: %0d words differ", wrong);
    $finish;
  end
endmodule
)",
                     body, ended, top_module(pipeline), ports, done);
}

}  // namespace

std::map<std::string, std::string> write_bench(const Pipeline& pipeline, const Graph& graph, const Schedule& schedule,
                                               const std::vector<std::vector<Frame>>& frames) {
  std::map<std::string, std::string> files;
  const std::vector<Stream> streams = streams_of(pipeline, graph, schedule);
  for (const std::vector<Frame>& inputs : frames) {
    const std::vector<Frame> outputs = interpret(pipeline, inputs);
    size_t input = 0, output = 0;
    for (const Stage& stage : pipeline.stages) {
      std::string& text = files["vectors/" + stage.name + ".hex"];
      if (stage.is_input) append_words(inputs[input++], stage.type, graph.lanes, text);
      if (stage.is_output && !stage.is_input) append_words(outputs[output], stage.type, graph.lanes, text);
      output += stage.is_output;
    }
  }
  std::erase_if(files, [](const auto& file) { return file.second.empty(); });
  files["bench.h"] = bench_header;
  files["bench.cc"] = bench_main;
  files["design.cc"] = design_source(streams);
  files["bench.v"] = verilog_bench(pipeline, streams, frames.size());
  return files;
}

std::string write_makefile(const Pipeline& pipeline, const std::map<std::string, std::string>& verilog) {
  std::string sources;
  for (const auto& [name, text] : verilog) sources += " verilog/" + name;
  return fmt::format(R"(# make lint | test | icarus | area. Written by pare.
export OBJCACHE ?= $(shell command -v ccache)
TOP = {}
SOURCES ={}
STALL = 30
SEED = 1

test: build/Vtop
	build/Vtop
	build/Vtop --stall $(STALL) --seed $(SEED)

lint:
	verilator --lint-only -Wall --top-module $(TOP) $(SOURCES)

build/Vtop: bench.cc bench.h design.cc $(SOURCES)
	verilator --cc --exe --build -O3 -Wall -DPARE_CHECK --top-module $(TOP) --prefix Vtop --Mdir build \
	  -CFLAGS "-O1 -I.." $(SOURCES) ../bench.cc ../design.cc

icarus:
	iverilog -g2005 -Wall -Wno-timescale -DPARE_CHECK -o bench.vvp bench.v $(SOURCES)
	vvp -n bench.vvp | tee icarus.log
	grep -q '^PASS' icarus.log

area: $(patsubst %,area-%.json,ice40 ecp5 xilinx)
area-ice40.json area-ecp5.json area-xilinx.json: $(SOURCES)
	yosys -q -p "read_verilog $(SOURCES); $(SYNTH) -top $(TOP); flatten; tee -o $@ stat -json"
area-ice40.json: SYNTH = synth_ice40
area-ecp5.json: SYNTH = synth_ecp5
area-xilinx.json: SYNTH = synth_xilinx -family xc7 -noiopad

clean:
	rm -rf build bench.vvp icarus.log area-*.json

.PHONY: test lint icarus area clean
)",
                     top_module(pipeline), sources);
}

void write_hardware(const std::filesystem::path& folder, const Pipeline& pipeline, const Graph& graph,
                    const Schedule& schedule, const rtl::Memory& memory,
                    const std::vector<std::vector<Frame>>& frames) {
  const auto verilog = write_verilog(pipeline, graph, schedule, memory);
  for (const auto& [name, text] : verilog) write_file(folder / "verilog" / name, text);
  write_file(folder / "Makefile", write_makefile(pipeline, verilog));
  if (frames.empty()) return;
  for (const auto& [name, text] : write_bench(pipeline, graph, schedule, frames)) write_file(folder / name, text);
}

}  // namespace pare::imaging
