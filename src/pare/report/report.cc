#include "pare/report/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/draw/page.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {

std::string report_html(const std::vector<study::Study>& studies) {
  if (studies.empty())
    return draw::page("Report", "pare " PARE_VERSION,
                      {{"", "summary", draw::paragraph("There are no studies to draw.")}});
  const auto& first = studies.front();
  const bool one =
      std::ranges::all_of(studies, [&](const study::Study& s) { return s.workload.name == first.workload.name; });
  const std::string name = one && !first.workload.name.empty() ? first.workload.name : "Report";
  std::vector<draw::PageSection> drawn;
  for (const Section& section : sections())
    if (std::string html = section.draw(studies); !html.empty())
      drawn.push_back({section.title, section.id, std::move(html)});
  return draw::page(
      name, fmt::format("{} {} by pare {}", studies.size(), studies.size() == 1 ? "study" : "studies", first.version),
      drawn);
}

std::string report_json(const std::vector<study::Study>& studies) {
  study::Json all = study::Json::array();
  for (const auto& study : studies) all.push_back(study::to_json(study));
  return study::Json{{"studies", std::move(all)}}.dump(1, ' ', false, study::Json::error_handler_t::replace) + "\n";
}

}  // namespace pare::report
