// The command line: parse, call one function, print or draw.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/base/progress.h"
#include "pare/base/simd.h"
#include "pare/cli/context.h"
#include "pare/cli/describe.h"

namespace {

using namespace pare;

void add_global_options(CLI::App& app, cli::Global& global) {
  app.add_flag("--json", global.json, "one JSON document on stdout and nothing else");
  // known before anything that takes long has run
  app.add_option("-o,--output", global.output, "folder for study.json and artefacts")
      ->check([](const std::string& said) {
        std::error_code unknown;
        const bool taken = std::filesystem::exists(said, unknown) && !std::filesystem::is_directory(said, unknown);
        return taken ? printable(said) + " is no folder" : "";
      });
  app.add_option("--threads", global.threads, "threads (default: all cores, or OMP_NUM_THREADS)")
      ->check(CLI::Range(1, 4096));
  app.add_option("--seed", global.seed, "of everything random")
      ->check([](const std::string& said) { return said.starts_with('-') ? said + " is below 0" : ""; })
      ->capture_default_str();
  app.add_option("--device", global.device, "cpu or cuda")->capture_default_str();
  app.add_option("--simd", global.simd, "vector instructions to use (default: the widest there are)");
  app.add_flag("-v,--verbose", global.verbose, "say more on stderr");
  app.add_flag("-q,--quiet", global.quiet, "say nothing but errors");
}

/// The number that comparisons let through.
void refuse_nan(CLI::App& app) {
  for (CLI::Option* option : app.get_options())
    if (option->get_type_name().starts_with("FLOAT"))
      option->check([](const std::string& said) {
        return std::isnan(std::strtod(said.c_str(), nullptr)) ? fmt::format("{} is no number", printable(said)) : "";
      });
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) refuse_nan(*verb);
}

/// What was wrong; a word in place of a verb by its name.
std::string complaint(const CLI::App& app, const CLI::Error& error) {
  const CLI::App* verb = &app;
  std::string path;  // of verbs
  while (!verb->get_subcommands().empty()) {
    verb = verb->get_subcommands().front();
    path += " " + verb->get_name();
  }
  const std::vector<std::string> words = app.remaining(true);
  if (!words.empty() && words.front().starts_with('-'))
    return fmt::format("pare:{} knows no option '{}' (see pare{} --help)\n", path, printable(words.front()), path);
  std::string known;
  for (const CLI::App* inner : verb->get_subcommands([](const CLI::App*) { return true; }))
    known += (known.empty() ? "" : ", ") + inner->get_name();
  if (known.empty() || words.empty()) return fmt::format("pare: {} (see pare{} --help)\n", error.what(), path);
  return fmt::format("pare:{} knows no '{}' (known are {})\n", path, printable(words.front()), known);
}

int run(int argc, char** argv) {
  CLI::App app{"pare finds and removes the waste in a neural network, and says what each cut costs and saves.", "pare"};
  cli::Global global;
  add_global_options(app, global);
  app.set_version_flag("--version", PARE_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.failure_message([&app](const CLI::App*, const CLI::Error& e) { return complaint(app, e); });
  app.parse_complete_callback([&] {
    set_quiet(global.quiet || global.json);
    if (global.threads) set_threads(global.threads);
    if (!global.simd.empty()) set_simd(global.simd);
    catch_interrupts();
  });
  cli::add_report(app, global);
  cli::add_inspect(app, global);
  cli::add_evaluate(app, global);
  cli::add_quantize(app, global);
  cli::add_generate(app, global);
  cli::add_cluster(app, global);
  cli::add_imaging(app, global);
  cli::add_graph(app, global);
  cli::add_install_torch(app, global);
  refuse_nan(app);
  // for the build, which installs them
  app.add_flag_callback("--man-page",
                        [&] {
                          fmt::print("{}", cli::man_page(app));
                          throw CLI::Success();
                        })
      ->group("");
  app.add_flag_callback("--bash-completion",
                        [&] {
                          fmt::print("{}", cli::bash_completion(app));
                          throw CLI::Success();
                        })
      ->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const UsageError& e) {
    fmt::print(stderr, "pare: {}\n", e.what());
    return 2;
  } catch (const Error& e) {
    fmt::print(stderr, "pare: {}\n", e.what());
    return 1;
  } catch (const Interrupted&) {
    fmt::print(stderr, "pare: interrupted; nothing was left half-written\n");
    return 1;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "pare: memory ran out (try a smaller --batch)\n");
    return 1;
  } catch (const std::exception& e) {
    fmt::print(stderr, "pare: {}\n", printable(e.what(), 400));
    return 1;
  }
}
