#include "pare/base/simd.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hwy/highway.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdint>
#include <cstdlib>

#include "pare/base/error.h"

namespace pare {
namespace {

std::atomic<std::int64_t> chosen{0};  // one bit of hwy's targets; 0 until decided

std::string name_of(std::int64_t target) {
  if (target == HWY_SCALAR || target == HWY_EMU128) return "scalar";
  std::string name = hwy::TargetName(target);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

std::vector<std::int64_t> ask_processor() {
  std::vector<std::int64_t> found{(HWY_TARGETS & HWY_EMU128) != 0 ? HWY_EMU128 : HWY_SCALAR};
  const std::vector<std::int64_t> wide = hwy::SupportedAndGeneratedTargets();
  for (auto target = wide.rbegin(); target != wide.rend(); ++target)
    if (*target != HWY_EMU128 && *target != HWY_SCALAR) found.push_back(*target);
  return found;
}

/// Bits of the targets that are compiled here and that the processor has, narrowest first: hwy gives wider ones lower
/// bits, and the scalar one is always there. Asked once, as a virtual machine answers slowly.
const std::vector<std::int64_t>& targets() {
  static const std::vector<std::int64_t> found = ask_processor();
  return found;
}

/// Lets the dispatch choose among `target` and what is narrower.
void choose(std::int64_t target) {
  std::int64_t mask = 0;
  for (const std::int64_t t : targets())
    if (t >= target) mask |= t;
  hwy::GetChosenTarget().Update(mask);
  chosen = target;
}

void choose_by_name(const std::string& name, const std::string& where) {
  for (const std::int64_t target : targets())
    if (name_of(target) == name) return choose(target);
  throw UsageError(fmt::format("'{}' is no instruction set of this machine", printable(name)), where,
                   fmt::format("choose among {}", fmt::join(simd_targets(), ", ")));
}

void choose_default() {
  const char* wanted = std::getenv("PARE_SIMD");
  if (wanted != nullptr && *wanted != '\0') return choose_by_name(wanted, "PARE_SIMD");
  choose(targets().back());
}

}  // namespace

std::vector<std::string> simd_targets() {
  std::vector<std::string> names;
  for (const std::int64_t target : targets()) names.push_back(name_of(target));
  return names;
}

void set_simd(const std::string& name) {
  if (name.empty()) return choose_default();
  choose_by_name(name, "--simd");
}

std::string simd_target() {
  ready_simd();
  return name_of(chosen);
}

void ready_simd() {
  if (chosen.load(std::memory_order_relaxed) == 0) choose_default();
}

}  // namespace pare
