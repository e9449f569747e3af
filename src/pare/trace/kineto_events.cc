#include "pare/trace/kineto_events.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <istream>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "pare/base/error.h"

namespace pare::trace {
namespace {

using Json = nlohmann::json;

/// Containers inside each other; Kineto needs seven.
constexpr int most_depth = 64;
/// Of the list of an operator's shapes, of its types, of a group's ranks.
constexpr std::size_t most_text_bytes = std::size_t{1} << 20;

EventKind kind_of(std::string_view category) {
  constexpr std::array<std::pair<std::string_view, EventKind>, 7> kinds{{{"cpu_op", EventKind::host},
                                                                         {"user_annotation", EventKind::host},
                                                                         {"kernel", EventKind::kernel},
                                                                         {"gpu_memcpy", EventKind::kernel},
                                                                         {"gpu_memset", EventKind::kernel},
                                                                         {"cuda_runtime", EventKind::launch},
                                                                         {"cuda_driver", EventKind::launch}}};
  for (const auto& [name, kind] : kinds)
    if (category == name) return kind;
  return EventKind::other;
}

/// An event while it is read.
struct Draft {
  KinetoEvent event;
  KinetoCollective collective;
  bool complete = false;  // "ph" is "X"
  double start_us = std::numeric_limits<double>::quiet_NaN(), duration_us = start_us;
  std::string name, category, process, thread, shapes, types, values, collective_name, element_type, group, ranks;
};

/// Takes what it knows from where it stands and lets everything else pass; holds one event.
class Handler final : public nlohmann::json_sax<Json> {
 public:
  Handler(Stream& stream, Texts& texts, KinetoEvents& out) : stream_(stream), texts_(texts), out_(out) {}

  bool found_events() const { return found_; }

