// report: studies drawn; with a model, first every verb that applies is run.
#include <fmt/format.h>

#include <memory>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/cli/context.h"
#include "pare/cli/plugin.h"
#include "pare/report/report.h"

namespace pare::cli {
namespace {

namespace fs = std::filesystem;

/// A study's file, or the folder that a verb wrote it to.
study::Study read_study_at(const fs::path& path) {
  return study::read_study(fs::is_directory(path) ? path / "study.json" : path);
}

void write(const std::vector<study::Study>& studies, const Global& global) {
  const fs::path folder = global.output.empty() ? fs::path("pare-report") : global.output;
  write_file(folder / "report.html", report::report_html(studies));
  write_file(folder / "report.json", report::report_json(studies));
  if (global.json) {
    fmt::print("{}\n", report::report_json(studies));
    return;
  }
  if (global.quiet) return;
  for (const auto& study : studies)
    if (study.verb != "inspect") fmt::print("{}\n", to_table(study));
  fmt::print("report: {}\n", fs::absolute(folder / "report.html").string());
}

}  // namespace

void add_report(CLI::App& app, const Global& global) {
  CLI::App* verb = add_verb(app, "report", "The main job",
                            "What can be saved in a network and what it costs, on one page; or draws studies",
                            {"pare report resnet20.onnx --data test.npz --training train.npz",
                             "pare report out/study.json other/study.json -o page"});
  auto inputs = std::make_shared<std::vector<std::string>>();
  auto request = std::make_shared<ReportRequest>();
  auto data = std::make_shared<DataOptions>();
  auto options = std::make_shared<QuantizeOptions>();
  options->given.methods = {"int", "ant-tensor", "ant", "mixed"};
  options->given.bits = {8, 6, 4, 3};
  verb->add_option("inputs", *inputs,
                   "an ONNX file with --data, or studies; nothing: a network that pare makes itself");
  add_data_options(*verb, *data, false);
  add_quantize_options(*verb, *options);
  verb->callback([=, &global] {
    const bool model = inputs->size() == 1 && fs::path(inputs->front()).extension() == ".onnx";
    if (!inputs->empty() && !model) {
      std::vector<study::Study> studies;
      for (const auto& path : *inputs) studies.push_back(read_study_at(path));
      write(studies, global);
      return;
    }
    if (model && data->given.data.empty())
      throw UsageError("is needed to measure a network", "--data",
                       "give a labelled set, or studies instead of a network");
    if (model) request->model = inputs->front();
    request->data = data->request();
    request->how = options->request(global, request->data);
    write(torch_verbs(global).report(*request), global);
  });
}

}  // namespace pare::cli
