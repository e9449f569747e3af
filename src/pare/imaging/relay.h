// Stages that pass on another's pixels, where that takes less memory than reading them late.
#pragma once
#include <vector>

#include "pare/imaging/schedule.h"

namespace pare::imaging {

/// The pipeline with one stage more, which copies `stage`'s pixels; its `readers` (stages) read the copy instead. What
/// it computes is the same. The copy lies right behind the stage, whatever came there moves on by one.
Pipeline with_relay(const Pipeline& pipeline, int stage, const std::vector<int>& readers);

struct Compiled {
  Pipeline pipeline;
  Graph graph;
  Schedule schedule;
};

/// Adds one relay after the other, each time the one that lowers the objective most, until none does or time runs out.
/// A relay fetches together with a reader and so takes no port of its own; later readers then find the pixels in its
/// lines. Every step is scheduled to a proven optimum, their choice is greedy.
Compiled relay(Compiled from, const rtl::Memory& memory, const ScheduleOptions& options);

}  // namespace pare::imaging
