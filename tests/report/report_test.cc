#include "pare/report/report.h"

#include <gtest/gtest.h>

#include <cmath>

#include "pare/report/section.h"
#include "pare/report/words.h"
#include "sample.h"

namespace pare::report {
namespace {

using study::Better;
using study::Candidate;
using study::Cost;
using study::Study;

Cost cost(const std::string& name, double value, const std::string& unit, Better better = Better::lower) {
  return {.name = name, .value = value, .unit = unit, .better = better};
}

Study study_of(std::vector<Candidate> candidates) {
  Study study;
  study.verb = "quantize";
  study.workload = {"network", "n", ""};
  study.candidates = std::move(candidates);
  return study;
}

TEST(Json, HoldsTheStudiesAndReadsBack) {
  const auto studies = sample_studies();
  const auto json = study::Json::parse(report_json(studies));
  ASSERT_EQ(json["studies"].size(), studies.size());
  for (std::size_t i = 0; i < studies.size(); ++i)
    EXPECT_EQ(study::to_json(study::from_json(json["studies"][i], "test")), study::to_json(studies[i]));
  EXPECT_EQ(study::Json::parse(report_json({}))["studies"].size(), 0u);
}

TEST(Json, TakesBytesThatAreNoText) {
  Study study = study_of({});
  study.workload.name = "\xff";
  EXPECT_EQ(study::Json::parse(report_json({study}))["studies"][0]["workload"]["name"], "\xEF\xBF\xBD");
}

TEST(Baseline, IsFloat32OrTheFirst) {
  Candidate a{.name = "a"}, b{.name = "b"};
  b.decision["method"] = "float32";
  EXPECT_EQ(baseline(study_of({})), nullptr);
  Study study = study_of({a, b});
  EXPECT_EQ(baseline(study)->name, "b");
  study.candidates.pop_back();
  EXPECT_EQ(baseline(study)->name, "a");
}

TEST(MainPair, IsQualityAgainstWhatItIsBoughtWith) {
  const auto with = [](std::vector<std::vector<Cost>> rows) {
    std::vector<Candidate> candidates;
    for (auto& row : rows) candidates.push_back({.name = std::to_string(candidates.size()), .costs = row});
    return main_pair(study_of(candidates));
  };
  const auto pair = with({{cost("mse", 1, ""), cost("weight_bytes", 9, "bytes"), cost("top1", 90, "%")},
                          {cost("mse", 2, ""), cost("weight_bytes", 3, "bytes"), cost("top1", 80, "%")}});
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->x + " " + pair->y, "weight_bytes top1");
  // what is the same everywhere says nothing
  const auto other = with({{cost("weight_bytes", 9, "bytes"), cost("a", 1, ""), cost("b", 1, "")},
                           {cost("weight_bytes", 9, "bytes"), cost("a", 2, ""), cost("b", 3, "")}});
  ASSERT_TRUE(other);
  EXPECT_EQ(other->x + " " + other->y, "b a");
  EXPECT_FALSE(with({{cost("a", 1, "")}, {cost("a", 2, "")}}));
  EXPECT_FALSE(with({{cost("a", 1, ""), cost("b", std::nan(""), "")}, {cost("a", 2, ""), cost("b", 1, "")}}));
}

TEST(Difference, IsInTheWordsOfItsUnit) {
  EXPECT_EQ(difference(cost("top1", 91.5, "%"), cost("top1", 92, "%")), "0.50 points lower");
  EXPECT_EQ(difference(cost("b", 1e5, "bytes"), cost("b", 8e5, "bytes")), "8 times smaller");
  EXPECT_EQ(difference(cost("s", 3, "s"), cost("s", 2, "s")), "1.5 times slower");
  EXPECT_EQ(difference(cost("s", 2.5, "s"), cost("s", 2, "s")), "25 % slower");
  EXPECT_EQ(difference(cost("e", 1, "pJ"), cost("e", 1, "pJ")), "the same");
  EXPECT_EQ(difference(cost("e", 1, "pJ"), cost("e", 0, "pJ")), "higher");
  EXPECT_EQ(difference(cost("e", std::nan(""), "pJ"), cost("e", 0, "pJ")), "not known");
}

TEST(Reading, TakesAnyJson) {
  for (const study::Json& json :
       {study::Json(nullptr), study::Json(7), study::Json::array({1}), study::Json{{"a", "b"}}}) {
    EXPECT_FALSE(number(json, "a"));
    EXPECT_TRUE(list(json, "a").empty());
    EXPECT_TRUE(object(json, "a").empty());
    EXPECT_TRUE(numbers(json, "a").empty());
  }
  EXPECT_EQ(number(study::Json{{"a", 2.5}}, "a"), 2.5);
  EXPECT_EQ(text(study::Json{{"a", "b"}}, "a"), "b");
  EXPECT_TRUE(std::isnan(numbers(study::Json{{"a", {1, "x"}}}, "a")[1]));
}

TEST(Report, OutsideTextCannotBecomeMarkup) {
  const std::string html = report_html(hostile_studies());
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("onload='x'"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
}

TEST(Report, LeavesOutSectionsWithNothingToSay) {
  const std::string html = report_html({study_of({})});
  EXPECT_NE(html.find("has no candidates"), std::string::npos);
  for (const char* id : {"accuracy", "formats", "distributions", "fine-tuning", "layers", "trade-off"})
    EXPECT_EQ(html.find("id=\"" + std::string(id) + "\""), std::string::npos) << id;
  const std::string whole = report_html(sample_studies());
  for (const Section& section : sections())
    EXPECT_NE(whole.find("id=\"" + std::string(section.id) + "\""), std::string::npos) << section.id;
}

TEST(Report, EveryCostMayBeMissing) {
  const auto whole = sample_studies().front();
  for (const auto& name : cost_names(whole)) {
    Study study = whole;
    for (Candidate& c : study.candidates) std::erase_if(c.costs, [&](const Cost& item) { return item.name == name; });
    EXPECT_NE(report_html({study}).find("</html>"), std::string::npos) << name;
    study.chosen.clear();
    EXPECT_NE(report_html({study}).find("chose none"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace pare::report
