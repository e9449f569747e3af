#include "pare/study/study.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "pare/base/error.h"
#include "pare/base/random.h"

namespace pare::study {
namespace {

Cost cost(const std::string& name, double value, Better better = Better::lower) {
  return {.name = name, .value = value, .unit = "", .better = better};
}

Candidate candidate(const std::string& name, std::vector<Cost> costs) {
  return {.name = name, .decision = {}, .costs = std::move(costs)};
}

TEST(Front, KeepsWhatNothingBeats) {
  Study study;
  study.candidates = {
      candidate("small", {cost("bytes", 1), cost("top1", 70, Better::higher)}),
      candidate("good", {cost("bytes", 4), cost("top1", 80, Better::higher)}),
      candidate("dominated", {cost("bytes", 4), cost("top1", 75, Better::higher)}),
      candidate("twin of good", {cost("bytes", 4), cost("top1", 80, Better::higher)}),
      candidate("unmeasured", {cost("bytes", 0)}),
      candidate("not a number", {cost("bytes", 0), cost("top1", std::nan(""), Better::higher)}),
  };
  mark_front(study, {"bytes", "top1"});
  std::vector<bool> front;
  for (const auto& c : study.candidates) front.push_back(c.front);
  EXPECT_EQ(front, (std::vector<bool>{true, true, false, true, false, false}));
}

// Sums of the same numbers in another order are no gain.
TEST(Front, RoundingDecidesNothing) {
  Study study;
  study.candidates = {candidate("more held", {cost("time", 0.24000000000000007), cost("held", 7)}),
                      candidate("less held", {cost("time", 0.24000000000000013), cost("held", 4)})};
  mark_front(study, {"time", "held"});
  EXPECT_FALSE(study.candidates[0].front);
  EXPECT_TRUE(study.candidates[1].front);
}

TEST(Front, RandomFrontsAreUndominatedAndComplete) {
  Random random(7);
  for (int trial = 0; trial < 50; ++trial) {
    Study study;
    for (int i = 0; i < 40; ++i)
      study.candidates.push_back(candidate(std::to_string(i), {cost("a", static_cast<double>(random.below(9))),
                                                               cost("b", static_cast<double>(random.below(9))),
                                                               cost("c", static_cast<double>(random.below(9)))}));
    mark_front(study);
    for (const auto& x : study.candidates) {
      bool beaten = false;
      for (const auto& y : study.candidates) {
        bool as_good = true, better = false;
        for (int k = 0; k < 3; ++k) {
          const auto i = static_cast<std::size_t>(k);
          as_good &= y.costs[i].value <= x.costs[i].value;
          better |= y.costs[i].value < x.costs[i].value;
        }
        beaten |= as_good && better;
      }
      EXPECT_EQ(x.front, !beaten);
    }
  }
}

Study example() {
  Study study;
  study.verb = "quantize";
  study.workload = {"network", "resnet", "0123"};
  study.conditions = {{"threads", 2}};
  Candidate c = candidate("ant4", {cost("top1", 74.5, Better::higher)});
  c.costs[0].spread = 0.8;
  c.decision = {{"bits", 4}};
  study.candidates = {c};
  study.chosen = "ant4";
  return study;
}

TEST(Readable, UsesTheUnitsOfPeople) {
  const auto shown = [](double value, const char* unit) {
    return readable({.name = "x", .value = value, .unit = unit});
  };
  EXPECT_EQ(shown(1'200'000, "bytes"), "1.2 MB");
  EXPECT_EQ(shown(512, "bytes"), "512 bytes");
  EXPECT_EQ(shown(40'551'040, "MACs"), "40.6 M MACs");
  EXPECT_EQ(shown(74.512, "%"), "74.51 %");
  EXPECT_EQ(shown(0.0021, "s"), "2.1 ms");
  EXPECT_EQ(shown(3, ""), "3");
}

TEST(Json, RoundTrips) {
  const Json json = to_json(example());
  EXPECT_EQ(to_json(from_json(json, "test")).dump(), json.dump());
  EXPECT_EQ(json["candidates"][0]["costs"]["top1"]["better"], "higher");
}

TEST(Json, AFigureThatIsNoNumberIsAbsentAfterReading) {
  Study study = example();
  study.candidates[0].costs.push_back(cost("loss", std::numeric_limits<double>::infinity()));
  const Study back = from_json(Json::parse(to_json(study).dump()), "test");
  EXPECT_EQ(back.candidates[0].cost("loss"), nullptr);
  EXPECT_NE(back.candidates[0].cost("top1"), nullptr);
}

TEST(Json, RefusesEveryFieldOfTheWrongType) {
  const Json whole = to_json(example());
  const Json flat = whole.flatten();
  for (const auto& [path, value] : flat.items()) {
    if (path.starts_with("/conditions") || path.find("/decision") != std::string::npos ||
        path.find("/details") != std::string::npos)
      continue;
    Json broken = whole;
    broken[Json::json_pointer(path)] = value.is_string() ? Json(7) : Json("x");
    EXPECT_THROW(from_json(broken, "test"), Error) << path;
  }
  EXPECT_THROW(from_json(Json::array(), "test"), Error);
}

}  // namespace
}  // namespace pare::study
