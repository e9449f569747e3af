// The top module: counters of pixels, the one enable, frames, streams, and the parts wired together.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "pare/imaging/verilog.h"
#include "pare/imaging/verilog_hardware.h"

namespace pare::imaging {
namespace {

using rtl::literal;
using rtl::Module;
using rtl::Signal;

/// A stage at the edge of the pipeline.
struct Stream {
  int stage = 0;
  bool is_input = false;
  std::string name;         // of signals
  Raster at = {};           // of its pixels at the edge
  std::string raster = {};  // name
  std::int64_t delay = 0;   // of an output that would come before the first input
};

int whole_bytes(int bits) { return (bits + 7) / 8 * 8; }

class TopWriter {
 public:
  TopWriter(const Hardware& hardware, Module& module, Modules& out) : hardware_(hardware), module_(module), out_(out) {}

  void write() {
    const std::size_t stages = hardware_.pipeline.stages.size();
    for (std::size_t s = 0; s < stages; ++s) {
      const Stage& stage = hardware_.pipeline.stages[s];
      const int i = static_cast<int>(s);
      if (stage.is_input) streams_.push_back({i, true, "s_axis_" + stage.name});
      if (stage.is_output) streams_.push_back({i, false, "m_axis_" + stage.name});
    }
    write_ports();
    module_.line("wire reset = ~aresetn;");
    module_.line("wire enable;");
    for (std::size_t s = 0; s < stages; ++s)
      if (!hardware_.pipeline.stages[s].is_input)
        module_.wire(pixel(static_cast<int>(s)), hardware_.word_bits(static_cast<int>(s)));
    plan_rasters();
    write_rasters();
    write_frames();
    write_enable();
    for (const Buffer& buffer : hardware_.schedule.buffers) write_buffer_instance(buffer);
    for (std::size_t s = 0; s < stages; ++s)
      if (!hardware_.pipeline.stages[s].is_input) write_stage_instance(static_cast<int>(s));
  }

 private:
  static std::string raster_name(const Raster& r) {
    return fmt::format("at{}{}", r.start,
                       r.column_step * r.row_step == 1 ? "" : fmt::format("_{}x{}", r.column_step, r.row_step));
  }
  std::string raster(std::int64_t start, int column_step, int row_step) {
    const Raster r{start, column_step, row_step};
    if (std::ranges::find(rasters_, r) == rasters_.end()) rasters_.push_back(r);
    return raster_name(r);
  }
  std::string of_stage(int s, int before = 0) {
    return raster(hardware_.start(s) - before, hardware_.step(s), hardware_.step(s));
  }
  std::string pixel(int s) const {
    return hardware_.stage(s).is_input ? input_pixel(s) : "pixel_" + hardware_.stage(s).name;
  }
  std::string input_pixel(int s) const {
    const std::string name = fmt::format("s_axis_{}_tdata", hardware_.stage(s).name);
    const int bits = hardware_.word_bits(s);
    return whole_bytes(bits) == bits ? name : bits == 1 ? name + "[0]" : fmt::format("{}[{}:0]", name, bits - 1);
  }
  Signal on(const std::string& raster) { return {raster + "_on", 1}; }
  Signal column(const std::string& raster, const Raster& r) {
    return {raster + "_column", rtl::index_bits(hardware_.graph.period() / r.column_step)};
  }

  void write_ports() {
    module_.input("aclk");
    module_.input("aresetn");
    module_.input("flush");
    for (const Stream& stream : streams_) {
      const int bits = whole_bytes(hardware_.word_bits(stream.stage));
      if (stream.is_input) {
        const Signal data = module_.watch(module_.input(stream.name + "_tdata", bits));
        module_.bits(data, hardware_.word_bits(stream.stage) - 1, 0);
        module_.input(stream.name + "_tvalid");
        module_.output(stream.name + "_tready");
      } else {
        module_.output(stream.name + "_tdata", bits);
        module_.output(stream.name + "_tuser");
        module_.output(stream.name + "_tlast");
        module_.output(stream.name + "_tvalid");
        module_.input(stream.name + "_tready");
      }
    }
  }

