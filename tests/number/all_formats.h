// Every number format that check() accepts, for tests that go over all of them.
#pragma once
#include <vector>

#include "pare/base/error.h"
#include "pare/number/format.h"

namespace pare::number {

inline std::vector<Format> all_formats() {
  std::vector<Format> all;
  for (const Family family : {Family::integer, Family::power_of_two, Family::floating, Family::flint})
    for (int bits = 3; bits <= 8; ++bits)
      for (const bool is_signed : {true, false})
        for (int exponent_bits = 0; exponent_bits <= 8; ++exponent_bits)
          for (const IntRange range : {IntRange::symmetric, IntRange::full}) {
            const Format f{family, bits, is_signed, exponent_bits, range};
            try {
              check(f);
              all.push_back(f);
            } catch (const UsageError&) {
            }
          }
  return all;
}

}  // namespace pare::number
