// What a training run trains, as far as its prediction needs to know.
#pragma once
#include <cstdint>
#include <string>

namespace pare::cluster {

struct Parts;
struct Strategy;

struct Network {
  std::string name;
  std::string hash;  // of the file it came from

  virtual ~Network() = default;
  virtual std::int64_t parameters() const = 0;
  /// FLOPs of one sample, forward and backward without recomputation.
  virtual double model_flops() const = 0;
  /// Of one sample; 0 where samples have none.
  virtual std::int64_t tokens() const = 0;
  /// Layers, and the most stages of a pipeline that it can be divided into.
  virtual std::int64_t depth() const = 0;
  virtual std::int64_t most_stages() const = 0;
  /// Whether so many devices can share every layer, and whether what lies between its parts too (sequence parallelism).
  virtual bool shares(int tensor) const = 0;
  virtual bool spreads(int tensor) const { return shares(tensor); }
  /// Tokens that context parallelism can divide; 1 where it cannot.
  virtual std::int64_t divisible_tokens() const { return 1; }
  /// Copies of each feed-forward part that expert parallelism can spread.
  virtual std::int64_t expert_copies() const { return 1; }
  /// Throws UsageError, naming the option, for what a strategy asks of this network in vain.
  virtual void check(const Strategy& strategy) const = 0;
  /// What one device does for one micro-batch in each part.
  virtual Parts parts(const Strategy& strategy) const = 0;
};

}  // namespace pare::cluster