  /// Every counter that something will ask for, so that they can be declared first.
  void plan_rasters() {
    const std::int64_t first = hardware_.first_input();
    for (Stream& stream : streams_) {
      const int step = hardware_.step(stream.stage);
      stream.at = {std::max(hardware_.start(stream.stage), first), step, step};
      stream.delay = stream.at.start - hardware_.start(stream.stage);
      stream.raster = raster(stream.at.start, step, step);
    }
    for (const Buffer& buffer : hardware_.schedule.buffers) {
      if (!buffer.registers) of_stage(buffer.stage);
      for (const Fetch& fetch : hardware_.fetches_of(buffer)) plan_fetch(buffer, fetch);
    }
    for (std::size_t i = 0; i < hardware_.pipeline.stages.size(); ++i) {
      const int s = static_cast<int>(i);
      const Stage& stage = hardware_.stage(s);
      if (stage.is_input) continue;
      const auto edges = hardware_.edges_into(s);
      if (uses(stage, Op::column) || uses(stage, Op::row) || hardware_.step(s) > 1 ||
          std::ranges::any_of(edges, [&](int e) { return needs_column(hardware_, e); }))
        of_stage(s, 1);
    }
    std::ranges::sort(rasters_);
  }

  void plan_fetch(const Buffer& buffer, const Fetch& fetch) {
    if (!buffer.registers || std::ranges::any_of(fetch.edges, [&](int e) {
          return hardware_.edge(e).divide > 1 && has_older(hardware_, e);
        }))
      raster(fetch.start, fetch.column_step, fetch.row_step);
    const bool sparse = hardware_.step(buffer.stage) > 1;
    if (sparse || std::ranges::any_of(fetch.edges, [&](int e) { return needs_row(hardware_, e); }))
      raster(fetch.start + 1, fetch.column_step, fetch.row_step);
  }

  void write_rasters() {
    const std::int64_t last = std::ranges::max(rasters_, {}, &Raster::start).start;
    const int bits = rtl::index_bits(last + 1);
    module_.line("// cycles since the reset, until everything runs");
    module_.line(fmt::format("reg {}cycle;", rtl::vector(bits)));
    module_.line("always @(posedge aclk)");
    module_.line(fmt::format("  if (reset) cycle <= {};", literal(0, bits)));
    module_.line(fmt::format("  else if (enable & (cycle != {0})) cycle <= cycle + {1};", literal(last, bits),
                             literal(1, bits)));
    module_.line();
    module_.line("// at N: the pixel whose turn it is in a sequence that began in cycle N");
    for (const Raster& r : rasters_) {
      const std::string name = raster_name(r), type = raster_module(hardware_, r.column_step, r.row_step);
      module_.watch(module_.wire(name + "_on", 1));
      module_.watch(module_.wire(name + "_column", rtl::index_bits(hardware_.graph.period() / r.column_step)));
      module_.watch(module_.wire(name + "_row", rtl::index_bits(hardware_.graph.height / r.row_step)));
      module_.instance(type, "raster_" + name,
                       {{"clk", "aclk"},
                        {"reset", "reset"},
                        {"enable", "enable"},
                        {"cycle", "cycle"},
                        {"on", name + "_on"},
                        {"column", name + "_column"},
                        {"row", name + "_row"}},
                       fmt::format(".START({})", literal(r.start, bits)));
      write_raster_module(r, bits);
    }
    module_.line();
  }

