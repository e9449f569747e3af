// Damaged inputs: whatever an outside file holds, a reader returns a value or throws Error, and nothing else.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "pare/base/error.h"
#include "pare/base/random.h"

namespace pare::io {

/// The message of the Error that `read` throws; fails the test where it throws none.
template <typename Read>
std::string error_of(const Read& read) {
  try {
    read();
  } catch (const Error& error) {
    const std::string line = error.what();
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    return line;
  }
  ADD_FAILURE() << "no Error was thrown";
  return {};
}

/// `read(bytes)` either returns or throws Error; true where it returned.
template <typename Read>
bool survives(const Read& read, const std::string& bytes) {
  try {
    read(bytes);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return false;
  }
}

/// Every truncation must be refused; of random damages each is refused or read.
template <typename Read>
void expect_survives_damage(const Read& read, const std::string& whole, int damages = 3000) {
  ASSERT_TRUE(survives(read, whole));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(survives(read, whole.substr(0, length))) << "cut to " << length;
  Random random(1);
  for (int i = 0; i < damages; ++i) {
    std::string damaged = whole;
    for (std::uint64_t flips = 1 + random.below(3); flips-- > 0;) {
      constexpr char extremes[] = {'\0', '\x7f', '\x80', '\xff'};
      char& byte = damaged[random.below(damaged.size())];
      byte = random.below(2) ? extremes[random.below(4)] : static_cast<char>(byte ^ (1 << random.below(8)));
    }
    survives(read, damaged);
  }
}

}  // namespace pare::io
