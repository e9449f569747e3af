// The sections of the report. To add one: write `std::string my_section(const Studies&)` in a file of its own, declare
// it here, and give it a line in sections.cc.
#pragma once
#include <string>
#include <vector>

#include "pare/study/study.h"

namespace pare::report {

using Studies = std::vector<study::Study>;

struct Section {
  const char* title;                            // "" for none
  const char* id;                               // letters, digits and '-'
  std::string (*draw)(const Studies& studies);  // HTML made with pare/draw; empty: the section is left out
};

/// In the order of the page.
const std::vector<Section>& sections();

std::string summary(const Studies& studies);
std::string trade_off(const Studies& studies);
std::string accuracy_by_bits(const Studies& studies);  // verb quantize
std::string formats(const Studies& studies);           // verb quantize
std::string distributions(const Studies& studies);     // verb quantize
std::string fine_tuning(const Studies& studies);       // verb quantize
std::string layers(const Studies& studies);            // verb inspect
std::string training(const Studies& studies);          // verbs cluster predict, cluster plan
std::string pipelines(const Studies& studies);         // verb imaging compile
std::string kernels(const Studies& studies);           // verb graph tune
std::string all_candidates(const Studies& studies);
std::string conditions(const Studies& studies);

}  // namespace pare::report
