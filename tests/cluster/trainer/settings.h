// What the trainer is asked to train, and how.
#pragma once
#include <filesystem>

#include "pare/cluster/profile.h"
#include "pare/cluster/strategy.h"
#include "pare/cluster/transformer.h"

namespace pare::cluster::trainer {

struct Settings {
  Transformer network;
  Strategy strategy;
  int warm_up = 0, iterations = 1;
  double learning_rate = 1e-3;
  /// With one, computation is not run: it sleeps as long as the profile says.
  const Profile* sleeps = nullptr;
  /// A folder that every parameter is written to after training, whole; of one rank.
  std::filesystem::path save;
  /// Such a folder, from another run: each rank reports how far its parameters are from those.
  std::filesystem::path compare;
};

/// Place of a rank: tensor ranks are neighbours, then data, then pipeline ranks.
struct Place {
  int tensor = 0, data = 0, stage = 0;
};

inline Place place(const Strategy& s, int rank) {
  return {rank % s.tensor, rank / s.tensor % s.data, rank / (s.tensor * s.data)};
}

}  // namespace pare::cluster::trainer
