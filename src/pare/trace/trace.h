// What traces of a training run say, whatever their format: calls of operators with their times, and collectives.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pare/trace/collective.h"
#include "pare/trace/times.h"

namespace pare::trace {

/// Calls and collectives that are kept, of all files together.
inline constexpr std::size_t most_events = std::size_t{1} << 24;
/// Distinct names, shapes and types together.
inline constexpr std::size_t most_texts_bytes = std::size_t{1} << 29;

/// Where in training a call stands; unknown where the trace has no backward pass.
enum class Phase : std::uint8_t { unknown, forward, backward, update };

std::string_view name(Phase phase);

/// Each distinct text once: names and shapes come back a million times.
class Texts {
 public:
  using Id = std::uint32_t;

  Texts() { id(""); }
  /// 0 for the empty text. Throws Error when it is full.
  Id id(std::string_view text);
  const std::string& operator[](Id id) const { return *texts_[id]; }
  std::size_t size() const { return texts_.size(); }

 private:
  std::unordered_map<std::string, Id> ids_;
  std::vector<const std::string*> texts_;  // keys of ids_, which do not move
  std::size_t bytes_ = 0;
};

/// What equal calls have in common.
struct Signature {
  Texts::Id name = 0;
  Texts::Id shapes = 0;  // of the inputs: "[[4,16],[16,8],[]]"
  Texts::Id types = 0;   // of the inputs: "[float,c10::BFloat16,Scalar]"
  Texts::Id values = 0;  // of attention's inputs, where some are numbers: "[,,,0.,True]"
  Phase phase = Phase::unknown;

  bool operator==(const Signature&) const = default;
  auto operator<=>(const Signature&) const = default;
};

constexpr std::uint32_t no_call = 0xffffffff;

/// One call. Times are those of its kernels where the trace has kernels, else of the CPU.
struct Call {
  Signature signature;
  std::uint32_t parent = no_call;  // the call that made it, which stands before it in Trace::calls
  double own_s = 0;                // without what it calls
  double whole_s = 0;              // with that
};

struct Trace {
  Texts texts;
  std::vector<Call> calls;
  std::vector<CollectiveCall> collectives;
  std::size_t files = 0;
  std::string source;             // the format: "kineto" or "chakra"
  std::string device;             // its name, where the trace says it
  std::string hash;               // of all files
  std::size_t kernels = 0;        // 0: the times are of the CPU
  std::size_t kernels_alone = 0;  // of them, those that no operator could be found for; they are calls themselves
  std::size_t nameless = 0;       // collectives whose kind, size or group the trace does not say
  std::size_t dropped = 0;        // dependencies on nodes that are not there
  std::size_t untimed = 0;        // calls that are said to take no time at all

  /// Throws Error when it is full.
  void add(const Call& call, const std::string& where);
  void add(const CollectiveCall& collective, const std::string& where);
};

/// Adds to every call's whole_s, which holds its own time, the times of what it calls.
void sum_up(std::vector<Call>& calls, std::size_t first);

/// The operators whose values are kept: those of attention say in them whether it is causal.
inline constexpr std::string_view attention_prefix = "aten::_scaled_dot_product_";

struct OperatorTimes {
  Signature signature;
  Times own, whole;
};

/// Calls by signature, those with most time of their own first; calls without any time are left out.
std::vector<OperatorTimes> operator_times(const Trace& trace);

}  // namespace pare::trace
