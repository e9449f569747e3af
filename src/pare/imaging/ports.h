// Which port of its memory block every access goes through.
#pragma once
#include <cstdint>
#include <span>

#include "pare/imaging/schedule.h"

namespace pare::imaging {

/// Fills buffer.ports with a map that never changes: accesses that are ever made to one block in one cycle have
/// different ports of a kind that can do them. Where no such map exists (the accesses' times close to a ring around the
/// lines) lines are added until one does.
void assign_ports(const Graph& graph, std::span<const std::int64_t> start, Buffer& buffer, const rtl::Ports& ports);

}  // namespace pare::imaging