  void write_raster_module(const Raster& r, int cycle_bits) {
    const std::string name = raster_module(hardware_, r.column_step, r.row_step);
    if (out_.contains(name)) return;
    Module m(name, fmt::format("The place of a pixel, every {} cycles and {} rows from cycle START on.", r.column_step,
                               r.row_step));
    m.parameter("START", cycle_bits, 0);
    for (const char* port : {"clk", "reset", "enable"}) m.input(port);
    m.input("cycle", cycle_bits);
    const int columns = hardware_.graph.period() / r.column_step, rows = hardware_.graph.height / r.row_step;
    m.output("on");
    const Signal column = m.output_reg("column", rtl::index_bits(columns));
    const Signal row = m.output_reg("row", rtl::index_bits(rows));
    m.line("reg started;");
    m.line("wire running = started | (cycle == START);");
    std::vector<std::string> on{"running"}, clear{"started <= 1'b0;"}, body;
    const auto counter = [&](const std::string& counter_name, int bits, int count, const std::string& indent) {
      clear.push_back(fmt::format("{} <= {};", counter_name, literal(0, bits)));
      body.push_back(fmt::format("{0}{1} <= {1} == {2} ? {3} : {1} + {4};", indent, counter_name,
                                 literal(count - 1, bits), literal(0, bits), literal(1, bits)));
    };
    std::string indent;
    const auto phase = [&](const std::string& phase_name, int step) {
      if (step == 1) return;
      const int bits = rtl::index_bits(step);
      m.line(fmt::format("reg {}{};", rtl::vector(bits), phase_name));
      on.push_back(fmt::format("({} == {})", phase_name, literal(0, bits)));
      counter(phase_name, bits, step, indent);
      body.push_back(fmt::format("{}if ({} == {}) begin", indent, phase_name, literal(step - 1, bits)));
      indent += "  ";
    };
    phase("column_phase", r.column_step);
    counter("column", column.width, columns, indent);
    body.push_back(fmt::format("{}if (column == {}) begin", indent, literal(columns - 1, column.width)));
    indent += "  ";
    phase("row_phase", r.row_step);
    counter("row", row.width, rows, indent);
    while (!indent.empty()) body.push_back((indent.resize(indent.size() - 2), indent + "end"));
    m.line(fmt::format("assign on = {};", fmt::join(on, " & ")));
    m.line("always @(posedge clk)");
    m.line("  if (reset) begin");
    for (const std::string& text : clear) m.line("    " + text);
    m.line("  end else if (enable & running) begin");
    m.line("    started <= 1'b1;");
    for (const std::string& text : body) m.line("    " + text);
    m.line("  end");
    out_[name] = m.text();
  }

