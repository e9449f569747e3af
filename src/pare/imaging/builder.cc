#include "pare/imaging/builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <cmath>

#include "pare/base/error.h"
#include "pare/imaging/interval.h"

namespace pare::imaging {
namespace {

void check_type(const Type& type, const std::string& where) {
  if (type.bits < 1 || type.bits > 48 || type.fraction < 0 || type.fraction > type.bits)
    throw Error(
        fmt::format("a channel has 1 to 48 bits, its fraction among them, not {} with {}", type.bits, type.fraction),
        where);
  if (type.channels < 1 || type.channels > 256)
    throw Error(fmt::format("a pixel has 1 to 256 channels, not {}", type.channels), where);
}

std::string worth(std::int64_t code, int fraction) {
  return fmt::format("{}", std::ldexp(static_cast<double>(code), -fraction));
}

void check_range(const Range& range, const Type& type, const std::string& where) {
  const Range all = codes(type);
  Type channel = type;
  channel.channels = 1;
  const std::string mend = "widen the type, or use clamp, sat or wrap", t = name(channel);
  if (range.high > all.high)
    throw Error(
        fmt::format("reaches {}, beyond {}'s {}", worth(range.high, type.fraction), t, worth(all.high, type.fraction)),
        where, mend);
  if (range.low < all.low)
    throw Error(
        fmt::format("falls to {}, below {}'s {}", worth(range.low, type.fraction), t, worth(all.low, type.fraction)),
        where, mend);
}

}  // namespace

StageBuilder::StageBuilder(PipelineBuilder& pipeline, std::string name, Border border) : pipeline_(pipeline) {
  stage_.name = std::move(name);
  stage_.border = border;
}

int StageBuilder::add(const Node& node) {
  const Read& r = node.read;
  const Key key{node.op, node.arguments, node.value, r.source, r.channel, r.dx, r.dy};
  const auto [entry, is_new] = known_.try_emplace(key, static_cast<int>(stage_.nodes.size()));
  if (is_new) {
    if (stage_.nodes.size() == most_stage_nodes)
      throw Error(fmt::format("has more than {} operations", most_stage_nodes), fmt::format("stage '{}'", stage_.name),
                  "split it into several stages");
    stage_.nodes.push_back(node);
  }
  return entry->second;
}

int StageBuilder::node_of(const Expr& value) {
  if (value.stage_) {
    assert(value.stage_ == this);
    return value.node_;
  }
  return add({.op = Op::constant, .value = value.code_, .range = {value.code_, value.code_}});
}

Expr StageBuilder::position(Op op) { return {this, add({.op = op, .range = range_of(op, {})}), 0}; }

Expr StageBuilder::read(int stage, int dx, int dy, int channel, int multiply, int divide) {
  const Stage& from = pipeline_.stage_at(stage);
  const std::string where = fmt::format("stage '{}'", stage_.name);
  if (channel < 0 || channel >= from.type.channels)
    throw Error(fmt::format("'{}' has no channel {}, only {}", from.name, channel, from.type.channels), where,
                "channels count from 0");
  if (std::max(std::abs(dx), std::abs(dy)) > most_offset)
    throw Error(fmt::format("reads '{}' ({}, {}) pixels away", from.name, dx, dy), where,
                fmt::format("at most {}", most_offset));
  if (multiply < 1 || divide < 1 || std::max(multiply, divide) > most_factor || std::min(multiply, divide) > 1)
    throw Error(fmt::format("samples '{}' by {} / {}", from.name, multiply, divide), where,
                fmt::format("one of them is 1, the other 1 to {}", most_factor));
  const Source source{stage, multiply, divide};
  auto known = std::ranges::find(stage_.sources, stage, &Source::stage);
  if (known == stage_.sources.end()) known = stage_.sources.insert(known, source);
  if (*known != source)
    throw Error(fmt::format("reads '{}' at two rates", from.name), where, "sample it in a stage of its own");
  const int index = static_cast<int>(known - stage_.sources.begin());
  const Node node{.op = Op::pixel, .read = {index, channel, dx, dy}, .range = codes(from.type)};
  return {this, add(node), from.type.fraction};
}

Expr StageBuilder::make(Op op, const std::vector<Expr>& arguments, int fraction, std::int64_t value,
                        const Range& range) {
  Node node{.op = op, .value = value, .range = range};
  for (std::size_t i = 0; i < arguments.size(); ++i) node.arguments[i] = node_of(arguments[i]);
  if (op == Op::add || op == Op::multiply || op == Op::minimum || op == Op::maximum || op == Op::bit_and ||
      op == Op::bit_or || op == Op::bit_xor || op == Op::equal)
    if (node.arguments[0] > node.arguments[1]) std::swap(node.arguments[0], node.arguments[1]);
  return {this, add(node), fraction};
}

int StageBuilder::finish(const Type& type, const std::vector<Expr>& channels, bool is_output) {
  const std::string where = fmt::format("stage '{}'", stage_.name);
  check_type(type, where);
  if (channels.size() != static_cast<std::size_t>(type.channels))
    throw Error(fmt::format("gives {} channels, its type {} has {}", channels.size(), name(type), type.channels), where,
                "write one value a channel, as in (a, b, c)");
  for (const Expr& channel : channels) {
    const Expr root = to_fraction(channel, type.fraction);
    check_range(root.range(), type, where);
    stage_.roots.push_back(node_of(root));
  }
  stage_.type = type;
  stage_.is_output = is_output;
  compact();
  if (stage_.sources.empty())
    throw Error("depends on no image", where, "compute it inside the stages that use it: x and y are known everywhere");
  if ((pipeline_.nodes_ += stage_.nodes.size()) > most_nodes)
    throw Error(fmt::format("has more than {} operations", most_nodes), pipeline_.pipeline_.name, "make it smaller");
  pipeline_.check_new(stage_.name);
  pipeline_.pipeline_.stages.push_back(std::move(stage_));
  return static_cast<int>(pipeline_.pipeline_.stages.size()) - 1;
}

/// Keeps the nodes that a root needs and the sources that they read.
void StageBuilder::compact() {
  std::vector<int> place(stage_.nodes.size(), -1), source_place(stage_.sources.size(), -1);
  for (const int root : stage_.roots) place[static_cast<std::size_t>(root)] = 0;
  for (std::size_t i = place.size(); i-- > 0;)
    if (place[i] == 0)
      for (const int argument : stage_.nodes[i].arguments)
        if (argument >= 0) place[static_cast<std::size_t>(argument)] = 0;
  std::vector<Node> nodes;
  std::vector<Source> sources;
  for (std::size_t i = 0; i < place.size(); ++i) {
    if (place[i] < 0) continue;
    place[i] = static_cast<int>(nodes.size());
    Node& node = nodes.emplace_back(stage_.nodes[i]);
    for (int& argument : node.arguments)
      if (argument >= 0) argument = place[static_cast<std::size_t>(argument)];
    if (node.op != Op::pixel) continue;
    int& source = source_place[static_cast<std::size_t>(node.read.source)];
    if (source < 0) {
      source = static_cast<int>(sources.size());
      sources.push_back(stage_.sources[static_cast<std::size_t>(node.read.source)]);
    }
    node.read.source = source;
  }
  for (int& root : stage_.roots) root = place[static_cast<std::size_t>(root)];
  stage_.nodes = std::move(nodes);
  stage_.sources = std::move(sources);
}

void PipelineBuilder::check_new(const std::string& name) const {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; };
  if (name.empty() || name.size() > 64 || !letter(name[0]) ||
      !std::ranges::all_of(name, [&](char c) { return letter(c) || std::isdigit(static_cast<unsigned char>(c)); }))
    throw Error(fmt::format("'{}' is no name", printable(name)), pipeline_.name,
                "at most 64 letters, digits and _, a letter or _ first");
  if (pipeline_.find(name) >= 0 || std::ranges::find(pipeline_.tables, name, &Table::name) != pipeline_.tables.end())
    throw Error(fmt::format("'{}' is there twice", name), pipeline_.name, "rename one of them");
  if (pipeline_.stages.size() == most_stages)
    throw Error(fmt::format("has more than {} stages", most_stages), pipeline_.name);
}

