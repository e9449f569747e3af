// A file is a sequence of messages, each behind its length as a varint: metadata first, then nodes in any order.
#include "pare/trace/chakra.h"

#include <chakra.pb.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "pare/base/error.h"
#include "pare/trace/chakra_order.h"

namespace pare::trace {
namespace {

enum NodeType : std::uint32_t { metadata = 1, load = 2, store = 3, compute = 4, send = 5, receive = 6, collective = 7 };

constexpr const char* damaged = "the file is damaged or cut off: write it again";

/// By the numbers of the schema; those of reduce-scatter are two.
constexpr std::array<CollectiveKind, 10> kinds{CollectiveKind::all_reduce,     CollectiveKind::reduce,
                                               CollectiveKind::all_gather,     CollectiveKind::gather,
                                               CollectiveKind::scatter,        CollectiveKind::broadcast,
                                               CollectiveKind::all_to_all,     CollectiveKind::reduce_scatter,
                                               CollectiveKind::reduce_scatter, CollectiveKind::barrier};

/// Printable ASCII, without spaces and quotes: what Python writes as a list becomes pare's text for it.
std::string plain(const std::string& bytes, bool keep_spaces = false) {
  std::string out;
  for (const char c : bytes)
    if (c < ' ' || c > '~')
      out += '?';
    else if (keep_spaces || (c != ' ' && c != '\'' && c != '"'))
      out += c;
  return out;
}

/// "Tensor(float)" is float.
std::string element_types(const std::string& bytes) {
  std::string text = plain(bytes);
  constexpr std::string_view open = "Tensor(";
  for (std::size_t at = 0; (at = text.find(open, at)) != std::string::npos;) {
    text.erase(at, open.size());
    if (const std::size_t end = text.find(')', at); end != std::string::npos) text.erase(end, 1);
  }
  return text;
}

/// "aten::mul" of "aten::mul(1)".
std::string_view without_piece(std::string_view name) {
  if (!name.ends_with(')')) return name;
  const auto open = name.find_last_not_of("0123456789", name.size() - 2);
  if (open == std::string_view::npos || name[open] != '(' || open + 2 == name.size()) return name;
  return name.substr(0, open);
}

/// The whole number that it holds, of whichever type; 0 for another one.
std::int64_t whole(const chakra::Attribute& attribute) {
  if (attribute.int64_value() != 0) return attribute.int64_value();
  if (attribute.uint64_value() != 0) return static_cast<std::int64_t>(attribute.uint64_value());
  return attribute.int32_value() != 0 ? attribute.int32_value() : attribute.uint32_value();
}

/// What is kept of a node until all are read.
struct Kept {
  std::uint64_t start_us = 0;
  std::uint32_t type = 0;
  bool on_host = false;
  std::int64_t piece_of = 0;  // number of the operator that this is a piece of; 0: it is whole
  Signature signature;
  double seconds = 0;
  std::optional<CollectiveCall> collective;
};

class Reader {
 public:
  Reader(Stream& stream, Trace& trace) : stream_(stream), trace_(trace) {}

  void read() {
    chakra::Metadata metadata;
    if (!next(metadata, "the metadata")) fail("is empty", "give a Chakra execution trace");
    chakra::Node node;
    while (next(node, fmt::format("message {}", nodes_.size() + 1))) keep(node);
    order_.check(stream_.where());
    trace_.dropped += order_.dropped();
    add_calls();
    add_collectives();
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& mend = damaged) const {
    throw Error(what, stream_.where(), mend);
  }

