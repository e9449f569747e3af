// The parts of pare imaging.
#pragma once
#include "pare/cli/context.h"

namespace pare::cli {

void add_imaging_run(CLI::App& imaging, const Global& global);
void add_imaging_extract(CLI::App& imaging, const Global& global);
void add_imaging_compile(CLI::App& imaging, const Global& global);

}  // namespace pare::cli