  std::string frame_start(const Stream& stream) {
    const Raster& r = stream.at;
    const Signal x = column(stream.raster, r),
                 y{stream.raster + "_row", rtl::index_bits(hardware_.graph.height / r.row_step)};
    return fmt::format("{} & ({} == {}) & ({} == {})", module_.all(on(stream.raster)), module_.all(x),
                       literal(0, x.width), module_.all(y), literal(0, y.width));
  }
  /// A frame is real or blank from its start on: the first input decides, the others look it up when their own turn
  /// comes.
  void write_frames() {
    const auto start = [](const Stream& s) { return s.at.start; };
    const Stream& first = *std::ranges::find_if(
        streams_, [&](const Stream& s) { return s.is_input && start(s) == hardware_.first_input(); });
    const std::int64_t frame = static_cast<std::int64_t>(hardware_.graph.period()) * hardware_.graph.height;
    const std::int64_t longest = start(*std::ranges::max_element(streams_, {}, start)) - start(first);
    const int ring = static_cast<int>(longest / frame) + 2, ring_bits = rtl::index_bits(ring);
    module_.line("// frames: real where a pixel waits at their start, else blank if flushed");
    module_.line(fmt::format("wire waiting = {}_tvalid;", first.name));
    module_.line(fmt::format("wire decide = {};", frame_start(first)));
    module_.line("wire go = ~decide | waiting | flush;");
    module_.line(fmt::format("reg {}real_frames;", rtl::vector(ring)));
    module_.line(fmt::format("reg {}newest;", rtl::vector(ring_bits)));
    const auto next = [&](const std::string& index) {
      return fmt::format("{0} == {1} ? {2} : {0} + {3}", index, literal(ring - 1, ring_bits), literal(0, ring_bits),
                         literal(1, ring_bits));
    };
    module_.line("always @(posedge aclk)");
    module_.line(fmt::format("  if (reset) newest <= {};", literal(0, ring_bits)));
    module_.line("  else if (enable & decide) begin");
    module_.line("    real_frames[newest] <= waiting;");
    module_.line(fmt::format("    newest <= {};", next("newest")));
    module_.line("  end");
    bool looked_up = false;
    for (const Stream& stream : streams_) {
      const std::string& n = stream.name;
      const bool late = start(stream) != start(first);
      const std::string index = n + "_frame";
      module_.line(fmt::format("reg {}_is_real;", n));
      if (late) module_.line(fmt::format("reg {}{};", rtl::vector(ring_bits), index));
      module_.line(fmt::format("wire {}_first = {};", n, frame_start(stream)));
      module_.line(fmt::format("wire {0}_real = {0}_first ? {1} : {0}_is_real;", n,
                               late ? fmt::format("real_frames[{}]", index) : "waiting"));
      module_.line(fmt::format("wire {0}_active = {1} & {0}_real;", n, module_.all(on(stream.raster))));
      module_.line("always @(posedge aclk)");
      module_.line("  if (reset) begin");
      module_.line(fmt::format("    {}_is_real <= 1'b0;", n));
      if (late) module_.line(fmt::format("    {} <= {};", index, literal(0, ring_bits)));
      module_.line(fmt::format("  end else if (enable & {}_first) begin", n));
      module_.line(fmt::format("    {0}_is_real <= {0}_real;", n));
      if (late) module_.line(fmt::format("    {} <= {};", index, next(index)));
      module_.line("  end");
      looked_up |= late;
    }
    if (!looked_up) module_.watch({"real_frames", ring});
    module_.line();
  }

  void write_enable() {
    std::vector<std::string> conditions{"aresetn", "go"};
    for (const Stream& stream : streams_)
      conditions.push_back(stream.is_input ? fmt::format("(~{0}_active | {0}_tvalid)", stream.name)
                                           : fmt::format("(~{0}_active | {0}_tready | {0}_sent)", stream.name));
    for (const Stream& stream : streams_)
      if (!stream.is_input) module_.line(fmt::format("reg {}_sent;", stream.name));
    module_.line("// one enable freezes everything");
    module_.line(fmt::format("assign enable = {};", fmt::join(conditions, " & ")));
    for (const Stream& stream : streams_) stream.is_input ? write_input(stream) : write_output(stream);
    module_.line();
  }

  void write_input(const Stream& stream) {
    module_.line(fmt::format("assign {0}_tready = enable & {0}_active;", stream.name));
  }

  void write_output(const Stream& stream) {
    const std::string& n = stream.name;
    const int bits = hardware_.word_bits(stream.stage), more = whole_bytes(bits) - bits;
    const Signal x = column(stream.raster, stream.at);
    module_.line(fmt::format("assign {0}_tvalid = {0}_active & ~{0}_sent;", n));
    const std::string value = stream.delay ? delayed(stream) : pixel(stream.stage);
    module_.line(
        fmt::format("assign {}_tdata = {};", n, more ? fmt::format("{{{}, {}}}", literal(0, more), value) : value));
    module_.line(fmt::format("assign {0}_tuser = {0}_first;", n));
    module_.line(fmt::format("assign {}_tlast = {} == {};", n, module_.all(x),
                             literal(hardware_.words(stream.stage) - 1, x.width)));
    module_.line("always @(posedge aclk)");
    module_.line(fmt::format("  if (reset | enable) {}_sent <= 1'b0;", n));
    module_.line(fmt::format("  else if ({0}_tvalid & {0}_tready) {0}_sent <= 1'b1;", n));
  }

