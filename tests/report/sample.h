// Made-up studies with the shape of real ones, to look at the page and to test it. The figures mean nothing.
#pragma once
#include <vector>

#include "pare/study/study.h"

namespace pare::report {

/// A quantize, an inspect and an evaluate study of one network, as `pare report MODEL` writes them.
std::vector<study::Study> sample_studies();

/// Studies that nobody wrote with good intentions: names full of markup, figures that are none, details of wrong types.
std::vector<study::Study> hostile_studies();

/// Studies of other verbs: one cost only, many candidates, no candidates.
std::vector<study::Study> other_studies();

}  // namespace pare::report
