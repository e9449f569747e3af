// What events cost: the one interface behind which device descriptions and profiles stand.
#pragma once
#include "pare/cluster/collective.h"
#include "pare/cluster/operation.h"

namespace pare::cluster {

class Costs {
 public:
  virtual ~Costs() = default;

  /// Time on the device of all `count` of an operation, s.
  virtual double operation_s(const Operation& operation) const = 0;
  /// Time of a collective over `bytes`, the size of the whole array, s.
  virtual double collective_s(CollectiveKind kind, double bytes, const Group& group) const = 0;
  /// Time of a message from one device to another while their neighbours send theirs, s.
  virtual double transfer_s(double bytes, Distance distance) const = 0;
  /// Whether figures are measured ones; of computation, collectives and transfers together.
  virtual bool measured() const = 0;
};

/// By the cluster's description.
class DescribedCosts : public Costs {
 public:
  explicit DescribedCosts(const Cluster& cluster) : cluster_(cluster) {}
  double operation_s(const Operation& operation) const override;
  double collective_s(CollectiveKind kind, double bytes, const Group& group) const override;
  double transfer_s(double bytes, Distance distance) const override;
  bool measured() const override { return false; }

 private:
  const Cluster& cluster_;
};

}  // namespace pare::cluster
