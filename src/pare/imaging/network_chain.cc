#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "pare/base/error.h"
#include "pare/imaging/network_layers.h"
#include "pare/imaging/syntax.h"
#include "pare/model/graph_edit.h"

namespace pare::imaging {
namespace {

using model::ValueId;

/// A name of the language like the one given.
std::string identifier(const std::string& wish, std::set<std::string>& taken) {
  constexpr std::size_t longest = 40;
  std::string out;
  for (const char c : wish)
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_')
      out += c;
    else if (!out.empty() && out.back() != '_')
      out += '_';
  while (!out.empty() && out.back() == '_') out.pop_back();
  if (out.size() > longest) out.resize(longest);
  if (out.empty() || !std::isalpha(static_cast<unsigned char>(out[0])) || is_reserved(out)) out = "layer_" + out;
  std::string made = out;
  for (int n = 2; !taken.insert(made).second; ++n) made = fmt::format("{}_{}", out, n);
  return made;
}

class Walk {
 public:
  Walk(const model::Model& network, const ChainRequest& request) : network_(network), request_(request) {}

  Chain run() {
    begin();
    if (request_.to.empty()) {
      while (step()) {
      }
    } else {
      check_end();
      while (!at_end())
        if (!step())
          throw Error(fmt::format("'{}' is not reached: {}", printable(request_.to), chain_.stopped), "--to",
                      "a chain runs from one node to the next");
      if (const model::Node* round = rounding()) take(*round);
    }
    if (chain_.layers.empty()) throw Error(chain_.stopped, {}, "name where the chain begins by --from");
    chain_.to = network_.model.value(value_).name;
    if (rounded_) chain_.to = network_.model.value(before_rounding_).name;
    name_layers();
    return std::move(chain_);
  }

 private:
  void begin() {
    const model::Model& m = network_.model;
    if (!request_.from.empty()) {
      value_ = m.find(request_.from);
      if (value_ == model::no_value || m.value(value_).constant)
        throw UsageError(fmt::format("the network has no value '{}'", printable(request_.from)), "--from",
                         "pare inspect lists them");
    } else {
      std::vector<ValueId> images;
      for (const ValueId id : m.inputs)
        if (m.value(id).shape.size() == 4) images.push_back(id);
      if (images.size() != 1)
        throw Error(fmt::format("the network has {} inputs of four axes, not one image", images.size()), {},
                    "name where the chain begins by --from");
      value_ = images[0];
    }
    const model::Value& value = m.value(value_);
    chain_.from = value.name;
    chain_.from_image = std::ranges::find(m.inputs, value_) != m.inputs.end();
    if (value.shape.size() != 4 || !value.shape[1].known() || value.type != model::ElementType::f32)
      throw Error(fmt::format("is {} {}, not float32 [n, channels, rows, columns]", model::name(value.type),
                              value.shape_known ? model::to_string(value.shape) : "of unknown shape"),
                  fmt::format("value '{}'", printable(value.name)));
    constexpr std::int64_t most_channels = 256;
    if (value.shape[1].size < 1 || value.shape[1].size > most_channels)
      throw Error(fmt::format("has {} channels, of 1 to {}", value.shape[1].size, most_channels),
                  fmt::format("value '{}'", printable(value.name)));
    chain_.channels = channels_ = static_cast<int>(value.shape[1].size);
    if (const model::Node* round = rounding()) {
      chain_.levels = levels_of(network_, *round, channels_);
      value_ = round->outputs[0];
    }
  }

  /// `--to` must be something of the network.
  void check_end() const {
    const model::Model& m = network_.model;
    if (m.find(request_.to) == model::no_value &&
        std::ranges::find(m.nodes, request_.to, &model::Node::name) == m.nodes.end())
      throw UsageError(fmt::format("the network has no node or value '{}'", printable(request_.to)), "--to",
                       "pare inspect lists them");
  }

  bool at_end() const {
    return !chain_.layers.empty() && (network_.model.value(value_).name == request_.to || last_ == request_.to);
  }

  /// The FakeQuantize that reads the value, or null.
  const model::Node* rounding() const {
    for (const std::size_t reader : network_.readers[static_cast<std::size_t>(value_)])
      if (const model::Node& node = network_.model.nodes[reader]; node.op == model::Op::fake_quantize) return &node;
    return nullptr;
  }

  /// One node further. False, and `stopped` says why, where the chain ends.
  bool step() {
    const auto& readers = network_.readers[static_cast<std::size_t>(value_)];
    const std::string where = fmt::format("'{}'", printable(network_.model.value(value_).name));
    if (readers.empty()) return stop(where + " is the end of the network");
    const model::Node& node = network_.model.nodes[readers[0]];
    if (std::ranges::any_of(readers, [&](std::size_t r) { return r != readers[0]; })) {
      // other readers may see the value that is not rounded; it is the chain's end all the same
      if (const model::Node* round = chain_.layers.empty() ? nullptr : rounding()) take(*round);
      const model::Node& other =
          network_.model.nodes[*std::ranges::find_if(readers, [&](std::size_t r) { return r != readers[0]; })];
      return stop(fmt::format("{} is read by both {} and {}", where, printable(model::describe(node)),
                              printable(model::describe(other))));
    }
    if (node.op == model::Op::conv && request_.layers > 0 && convolutions_ == request_.layers)
      return stop(fmt::format("{} layers are asked for", request_.layers));
    try {
      take(node);
    } catch (const Error& e) {
      if (chain_.layers.empty()) throw;
      return stop(fmt::format("{}: {}", e.where(), e.problem()));
    }
    return true;
  }

  bool stop(const std::string& why) {
    chain_.stopped = why;
    return false;
  }