int PipelineBuilder::input(const std::string& name, const Type& type) {
  check_new(name);
  check_type(type, fmt::format("input '{}'", name));
  pipeline_.stages.push_back({.name = name, .type = type, .is_input = true});
  return static_cast<int>(pipeline_.stages.size()) - 1;
}

int PipelineBuilder::table(const std::string& name, std::vector<std::int64_t> entries) {
  check_new(name);
  if (entries.empty() || entries.size() > most_table || pipeline_.tables.size() == most_tables)
    throw Error(fmt::format("a pipeline has at most {} tables of 1 to {} entries", most_tables, most_table),
                fmt::format("table '{}'", name));
  for (const std::int64_t entry : entries)
    if (entry > largest || entry < -largest)
      throw Error(fmt::format("an entry is {}, beyond {} bits", entry, most_shift), fmt::format("table '{}'", name));
  pipeline_.tables.push_back({name, std::move(entries)});
  return static_cast<int>(pipeline_.tables.size()) - 1;
}

StageBuilder PipelineBuilder::stage(const std::string& name, Border border) {
  check_new(name);
  return {*this, name, border};
}

void PipelineBuilder::mark_output(int stage) {
  Stage& s = pipeline_.stages[static_cast<std::size_t>(stage)];
  if (s.is_input)
    throw Error(fmt::format("'{}' is an input and cannot be an output", s.name), pipeline_.name,
                "write a stage that passes it on");
  s.is_output = true;
}

int PipelineBuilder::unused() const {
  std::vector<bool> used;
  for (const Stage& stage : pipeline_.stages) used.push_back(stage.is_output);
  for (const Stage& stage : pipeline_.stages)
    for (const Source& source : stage.sources) used[static_cast<std::size_t>(source.stage)] = true;
  const auto found = std::ranges::find(used, false);
  return found == used.end() ? -1 : static_cast<int>(found - used.begin());
}

Pipeline PipelineBuilder::finish() const {
  if (std::ranges::none_of(pipeline_.stages, &Stage::is_output))
    throw Error("has no output", pipeline_.name, "mark one stage: output NAME");
  if (const int stage = unused(); stage >= 0)
    throw Error(fmt::format("'{}' is read by no stage and is no output", stage_at(stage).name), pipeline_.name,
                "remove it, read it, or make it an output");
  steps(pipeline_);
  return pipeline_;
}

}  // namespace pare::imaging
