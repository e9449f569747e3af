// Ranks as processes of this machine.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace pare::runtime {

/// Runs work(rank) in `count` processes forked from this one and returns what each returned. Each keeps to a core of
/// its own where there are as many and `pinned` does not say otherwise; torch uses one thread in them. Nothing may have
/// started threads before. Throws Error with what the first rank that failed said; the others are then ended.
std::vector<std::string> run_ranks(int count, const std::function<std::string(int)>& work, bool pinned = true);

}  // namespace pare::runtime
