// What a probe defines: its words in, its exit code out (probe_main.cc calls it).
#pragma once
#include <string>
#include <vector>

int run(const std::vector<std::string>& words);
