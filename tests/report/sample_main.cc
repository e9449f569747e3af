// report_sample FOLDER: writes the pages that page_test.py looks at.
#include <cstdio>
#include <filesystem>

#include "pare/base/file.h"
#include "pare/report/report.h"
#include "sample.h"

int main(int count, char** arguments) {
  if (count != 2) return std::fputs("usage: report_sample FOLDER\n", stderr), 2;
  const std::filesystem::path folder = arguments[1];
  const auto write = [&](const char* name, const std::vector<pare::study::Study>& studies) {
    pare::write_file(folder / (std::string(name) + ".html"), pare::report::report_html(studies));
    pare::write_file(folder / (std::string(name) + ".json"), pare::report::report_json(studies));
  };
  write("sample", pare::report::sample_studies());
  write("hostile", pare::report::hostile_studies());
  write("other", pare::report::other_studies());
  write("empty", {});
  return 0;
}
