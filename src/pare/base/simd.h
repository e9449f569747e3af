// Which vector instructions run: the widest of the machine, or those that --simd or PARE_SIMD name.
//
// Kernels are compiled for every target (Google Highway) and chosen at run time. `scalar` runs the plain twins.
#pragma once
#include <string>
#include <vector>

namespace pare {

/// The targets this machine has, narrowest first: scalar, ssse3, sse4, avx2, avx3 (AVX-512) or those of another
/// processor.
std::vector<std::string> simd_targets();

/// From now on kernels run `name`, the same for all threads; call it before work starts. Empty: back to what PARE_SIMD
/// says or, without it, the widest. Throws UsageError for a target that this machine does not have.
void set_simd(const std::string& name);

/// The target that runs. Throws UsageError where PARE_SIMD names one that this machine does not have.
std::string simd_target();

/// Rooms with kernels call this before they dispatch: the first call applies PARE_SIMD, later ones cost a load.
void ready_simd();

}  // namespace pare