  bool null() override { return scalar("", nan, -1); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false", nan, -1); }
  bool number_integer(std::int64_t value) override { return scalar({}, static_cast<double>(value), value); }
  bool number_unsigned(std::uint64_t value) override {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return scalar({}, static_cast<double>(value), value <= most ? static_cast<std::int64_t>(value) : -1);
  }
  bool number_float(double value, const std::string& text) override { return scalar(text, value, -1); }
  bool string(std::string& value) override { return scalar(value, nan, -1); }
  bool binary(Json::binary_t&) override { return true; }

  bool start_object(std::size_t) override {
    open();
    if (depth_ == event_depth()) draft_ = {};
    return true;
  }
  bool end_object() override {
    if (depth_ == event_depth()) finish_event();
    return close();
  }
  bool start_array(std::size_t) override {
    // the whole file is the list, or an object that has it
    if (list_depth_ == 0 && (depth_ == 0 || (depth_ == 1 && keys_[1] == "traceEvents"))) {
      list_depth_ = depth_ + 1;
      found_ = true;
    }
    if (std::string* list = listed()) {
      *list += list_begins_ || list->empty() ? "[" : ",[";
      list_begins_ = true;
      if (list->size() > most_text_bytes) too_long();
    }
    open();
    return true;
  }
  bool end_array() override {
    if (depth_ == list_depth_) list_depth_ = -1;
    close();
    if (std::string* list = listed()) *list += ']';
    list_begins_ = false;
    return true;
  }
  bool key(std::string& value) override {
    stream_.piece_ends();
    if (depth_ < static_cast<int>(keys_.size())) keys_[static_cast<std::size_t>(depth_)] = value;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) override {
    throw Error(fmt::format("byte {}: not JSON as a trace has it", position), stream_.where(),
                "it is damaged or cut off: write it again");
  }

 private:
  static constexpr double nan = std::numeric_limits<double>::quiet_NaN();

  int event_depth() const { return list_depth_ > 0 ? list_depth_ + 1 : -1; }
  int arguments_depth() const { return list_depth_ > 0 ? list_depth_ + 2 : -1; }
  const std::string& key_at(int depth) const { return keys_[static_cast<std::size_t>(depth)]; }

  void open() {
    stream_.piece_ends();
    if (++depth_ > most_depth)
      throw Error(fmt::format("more than {} lists and objects inside each other", most_depth), stream_.where(),
                  "it is no trace, or a damaged one");
    if (depth_ < static_cast<int>(keys_.size())) keys_[static_cast<std::size_t>(depth_)].clear();
  }
  bool close() {
    stream_.piece_ends();
    --depth_;
    return true;
  }

  bool in_arguments() const {
    return list_depth_ > 0 && depth_ >= arguments_depth() && key_at(event_depth()) == "args";
  }

  [[noreturn]] void too_long() const {
    throw Error(fmt::format("event {} ('{}') has a list of more than {} bytes", number_ + 1, printable(draft_.name),
                            most_text_bytes),
                stream_.where(), "it is no trace, or a damaged one");
  }

  /// The text of the list that is being read, where it is one of those kept.
  std::string* listed() {
    if (!in_arguments()) return nullptr;
    const std::string& name = key_at(arguments_depth());
    if (name == "Input Dims") return &draft_.shapes;
    if (name == "Input type") return &draft_.types;
    if (name == "Concrete Inputs" && draft_.name.starts_with(attention_prefix)) return &draft_.values;
    if (name == "Process Group Ranks") return &draft_.ranks;
    return nullptr;
  }

  bool scalar(const std::string& text, double number, std::int64_t whole) {
    stream_.piece_ends();
    if (depth_ == event_depth()) {
      in_event(key_at(depth_), text, number, whole);
    } else if (std::string* list = listed()) {
      if (!list_begins_ && !list->empty()) *list += ',';
      list_begins_ = false;
      *list += text.empty() && whole >= 0 ? std::to_string(whole) : text;
      if (list->size() > most_text_bytes) too_long();
    } else if (in_arguments() && depth_ == arguments_depth()) {
      in_arguments(key_at(depth_), text, whole);
    } else if (list_depth_ <= 0 && key_at(1) == "deviceProperties") {
      if (depth_ == 3 && key_at(3) == "name") out_.device = text;
    } else if (list_depth_ <= 0 && key_at(1) == "distributedInfo") {
      if (depth_ == 2 && key_at(2) == "rank" && whole >= 0) out_.rank = whole;
      if (depth_ == 4 && key_at(4) == "pg_size" && whole > 0) out_.group_sizes.insert(whole);
    }
    return true;
  }

  void in_event(const std::string& key, const std::string& text, double number, std::int64_t whole) {
    if (key == "ph") draft_.complete = text == "X";
    if (key == "cat") draft_.category = text;
    if (key == "name") draft_.name = text;
    if (key == "pid") draft_.process = text.empty() ? std::to_string(whole) : text;
    if (key == "tid") draft_.thread = text.empty() ? std::to_string(whole) : text;
    if (key == "ts") draft_.start_us = number;
    if (key == "dur") draft_.duration_us = number;
  }

  void in_arguments(const std::string& key, const std::string& text, std::int64_t whole) {
    KinetoCollective& collective = draft_.collective;
    if (key == "External id") draft_.event.external = whole;
    if (key == "correlation") draft_.event.correlation = whole;
    if (key == "Collective name") draft_.collective_name = text;
    if (key == "dtype") draft_.element_type = text;
    if (key == "Process Group Name") draft_.group = text.empty() ? std::to_string(whole) : text;
    if (key == "In msg nelems") collective.in_elements = whole;
    if (key == "Out msg nelems") collective.out_elements = whole;
    if (key == "Group size") collective.group_size = whole;
    if (key == "Seq") collective.sequence = whole;
    if (key == "Src Rank") collective.source = whole;
    if (key == "Dst Rank") collective.target = whole;
  }

  void finish_event() {
    ++number_;
    KinetoEvent& event = draft_.event;
    event.kind = kind_of(draft_.category);
    if (!draft_.complete || event.kind == EventKind::other) return;
    if (!std::isfinite(draft_.start_us) || !(draft_.duration_us >= 0) || std::isinf(draft_.duration_us))
      throw Error(
          fmt::format("event {} ('{}') needs a 'ts', and a 'dur' of at least 0", number_, printable(draft_.name)),
          stream_.where(), "it is damaged: write it again");
    if (out_.events.size() >= most_events)
      throw Error(fmt::format("more than {} operators, kernels and launches", most_events), stream_.where(),
                  "record fewer steps");
    event.start_us = draft_.start_us;
    event.duration_us = draft_.duration_us;
    event.name = texts_.id(draft_.name);
    event.shapes = texts_.id(draft_.shapes);
    event.types = texts_.id(draft_.types);
    event.values = texts_.id(draft_.values);
    event.thread = texts_.id(draft_.process + "/" + draft_.thread);
    if (!draft_.collective_name.empty()) {
      event.collective = static_cast<std::int32_t>(out_.collectives.size());
      KinetoCollective& collective = draft_.collective;
      collective.name = texts_.id(draft_.collective_name);
      collective.type = texts_.id(draft_.element_type);
      collective.group = texts_.id(draft_.group + draft_.ranks);
      out_.collectives.push_back(collective);
    }
    out_.events.push_back(event);
  }

  Stream& stream_;
  Texts& texts_;
  KinetoEvents& out_;
  Draft draft_;
  int depth_ = 0;
  int list_depth_ = 0;  // of the list of events while it is read; -1 behind it
  bool found_ = false;
  bool list_begins_ = false;  // nothing stands behind the bracket yet
  std::size_t number_ = 0;
  std::array<std::string, 5> keys_;  // by depth
};

}  // namespace

KinetoEvents read_kineto_events(Stream& stream, Texts& texts) {
  KinetoEvents out;
  Handler handler(stream, texts, out);
  std::istream in(&stream);
  Json::sax_parse(in, &handler);
  if (!handler.found_events())
    throw Error("has no list 'traceEvents'", stream.where(), "give what torch.profiler's export_chrome_trace writes");
  return out;
}

}  // namespace pare::trace
