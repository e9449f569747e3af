// imaging: stencil pipelines, run and compiled.
#include "pare/cli/verb_imaging.h"

#include <fmt/format.h>

#include <memory>

#include "pare/imaging/run.h"

namespace pare::cli {

void add_imaging_run(CLI::App& imaging_verb, const Global& global) {
  CLI::App* verb = add_verb(imaging_verb, "run", "", "What a pipeline computes of images, bit by bit",
                            {"pare imaging run examples/imaging/sobel.pipe camera.png -o out",
                             "pare imaging run examples/imaging/denoise-m.pipe i=noisy.png f=noisy.png -o out --json"});
  auto r = std::make_shared<imaging::RunRequest>();
  verb->add_option("pipeline", r->pipeline, "a .pipe file (docs/imaging.md)")->required();
  verb->add_option("images", r->images, "PNG, JPEG, PGM, PPM or .npy, one an input, in order or as NAME=FILE")
      ->required();
  verb->add_flag("--npy", r->as_arrays, "write codes as .npy, not as PNG");
  verb->callback([r, &global] {
    r->output = global.output;
    const study::Study study = imaging::run(*r);
    finish(study, global);
    if (global.json || global.quiet) return;
    for (const auto& output : study.candidates[0].details["outputs"])
      fmt::print("{}: {} x {} {}, {:g} to {:g}, mean {:.4g}{}\n", output["name"].get<std::string>(),
                 output["width"].get<int>(), output["height"].get<int>(), output["type"].get<std::string>(),
                 output["minimum"].get<double>(), output["maximum"].get<double>(), output["mean"].get<double>(),
                 output.contains("file") ? ": " + output["file"].get<std::string>() : "");
  });
}

void add_imaging(CLI::App& app, const Global& global) {
  CLI::App* verb = add_verb(app, "imaging", "Hardware", "Stencil pipelines: run as reference, compiled to Verilog",
                            {"pare imaging run --help", "pare imaging compile --help"});
  verb->require_subcommand(1);
  add_imaging_run(*verb, global);
  add_imaging_extract(*verb, global);
  add_imaging_compile(*verb, global);
}

}  // namespace pare::cli
