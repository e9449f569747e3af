#include "pare/imaging/verilog_bench.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

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
  const auto fill = fill_cycles(pipeline, schedule);
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
  const size_t values = static_cast<size_t>(lanes * frame.channels), bits = static_cast<size_t>(type.bits);
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

const char* bench_head = R"(// Runs the design on the vectors beside it and compares every word. Written by pare.
// bench [--stall PERCENT] [--seed N] [--vectors DIR]: PERCENT of cycles each edge is not ready, frames are flushed in
// between. Without stalls the first word must come in the cycle that the schedule says, and then one every cycle.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

using Words = std::vector<std::uint32_t>;

template <typename T>
void put(T& port, const std::uint32_t* from, int chunks) {
  port = static_cast<T>(chunks > 1 ? from[0] | std::uint64_t{from[1]} << 32 : from[0]);
}
template <std::size_t N>
void put(VlWide<N>& port, const std::uint32_t* from, int) {
  for (std::size_t i = 0; i < N; ++i) port[i] = from[i];
}
template <typename T>
void get(const T& port, std::uint32_t* to, int chunks) {
  to[0] = static_cast<std::uint32_t>(port);
  if (chunks > 1) to[1] = static_cast<std::uint32_t>(std::uint64_t{port} >> 32);
}
template <std::size_t N>
void get(const VlWide<N>& port, std::uint32_t* to, int) {
  for (std::size_t i = 0; i < N; ++i) to[i] = port[i];
}

struct Stream {
  std::string name;
  bool is_input;
  int bits, columns, rows, step;
  long fill;
  CData *valid, *ready, *user, *last;
  std::function<void(const std::uint32_t*)> put_word;
  std::function<void(std::uint32_t*)> get_word;
  Words words = {};
  std::size_t count = 0, at = 0;  // words, how many are done
  long first = -1, final = -1;    // cycles of words
  bool offered = false;           // in the cycle before, and not taken
  Words held = {};
  long wrong = 0;

  int chunks() const { return (bits + 31) / 32; }
  const std::uint32_t* word(std::size_t i) const { return words.data() + i * static_cast<std::size_t>(chunks()); }
};

void read(Stream& s, const std::string& folder) {
  std::ifstream in(folder + "/" + s.name + ".hex");
  for (std::string line; std::getline(in, line); ++s.count)
    for (int c = 0; c < s.chunks(); ++c) {
      const int end = static_cast<int>(line.size()) - 8 * c, begin = end > 8 ? end - 8 : 0;
      s.words.push_back(static_cast<std::uint32_t>(std::stoul(line.substr(begin, end - begin), nullptr, 16)));
    }
  const auto frame = static_cast<std::size_t>(s.columns) * static_cast<std::size_t>(s.rows);
  if (s.count == 0 || s.count % frame) std::fprintf(stderr, "%s: no whole frames in %s\n", s.name.c_str(), folder.c_str()), std::exit(2);
}

/// An output in the cycle before the clock's edge.
void check(Stream& s, long cycle) {
  Words now(static_cast<std::size_t>(s.chunks()));
  s.get_word(now.data());
  if (s.offered && (!*s.valid || now != s.held)) ++s.wrong;  // taken back or changed while it waited
  s.offered = *s.valid && !*s.ready;
  s.held = now;
  if (!*s.valid || !*s.ready) return;
  if (s.at >= s.count) {
    ++s.wrong;
    return;
  }
  const std::size_t x = s.at % static_cast<std::size_t>(s.columns), y = s.at / static_cast<std::size_t>(s.columns) % static_cast<std::size_t>(s.rows);
  const bool same = std::equal(now.begin(), now.end(), s.word(s.at)) && (*s.user != 0) == (x == 0 && y == 0) &&
                    (*s.last != 0) == (x + 1 == static_cast<std::size_t>(s.columns));
  if (!same && s.wrong++ == 0)
    std::fprintf(stderr, "%s: word %zu (column %zu, row %zu of frame %zu) is %08x, not %08x, or marked wrongly\n",
                 s.name.c_str(), s.at, x, y, s.at / (static_cast<std::size_t>(s.columns) * static_cast<std::size_t>(s.rows)), now[0], s.word(s.at)[0]);
  if (s.at++ == 0) s.first = cycle;
  s.final = cycle;
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
  VerilatedContext context;
  Vtop top(&context);
  std::mt19937 random(seed);
  const auto chance = [&](unsigned percent) { return percent && random() % 100 < percent; };
  std::vector<Stream> streams;
)";

