// Trains a network on ranks of this machine.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "settings.h"

namespace pare::cluster::trainer {

struct RankResult {
  Place place;
  std::vector<double> busy_s, communication_s;  // of each iteration; waiting for others is communication
  std::map<std::string, double> operation_s;    // medians, by event
  double difference = 0;                        // from the parameters to compare with
};

struct Result {
  std::vector<double> batch_s;  // of each iteration: from the first rank's start to the last one's end
  std::vector<double> loss;     // mean over the batch's tokens before each iteration's step; none when sleeping
  std::vector<RankResult> ranks;
};

/// Throws Error where the trainer has no such network, the profile lacks an event, or the loss is not finite.
Result train(const Settings& settings);

}  // namespace pare::cluster::trainer