  void take(const model::Node& node) {
    if (node.inputs[0] != value_ && !(node.op == model::Op::add || node.op == model::Op::mul))
      throw Error(
          fmt::format("reads '{}' in another place than its first", printable(network_.model.value(value_).name)),
          printable(model::describe(node)));
    if (node.op == model::Op::fake_quantize && !chain_.layers.empty()) {
      chain_.layers.back().levels = levels_of(network_, node, channels_);
      before_rounding_ = value_;
      rounded_ = true;
    } else if (begins_layer(node.op)) {
      const Layer* before = chain_.layers.empty() ? nullptr : &chain_.layers.back();
      chain_.layers.push_back(
          begin_layer(network_, node, channels_, before ? before->lost_rows : 0, before ? before->lost_columns : 0));
      names_.push_back(node.name);
      convolutions_ += node.op == model::Op::conv;
      rounded_ = false;
    } else if (chain_.layers.empty()) {
      throw Error("is no convolution or pooling", printable(model::describe(node)),
                  "name where the chain begins by --from");
    } else {
      continue_layer(network_, node, chain_.layers.back());
      rounded_ = false;
    }
    channels_ = chain_.layers.back().outputs;
    value_ = node.outputs[0];
    last_ = node.name;
  }

  void name_layers() {
    std::set<std::string> taken{"image", "data"};
    for (std::size_t i = 0; i < std::max<std::size_t>(chain_.layers.size(), 256); ++i)
      for (const char* array : {"W", "M", "C", "R", "V", "T"}) taken.insert(array + std::to_string(i));
    for (std::size_t i = 0; i < chain_.layers.size(); ++i) chain_.layers[i].name = identifier(names_[i], taken);
  }

  NetworkView network_;
  const ChainRequest& request_;
  Chain chain_;
  std::vector<std::string> names_;  // of the nodes that begin layers
  std::string last_;                // the node taken last
  ValueId value_ = model::no_value, before_rounding_ = model::no_value;
  bool rounded_ = false;
  int channels_ = 1, convolutions_ = 0;
};

/// Keeps the outputs of a layer that are numbered.
void keep_outputs(Layer& layer, const std::vector<int>& channels) {
  const auto kept = [&](auto& list) {
    if (list.empty()) return;
    const std::size_t each = list.size() / static_cast<std::size_t>(layer.outputs);
    std::remove_reference_t<decltype(list)> out;
    for (const int c : channels) {
      const auto first = list.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(c) * each);
      out.insert(out.end(), first, first + static_cast<std::ptrdiff_t>(each));
    }
    list = std::move(out);
  };
  kept(layer.reads), kept(layer.weights), kept(layer.gains), kept(layer.offsets);
  if (layer.coded) kept(layer.coded->integers), kept(layer.coded->scales);
  if (layer.levels) kept(layer.levels->scales);
  layer.outputs = static_cast<int>(channels.size());
}

/// The inputs that count: those with a weight that is not 0. At least one.
std::vector<int> needed_inputs(const Layer& layer) {
  std::set<int> out;
  for (std::size_t r = 0; r < layer.reads.size(); ++r)
    for (std::size_t i = 0; i < layer.window(); ++i)
      if (layer.weights.empty() || layer.weights[r * layer.window() + i] != 0) out.insert(layer.reads[r]);
  if (out.empty()) out.insert(layer.reads[0]);
  return {out.begin(), out.end()};
}

/// Renumbers the inputs to those that are kept, and takes the others out.
void keep_inputs(Layer& layer, const std::vector<int>& channels) {
  const auto place = [&](int c) { return static_cast<int>(std::ranges::lower_bound(channels, c) - channels.begin()); };
  layer.inputs = static_cast<int>(channels.size());
  const auto is_kept = [&](int c) { return std::ranges::binary_search(channels, c); };
  if (layer.grouped) {
    // a tap that is taken out has weights of 0 only: it may read anything
    for (int& c : layer.reads) c = is_kept(c) ? place(c) : 0;
    return;
  }
  const auto kept = [&](auto& list, std::size_t each) {
    std::remove_reference_t<decltype(list)> out;
    for (std::size_t r = 0; r < layer.reads.size(); ++r)
      if (is_kept(layer.reads[r]))
        out.insert(out.end(), list.begin() + static_cast<std::ptrdiff_t>(r * each),
                   list.begin() + static_cast<std::ptrdiff_t>((r + 1) * each));
    list = std::move(out);
  };
  kept(layer.weights, layer.window());
  if (layer.coded) kept(layer.coded->integers, layer.window()), kept(layer.coded->scales, layer.window());
  std::vector<int> reads;
  for (const int c : layer.reads)
    if (is_kept(c)) reads.push_back(place(c));
  layer.reads = std::move(reads);
  layer.taps = layer.inputs;
}

}  // namespace

Chain take_chain(const model::Model& model, const ChainRequest& request) { return Walk(model, request).run(); }

void keep_channels(Chain& chain, const std::vector<int>& channels) {
  const int outputs = chain.layers.back().outputs;
  for (const int c : channels)
    if (c < 0 || c >= outputs)
      throw UsageError(fmt::format("{} has no channel {}, only 0 to {}", chain.layers.back().node, c, outputs - 1),
                       "--channels");
  std::vector<int> kept(channels);
  std::ranges::sort(kept);
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  for (std::size_t i = chain.layers.size(); i-- > 0;) {
    keep_outputs(chain.layers[i], kept);
    if (i == 0) break;  // the image stays as it is
    kept = needed_inputs(chain.layers[i]);
    keep_inputs(chain.layers[i], kept);
  }
}

}  // namespace pare::imaging
