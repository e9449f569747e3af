// Measured times of events, kept in a file that can be merged, shared and used again.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pare/base/error.h"
#include "pare/cluster/costs.h"

namespace pare::cluster {

struct ProfiledOperation {
  double seconds = 0;  // of one
  std::string source;  // "measured", or the kind of trace it comes from
};

struct ProfiledCollective {
  CollectiveKind kind = CollectiveKind::all_reduce;
  int ranks = 2;
  int nodes = 1;     // that the ranks lie in
  double bytes = 0;  // of the whole array
  double seconds = 0;
  std::string source;
  std::string library;  // that ran it: "gloo", "nccl"; empty where nobody says
};

struct Profile {
  std::string where = "profile";                        // the file
  std::string device;                                   // what it was measured on
  std::map<std::string, ProfiledOperation> operations;  // by Operation::key
  std::vector<ProfiledCollective> collectives;

  /// Takes over what `newer` has; its figures win.
  void merge(const Profile& newer);
};

/// JSON. Throws Error naming an entry that is no operation or collective, or whose time is not above 0.
Profile parse_profile(const std::string& text, const std::string& where);
Profile read_profile(const std::filesystem::path& path);
std::string to_json(const Profile& profile);

/// Thrown where a profile has no event that a strategy needs.
class NotProfiled : public Error {
 public:
  using Error::Error;
};

/// By a profile; what it has no collectives for, by the cluster's description.
class ProfiledCosts : public Costs {
 public:
  /// What an operation costs that the profile lacks.
  enum class Missing {
    refused,   // NotProfiled is thrown, naming it and how to profile it
    estimated  // by the description, times what the profile's products, or other operations, took of their own
  };

  ProfiledCosts(const Profile& profile, const Cluster& cluster, Missing missing = Missing::refused);

  double operation_s(const Operation& operation) const override;
  /// Between the profile's sizes on a line of logarithms. Of a group that was not measured, from the next smaller one
  /// that was (or the smallest; the paper, section 5: two devices stand for all): over Gloo as many more steps of a
  /// ring, each with its smaller part; over NCCL as the description has it, times what the measured group took of its
  /// own description when each rank moved as much, and where links are shared no faster than the description.
  double collective_s(CollectiveKind kind, double bytes, const Group& group) const override;
  double transfer_s(double bytes, Distance distance) const override;
  bool measured() const override { return true; }

 private:
  struct Point {
    double bytes, seconds;
  };
  struct Measured {
    Group group;
    bool nccl = false;
    std::vector<Point> points;  // sorted by bytes
  };
  using BySize = std::map<std::pair<int, int>, Measured>;  // ranks, nodes

  void correct_description();
  const BySize* groups(CollectiveKind kind, bool across) const;
  double nccl_s(const Measured& from, CollectiveKind kind, double bytes, const Group& to) const;

  const Profile& profile_;
  DescribedCosts described_;
  Missing missing_;
  double products_ = 1, others_ = 1;                            // measured over described, medians
  std::map<std::pair<CollectiveKind, bool>, BySize> measured_;  // inside a node, and across
};

}  // namespace pare::cluster