  /// A stage that reads only rows far above can be ahead of the input: its frame is not known to be real yet.
  std::string delayed(const Stream& stream) {
    const int bits = hardware_.word_bits(stream.stage);
    const std::string name = stream.name + "_delayed";
    const Signal chain = module_.reg(name, static_cast<int>(stream.delay) * bits);
    const std::string value = pixel(stream.stage);
    module_.line("always @(posedge aclk)");
    module_.line(fmt::format(
        "  if (enable) {} <= {};", name,
        stream.delay == 1 ? value : fmt::format("{{{}, {}}}", module_.bits(chain, chain.width - bits - 1, 0), value)));
    return module_.bits(chain, chain.width - 1, chain.width - bits);
  }

  void write_buffer_instance(const Buffer& buffer) {
    const std::string& stage = hardware_.stage(buffer.stage).name;
    const auto fetches = hardware_.fetches_of(buffer);
    const int bits = hardware_.word_bits(buffer.stage);
    Module::Connections ports{{"clk", "aclk"}};
    if (!buffer.registers && buffer.lines > 1) ports.emplace_back("reset", "reset");
    ports.emplace_back("enable", "enable");
    if (!buffer.registers) {
      const std::string at = of_stage(buffer.stage);
      ports.emplace_back("write_on", module_.all(on(at)));
      ports.emplace_back("write_column", module_.all(column(at, {0, hardware_.step(buffer.stage), 1})));
    }
    ports.emplace_back("write_pixel", pixel(buffer.stage));
    for (std::size_t f = 0; f < fetches.size(); ++f) {
      const Fetch& fetch = fetches[f];
      const std::string name = fmt::format("fetch_{}_{}", stage, f);
      const Signal fetched = module_.watch(module_.wire(name, fetch.height() * bits));
      for (const int e : fetch.edges) edge_column_[e] = {fetched, fetch, bits};
      if (!buffer.registers) {
        const std::string at = raster(fetch.start, fetch.column_step, fetch.row_step);
        ports.emplace_back(fmt::format("fetch{}_on", f), module_.all(on(at)));
        ports.emplace_back(fmt::format("fetch{}_column", f), module_.all(column(at, {0, fetch.column_step, 1})));
      }
      ports.emplace_back(fmt::format("fetch{}_pixels", f), name);
    }
    const std::string type = buffer_module(hardware_, buffer);
    module_.instance(type, "buffer_" + stage, ports);
  }

  std::string window_instance(int e) {
    const Edge& edge = hardware_.edge(e);
    const auto& [fetched, fetch, bits] = edge_column_.at(e);
    std::string name = fmt::format("taps_{}_for_{}", edge.producer, edge.consumer);
    const int low = (fetch.up - edge.window.up) * bits;
    const std::string column_bits = module_.bits(fetched, low + edge.window.height() * bits - 1, low);
    const bool wired = is_wire(hardware_, e);
    module_.wire(name, static_cast<int>(hardware_.taps(e).size()) * hardware_.pixel_bits(edge.producer),
                 wired ? column_bits : "");
    if (wired) return name;
    Module::Connections ports;
    const std::string next = raster_name({fetch.start + 1, fetch.column_step, fetch.row_step});
    if (has_registers(hardware_, e)) {
      ports = {{"clk", "aclk"}, {"enable", "enable"}};
      if (hardware_.step(edge.producer) > 1) ports.emplace_back("fresh", module_.all(on(next)));
    }
    if (edge.divide > 1 && has_older(hardware_, e))
      ports.emplace_back("fetching", module_.all(on(raster_name({fetch.start, fetch.column_step, fetch.row_step}))));
    if (needs_row(hardware_, e))
      ports.emplace_back("row", module_.all({next + "_row", rtl::index_bits(hardware_.rows(edge.consumer))}));
    if (needs_column(hardware_, e))
      ports.emplace_back("column",
                         module_.all(column(of_stage(edge.consumer, 1), {0, hardware_.step(edge.consumer), 1})));
    ports.emplace_back("fetched", column_bits);
    ports.emplace_back("taps", name);
    module_.instance(window_module(hardware_, e), fmt::format("window_{}_for_{}", edge.producer, edge.consumer), ports);
    return name;
  }