  /// The length before a message; nothing at the end of the file.
  std::optional<std::size_t> length() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const int byte = stream_.sbumpc();
      if (byte == std::char_traits<char>::eof()) {
        if (shift == 0) return std::nullopt;
        fail("ends within the length of a message");
      }
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) {
        if (value > most_piece_bytes)
          fail(fmt::format("has a message of {} bytes, more than the limit of {}", value, most_piece_bytes));
        return static_cast<std::size_t>(value);
      }
    }
    fail("has a length of a message that is no number");
  }

  template <typename Message>
  bool next(Message& message, const std::string& which) {
    stream_.piece_ends();
    const auto bytes = length();
    if (!bytes) return false;
    buffer_.resize(*bytes);
    if (stream_.sgetn(buffer_.data(), static_cast<std::streamsize>(*bytes)) != static_cast<std::streamsize>(*bytes))
      fail(fmt::format("ends within {}", which));
    if (!message.ParseFromString(buffer_)) fail(fmt::format("{} cannot be read", which));
    check_types(message, which);
    return true;
  }

  /// protobuf passes over a known field of another type; its value would be lost silently.
  void check_types(const google::protobuf::Message& message, const std::string& which) const {
    const auto& unknown = message.GetReflection()->GetUnknownFields(message);
    for (int i = 0; i < unknown.field_count(); ++i)
      if (const auto* field = message.GetDescriptor()->FindFieldByNumber(unknown.field(i).number()))
        fail(fmt::format("{}: '{}' is of another type than Chakra's schema says", which, field->name()));
  }

  void keep(const chakra::Node& node) {
    const std::string which = fmt::format("node {}", node.id());
    if (nodes_.size() >= most_events)
      throw Error(fmt::format("more than {} nodes", most_events), stream_.where(), "record fewer steps");
    order_.add(node.id(), node.control_dependencies(), node.data_dependencies(), stream_.where());
    Kept kept{
        .start_us = node.start_us(), .type = node.type(), .seconds = static_cast<double>(node.duration_us()) * 1e-6};
    check_types(node.inputs(), which);
    const std::string name = plain(node.name(), true);
    const std::string_view whole_name = without_piece(name);
    kept.signature.name = trace_.texts.id(whole_name);
    kept.signature.shapes = trace_.texts.id(plain(node.inputs().shapes()));
    kept.signature.types = trace_.texts.id(element_types(node.inputs().types()));
    if (whole_name.starts_with(attention_prefix))
      kept.signature.values = trace_.texts.id(plain(node.inputs().values()));
    read_attributes(node, which, kept);
    if (!kept.on_host || whole_name.size() == name.size()) kept.piece_of = 0;
    nodes_.push_back(kept);
  }

  void read_attributes(const chakra::Node& node, const std::string& which, Kept& kept) {
    std::int64_t kind = -1, bytes = -1, source = -1, target = -1;
    std::string group;
    for (const auto& attribute : node.attributes()) {
      check_types(attribute, which);
      const std::int64_t number = whole(attribute);
      if (attribute.name() == "is_cpu_op") kept.on_host = attribute.bool_value() || number != 0;
      if (attribute.name() == "rf_id") kept.piece_of = number;
      if (attribute.name() == "comm_type") kind = number;
      if (attribute.name() == "comm_size") bytes = number;
      if (attribute.name() == "comm_src") source = number;
      if (attribute.name() == "comm_dst") target = number;
      if (attribute.name() == "pg_name") group = plain(attribute.text_value());
    }
    if (kept.on_host || (node.type() != send && node.type() != receive && node.type() != collective)) return;
    CollectiveCall call{.bytes = static_cast<double>(bytes),
                        .file = static_cast<std::uint32_t>(trace_.files),
                        .input_of_one_rank = true,
                        .seconds = kept.seconds};
    if (node.type() == collective) {
      if (kind < 0 || kind >= static_cast<std::int64_t>(kinds.size())) return;
      call.kind = kinds[static_cast<std::size_t>(kind)];
    } else {
      call.kind = CollectiveKind::transfer;
      call.group_size = 2;
      group += fmt::format(" {}>{}", source, target);
    }
    if (bytes < 0 && call.kind != CollectiveKind::barrier) return;
    call.bytes = std::max(call.bytes, 0.0);
    call.group = trace_.texts.id(group);
    kept.collective = call;
  }

  /// The time of a kernel is that of the operator that controls it. Other dependencies say what comes first, not who
  /// calls whom, so calls have no parents here.
  void add_calls() {
    const bool on_device =
        std::ranges::any_of(nodes_, [](const Kept& node) { return node.type == compute && !node.on_host; });
    const std::size_t first = trace_.calls.size();
    std::vector<std::uint32_t> calls(nodes_.size(), no_call);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].on_host) calls[i] = add_host(nodes_[i], on_device ? 0 : nodes_[i].seconds);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const Kept& node = nodes_[i];
      if (node.on_host || (node.type != compute && node.type != load && node.type != store)) continue;
      trace_.untimed += node.seconds == 0;
      trace_.kernels += node.type == compute;
      const auto control = order_.first_control(i);
      if (control && calls[*control] != no_call) {
        trace_.calls[calls[*control]].own_s += node.seconds;
      } else {
        trace_.kernels_alone += node.type == compute;
        trace_.add(Call{.signature = node.signature, .own_s = node.seconds}, stream_.where());
      }
    }
    for (std::size_t i = first; i < trace_.calls.size(); ++i) trace_.calls[i].whole_s = trace_.calls[i].own_s;
  }

  /// The number of its call. The converter cuts an operator at its kernels; the pieces, "aten::mul(0)" and
  /// "aten::mul(1)", have its number and make one call.
  std::uint32_t add_host(const Kept& node, double seconds) {
    auto call = static_cast<std::uint32_t>(trace_.calls.size());
    if (node.piece_of != 0) call = pieces_.emplace(node.piece_of, call).first->second;
    if (call == trace_.calls.size()) trace_.add(Call{.signature = node.signature}, stream_.where());
    trace_.calls[call].own_s += seconds;
    return call;
  }

  void add_collectives() {
    std::vector<const Kept*> in_time;
    for (const Kept& node : nodes_) {
      const bool communicates = !node.on_host && (node.type == send || node.type == receive || node.type == collective);
      if (communicates && node.collective && node.seconds > 0)
        in_time.push_back(&node);
      else if (communicates)
        ++(node.collective ? trace_.untimed : trace_.nameless);
    }
    std::ranges::stable_sort(in_time, {}, [](const Kept* node) { return node->start_us; });
    for (const Kept* node : in_time) trace_.add(*node->collective, stream_.where());
  }

  Stream& stream_;
  Trace& trace_;
  std::string buffer_;
  std::vector<Kept> nodes_;
  DependencyOrder order_;
  std::unordered_map<std::int64_t, std::uint32_t> pieces_;  // the call of an operator in pieces, by its number
};

}  // namespace

void read_chakra(Stream& stream, Trace& trace) {
  Reader(stream, trace).read();
  trace.source = "chakra";
  ++trace.files;
}

}  // namespace pare::trace
