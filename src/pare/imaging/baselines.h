// How other tools would buffer the same pipeline in the same memory. docs/imaging.md says what is read into each.
#pragma once
#include <cstdint>
#include <vector>

#include "pare/imaging/design.h"

namespace pare::imaging {

/// Every stage as early as its sources allow; then the fewest lines.
Design asap(const Graph& graph, const rtl::Memory& memory);

/// Darkroom (SIGGRAPH 2014), linearised: the stages in one row, each passes on all values that later ones read beside
/// its own, and what lies between two of them is one buffer with one reader. Each starts as early as its ports allow.
/// Throws Error where stages differ in size.
Design darkroom(const Graph& graph, const rtl::Memory& memory);

/// SODA (ICCAD 2018): a stage's pixels run through one chain, tapped wherever a reader needs one. Pieces between taps
/// of more than 1,024 bits are FIFOs in memory, others registers. Starts make the sum of the chains' pixels the least.
/// Throws Error where stages differ in size.
Design soda(const Graph& graph, const rtl::Memory& memory);
/// Pixels (of `lanes` = 1) in all those chains.
std::int64_t soda_pixels(const Graph& graph);

/// FixyNN (2019) as read here: every reader has line buffers of its own in which one port writes and one reads, so that
/// a value with two readers counts twice. Starts are the earliest.
Design fixynn(const Graph& graph, const rtl::Memory& memory);

/// Those of them that apply.
std::vector<Design> baselines(const Graph& graph, const rtl::Memory& memory);

/// Whether stages differ in size.
bool samples(const Graph& graph);

}  // namespace pare::imaging
