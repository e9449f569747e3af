// Studies in, one page out. Runs nothing, trusts nothing: a study may have been written by another version or by hand.
#pragma once
#include <string>
#include <vector>

#include "pare/study/study.h"

namespace pare::report {

/// One HTML file with everything inside (no network, no script), of all sections that have something to say about these
/// studies. Any studies can be drawn together; none give a page that says so. Missing costs and details leave gaps,
/// they are no errors.
std::string report_html(const std::vector<study::Study>& studies);

/// {"studies": [...]}, indented, ending in a newline. Bytes that are no UTF-8 become U+FFFD, figures that are not
/// finite become null.
std::string report_json(const std::vector<study::Study>& studies);

}  // namespace pare::report