  void write_stage_instance(int s) {
    const Stage& stage = hardware_.stage(s);
    std::map<int, std::pair<std::string, int>> taps;  // by source: the wire, bits of a lane
    module_.line();
    for (const int e : hardware_.edges_into(s)) {
      const int lane_bits = static_cast<int>(hardware_.taps(e).size()) / hardware_.graph.lanes *
                            hardware_.pixel_bits(hardware_.edge(e).producer);
      taps[hardware_.source_of(e)] = {window_instance(e), lane_bits};
    }
    for (int lane = 0; lane < hardware_.graph.lanes; ++lane) write_lane(s, stage, lane, taps);
  }

  void write_lane(int s, const Stage& stage, int lane, const std::map<int, std::pair<std::string, int>>& taps) {
    const int lanes = hardware_.graph.lanes;
    const auto slice = [&](const std::string& wire, int bits) {
      if (lanes == 1) return wire;
      return bits == 1 ? fmt::format("{}[{}]", wire, lane)
                       : fmt::format("{}[{}:{}]", wire, (lane + 1) * bits - 1, lane * bits);
    };
    const std::string before = raster_name({hardware_.start(s) - 1, hardware_.step(s), hardware_.step(s)});
    Module::Connections ports{{"clk", "aclk"}};
    ports.emplace_back("enable", hardware_.step(s) > 1 ? "enable & " + module_.all(on(before)) : "enable");
    if (uses(stage, Op::column)) {
      const std::string word = module_.all(column(before, {0, hardware_.step(s), 1}));
      ports.emplace_back("column", lanes == 1 ? word
                                   : hardware_.words(s) == 1
                                       ? literal(lane, rtl::index_bits(lanes))
                                       : fmt::format("{{{}, {}}}", word, literal(lane, rtl::index_bits(lanes))));
    }
    if (uses(stage, Op::row))
      ports.emplace_back("row", module_.all({before + "_row", rtl::index_bits(hardware_.rows(s))}));
    for (const auto& [source, wire] : taps)
      ports.emplace_back(fmt::format("taps_{}", source), slice(wire.first, wire.second));
    ports.emplace_back("pixel", slice(pixel(s), hardware_.pixel_bits(s)));
    module_.instance(stage_module(hardware_, s),
                     fmt::format("stage_{}{}", stage.name, lanes == 1 ? "" : fmt::format("_lane{}", lane)), ports);
  }

  struct Fetched {
    Signal signal;
    Fetch fetch;
    int bits = 0;
  };

  const Hardware& hardware_;
  Module& module_;
  Modules& out_;
  std::vector<Stream> streams_;
  std::vector<Raster> rasters_;
  std::map<int, Fetched> edge_column_;
};

}  // namespace

std::string raster_module(const Hardware& hardware, int column_step, int row_step) {
  return hardware.module("raster", fmt::format("{}x{}", column_step, row_step));
}

void write_top(const Hardware& hardware, Modules& out) {
  const Graph& graph = hardware.graph;
  Module module(top_module(hardware.pipeline),
                fmt::format("{}: images of {} x {}, {} a clock.", hardware.pipeline.name, graph.width, graph.height,
                            graph.lanes == 1 ? "one pixel" : fmt::format("{} pixels", graph.lanes)));
  TopWriter(hardware, module, out).write();
  out[module.name()] = module.text();
}

}  // namespace pare::imaging
