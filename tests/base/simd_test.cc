#include "pare/base/simd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "pare/base/error.h"

namespace pare {
namespace {

class Simd : public testing::Test {
 protected:
  ~Simd() override {
    ::unsetenv("PARE_SIMD");
    set_simd("");
  }
};

TEST_F(Simd, ListsWhatTheProcessorSays) {
  const auto targets = simd_targets();
  EXPECT_EQ(targets.front(), "scalar");
  const auto has = [&](const char* name) { return std::ranges::find(targets, name) != targets.end(); };
#if defined(__x86_64__)
  EXPECT_TRUE(has("ssse3"));
  EXPECT_EQ(has("avx2"), __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  EXPECT_EQ(has("avx3"), __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"));
#else
  EXPECT_FALSE(has("avx2"));
#endif
}

TEST_F(Simd, RunsWhatIsAskedFor) {
  for (const auto& name : simd_targets()) {
    set_simd(name);
    EXPECT_EQ(simd_target(), name);
  }
  set_simd("scalar");
  set_simd("");
  EXPECT_EQ(simd_target(), simd_targets().back());
}

TEST_F(Simd, RefusesWhatIsNotThereAndKeepsWhatRan) {
  set_simd("scalar");
  try {
    set_simd("avx9");
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(e.mend().find("scalar"), std::string::npos);
    EXPECT_NE(e.mend().find(simd_targets().back()), std::string::npos);
  }
  EXPECT_THROW(set_simd("AVX2"), UsageError);
  EXPECT_EQ(simd_target(), "scalar");
}

TEST_F(Simd, TheEnvironmentIsTheDefault) {
  ::setenv("PARE_SIMD", "scalar", 1);
  set_simd("");
  EXPECT_EQ(simd_target(), "scalar");
  set_simd(simd_targets().back());
  EXPECT_EQ(simd_target(), simd_targets().back());
  ::setenv("PARE_SIMD", "nonsense", 1);
  EXPECT_THROW(set_simd(""), UsageError);
}

}  // namespace
}  // namespace pare
