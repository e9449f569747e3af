// The HTML page: one file, no network, no script; dark and light; readable from 320 pixels up. Written as well-formed
// XML, so that tests and others can parse it.
//
// Arguments called `html` are markup that this room made; all others are text and are escaped here.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace pare::draw {

struct PageSection {
  std::string title;  // empty: no heading
  std::string id;     // letters, digits and '-', for links within the page
  std::string html;
};

/// The whole document. With three or more titled sections a line of links comes first.
std::string page(const std::string& title, const std::string& subtitle, const std::vector<PageSection>& sections);

enum class Tone { plain, muted, lead };
std::string paragraph(const std::string& text, Tone tone = Tone::plain);
std::string heading(const std::string& text);
/// Folded away behind its summary.
std::string details(const std::string& summary, const std::string& html);
/// Side by side where there is room for two, else below each other.
std::string grid(const std::vector<std::string>& html);

/// Names and figures: "weight size", "142 kB", "of 1.08 MB, 7.6 times smaller".
struct KeyFigure {
  std::string name, value, note;
};
std::string key_figures(const std::vector<KeyFigure>& figures);

/// Names and values, as conditions are listed.
std::string definitions(const std::vector<std::pair<std::string, std::string>>& list);

/// A run of small cells with two lines of text each, coloured by style and told apart by their letter.
struct StripCell {
  std::string letter, text, note;
  int style = 0;
};
std::string strip(const std::vector<StripCell>& cells);

/// A drawing for wide windows and one for phones, of which the style sheet shows one; under a caption and above a note
/// (either may be empty).
std::string figure(const std::string& caption, const std::string& note,
                   const std::function<std::string(double width)>& draw, double wide = 880, double narrow = 350);

/// The same for a drawing that stands in a grid.
std::string small_figure(const std::string& caption, const std::string& note,
                         const std::function<std::string(double width)>& draw);

}  // namespace pare::draw