const char* bench_tail = R"(
  for (Stream& s : streams) read(s, folder);
  long longest = 0, most = 1000;
  for (const Stream& s : streams) {
    longest = std::max(longest, s.fill);
    most = std::max(most, static_cast<long>(s.count) * s.step * s.step);
  }
  most = 8 * (most + longest) + 1000;
  if (stall) most = most * 100 / (100 - stall) * 100 / (100 - stall) * 4;
  const auto tick = [&] {
    top.aclk = 1;
    top.eval();
    top.aclk = 0;
    top.eval();
  };
  top.aresetn = 0;
  top.flush = 0;
  tick();
  tick();
  top.aresetn = 1;
  long cycle = 0, begun = -1;
  bool done = false;
  for (; !done && cycle < most && !context.gotFinish(); ++cycle) {
    bool waiting = false;
    for (Stream& s : streams) {
      if (!s.is_input) {
        *s.ready = !chance(stall);
        continue;
      }
      s.offered = s.at < s.count && (s.offered || !chance(stall));
      *s.valid = s.offered;
      waiting |= s.at < s.count;
      if (s.at < s.count) s.put_word(s.word(s.at));
    }
    top.flush = !waiting || (stall && chance(10));
    top.eval();
    done = true;
    for (Stream& s : streams) {
      if (!s.is_input) {
        check(s, cycle);
      } else if (*s.valid && *s.ready) {
        if (begun < 0) begun = cycle;
        s.offered = false;
        ++s.at;
      }
      done &= s.at == s.count;
    }
    tick();
  }
  long wrong = 0, late = 0, bubbles = 0;
  std::size_t pixels = 0;
  std::string fill;
  for (const Stream& s : streams) {
    if (s.is_input) continue;
    wrong += s.wrong;
    pixels += s.at;
    const long frames = static_cast<long>(s.count) / (s.columns * s.rows), row = static_cast<long>(s.columns) * s.step;
    const long span = frames * row * s.rows * s.step - (s.step - 1) * (row + 1);
    bubbles += s.final - s.first + 1 - span;
    late += s.first - begun != s.fill;
    fill += (fill.empty() ? "\"" : ", \"") + s.name + "\": " + std::to_string(s.first - begun);
  }
  const bool stopped = context.gotFinish();
  const bool good = done && !stopped && wrong == 0 && (stall || (late == 0 && bubbles == 0));
  std::printf("{\"good\": %s, \"words\": %zu, \"wrong\": %ld, \"done\": %s, \"conflict\": %s, \"cycles\": %ld, \"bubbles\": %ld, \"fill\": {%s}}\n",
              good ? "true" : "false", pixels, wrong, done ? "true" : "false", stopped ? "true" : "false", cycle, bubbles, fill.c_str());
  return good ? 0 : 1;
}
)";

std::string cxx_bench(const std::vector<Stream>& streams) {
  std::string out = bench_head;
  for (const Stream& s : streams) {
    const std::string port = member(s.port());
    const int chunks = (s.bits + 31) / 32;
    const auto at = [&](const char* what) { return fmt::format("&top.{}_{}", port, what); };
    out += fmt::format("  streams.push_back({{\"{}\", {}, {}, {}, {}, {}, {}, {}, {}, {}, {},\n", s.stage, s.is_input,
                       s.bits, s.columns, s.rows, s.step, s.fill, at("tvalid"), at("tready"),
                       s.is_input ? "nullptr" : at("tuser"), s.is_input ? "nullptr" : at("tlast"));
    out += s.is_input
               ? fmt::format(
                     "                     [&](const std::uint32_t* w) {{ put(top.{}_tdata, w, {}); }}, {{}}}});\n",
                     port, chunks)
               : fmt::format("                     {{}}, [&](std::uint32_t* w) {{ get(top.{}_tdata, w, {}); }}}});\n",
                             port, chunks);
  }
  return out + bench_tail;
}

/// The same in plain Verilog, with stalls on all sides.
std::string verilog_bench(const Pipeline& pipeline, const std::vector<Stream>& streams, size_t frames) {
  std::string body, ports, done, waiting;
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
      waiting += fmt::format("{}({}_at < {})", waiting.empty() ? "" : " | ", p, words);
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
  wire flush = ~({});
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
                     body, waiting, top_module(pipeline), ports, done);
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
  files["bench.cc"] = cxx_bench(streams);
  files["bench.v"] = verilog_bench(pipeline, streams, frames.size());
  return files;
}

std::string write_makefile(const Pipeline& pipeline, const std::map<std::string, std::string>& verilog) {
  std::string sources;
  for (const auto& [name, text] : verilog) sources += " verilog/" + name;
  return fmt::format(R"(# make lint | test | icarus | area. Written by pare.
TOP = {}
SOURCES ={}
STALL = 30
SEED = 1

test: build/Vtop
	build/Vtop
	build/Vtop --stall $(STALL) --seed $(SEED)

lint:
	verilator --lint-only -Wall --top-module $(TOP) $(SOURCES)

build/Vtop: bench.cc $(SOURCES)
	verilator --cc --exe --build -O3 -Wall -DPARE_CHECK --top-module $(TOP) --prefix Vtop --Mdir build \
	  -CFLAGS -O1 $(SOURCES) $(abspath bench.cc)

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

}  // namespace pare::imaging
