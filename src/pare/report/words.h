// What the sections share: the names of costs in words, baselines, the pair of costs that matters, and careful reading
// of details, which may hold anything.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pare/draw/chart.h"
#include "pare/study/study.h"

namespace pare::report {

/// "top-1 accuracy", "weight size": a cost's name in words.
std::string words(const std::string& cost);

/// The same at the start of a line.
std::string capitalised(std::string text);

/// "measured", "simulated", "estimated", "counted".
const char* words(study::Provenance provenance);

/// "quantize of resnet20": tells studies of one page apart.
std::string title(const study::Study& study);

/// What `draw` makes of each study, under a heading each where more than one has something to say.
std::string each(const std::vector<study::Study>& studies, const std::function<std::string(const study::Study&)>& draw);

/// A figure for people: study::readable, with a space before long units, without units
/// that the name says already, and with spaces that do not break.
std::string shown(const study::Cost& cost);

/// What others are compared with: the candidate whose decision's method is "float32", of cluster plan the last, which
/// is the worst that fits, of imaging compile the first baseline that the memory can do, else the first; null where
/// there are none.
const study::Candidate* baseline(const study::Study& study);
/// Null where none was chosen.
const study::Candidate* chosen(const study::Study& study);

/// Names of all costs, in the order in which they first appear.
std::vector<std::string> cost_names(const study::Study& study);

/// The two costs that the study is about: what is gained (x) and what is paid for it (y). None where no two costs are
/// finite in at least two candidates.
struct Pair {
  std::string x, y;
};
std::optional<Pair> main_pair(const study::Study& study);

/// How a figure compares: "142 kB instead of 1.08 MB (7.6 times smaller)"; `brief` leaves out the words "instead of".
std::string compared(const study::Cost& now, const study::Cost& before);
/// Only the difference: "7.6 times smaller", "0.8 points lower", "the same".
std::string difference(const study::Cost& now, const study::Cost& before);

/// "± 0.55 %"; empty where there is no spread.
std::string interval(const study::Cost& cost);

/// Of an object's member: the value where it is there and has the type, else none. Never throws.
std::optional<double> number(const study::Json& json, const char* key);
std::string text(const study::Json& json, const char* key);             // else empty
std::vector<double> numbers(const study::Json& json, const char* key);  // what is no number becomes NaN
const study::Json& list(const study::Json& json, const char* key);      // else an empty array
const study::Json& object(const study::Json& json, const char* key);    // else an empty object

/// A JSON value on one line of at most about `longest` characters.
std::string one_line(const study::Json& json, std::size_t longest = 200);

/// The method of a candidate: decision.method, "" where there is none.
std::string method(const study::Candidate& candidate);

/// The drawing style of a method or of a number format's family: the same in every
/// chart of the page; "float32" is what others are compared with.
int style_of(const std::string& method_or_family);

}  // namespace pare::report
