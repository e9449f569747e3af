// Memory of tensors, kept for the next tensor of its size when one ends. malloc gives large blocks back to the system
// at once, which then has to clear every page again: without this, a fifth of the time of a convolutional network at
// batch 64 goes to page faults.
#pragma once
#include <cstddef>

namespace pare::runtime {

/// From here on, torch's tensors on the CPU take their memory from one process-wide cache. What lies unused in it,
/// beside what is in use, is at most a quarter more than what was in use at once so far. Safe to call again and from
/// any thread.
void use_block_cache();

/// Bytes that the cache holds unused. For tests.
std::size_t unused_block_bytes();

}  // namespace pare::runtime
