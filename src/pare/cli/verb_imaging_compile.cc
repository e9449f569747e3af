// imaging compile: the schedule of least memory, beside the baselines.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "pare/base/error.h"
#include "pare/cli/verb_imaging.h"
#include "pare/imaging/compile.h"

namespace pare::cli {

void add_imaging_compile(CLI::App& imaging_verb, const Global& global) {
  CLI::App* verb = add_verb(
      imaging_verb, "compile", "", "The least memory in which every stage makes a pixel a cycle",
      {"pare imaging compile examples/imaging/canny-m.pipe --memory xilinx7 --width 1920 --height 1080 -o canny",
       "pare imaging compile examples/imaging/denoise-m.pipe --memory sram-single-port --width 480 "
       "--height 320 --coalesce 2 --json"});
  struct Request : imaging::CompileRequest {
    std::string objective = "blocks";
    int lines_per_block = 0;
    std::string family;
  };
  auto r = std::make_shared<Request>();
  verb->add_option("pipeline", r->pipeline, "a .pipe file (docs/imaging.md)")->required();
  verb->add_option("--memory", r->memory,
                   "xilinx7, ice40, ecp5, sram-single-port, ... or a TOML file (docs/imaging.md)")
      ->required();
  verb->add_option("--width", r->width, "of the images, pixels of the finest stage")->required();
  verb->add_option("--height", r->height, "of the images")->required();
  verb->add_option("--lanes", r->lanes, "pixels a cycle: 1, 2, 4 or 8")
      ->check(CLI::IsMember({1, 2, 4, 8}))
      ->capture_default_str();
  verb->add_option("--objective", r->objective, "what is minimised: lines, bits, blocks or power")
      ->capture_default_str();
  verb->add_option("--coalesce", r->lines_per_block, "image lines that share a block; otherwise as the memory says")
      ->check(CLI::Range(1, 8));
  verb->add_option("--time-limit", r->schedule.time_limit_s,
                   "seconds for the schedule, then the best so far is given, if any")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  verb->add_flag("--relays", r->relays, "also add stages that pass pixels on, where that saves memory");
  verb->add_option("--test", r->test,
                   "with -o: write test vectors of these images (as for imaging run), or of 'noise', and a test bench");
  verb->add_option("--area", r->family,
                   "count cells by Yosys: ice40, ecp5, xilinx7, or the memory's where none is named")
      ->expected(0, 1);
  CLI::Option* area = verb->get_option("--area");
  verb->callback([r, area, &global] {
    r->schedule.objective = imaging::parse_objective(r->objective);
    if (r->lines_per_block) r->coalesce = r->lines_per_block;
    r->output = global.output;
    if (!r->test.empty() && global.output.empty())
      throw UsageError("test vectors need a folder", "--test", "give -o DIR");
    // xilinx7-simple is of the family xilinx7
    if (area->count())
      r->area = rtl::parse_family(r->family.empty() ? r->memory.substr(0, r->memory.find('-')) : r->family, "--area");
    const study::Study study = imaging::compile(*r);
    finish(study, global);
    if (global.json || global.quiet) return;
    for (const study::Candidate& c : study.candidates)
      if (c.details.contains("note")) fmt::print("{}: {}\n", c.name, c.details["note"].get<std::string>());
    const auto chosen = std::ranges::find(study.candidates, study.chosen, &study::Candidate::name);
    fmt::print("the first pixel comes out {} cycles after the first went in, a frame takes {}\n",
               chosen->details["fill_cycles"].get<std::int64_t>(), chosen->details["frame_cycles"].get<std::int64_t>());
  });
}

}  // namespace pare::cli
