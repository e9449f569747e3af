// The memory that a piece of work took.
#pragma once
#include <cstdint>

namespace pare::runtime {

/// Resident size of the process now, bytes.
std::int64_t resident_memory_bytes();

/// What processes can still take, bytes; the largest number where the system does not say.
std::int64_t available_memory_bytes();

/// Starts counting the peak anew, where the system allows it.
void reset_peak_memory();

/// Largest resident size of the process since then (or since its start), bytes.
std::int64_t peak_memory_bytes();

}  // namespace pare::runtime
