// Integer programs against all their points.
#include "pare/solve/program.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "pare/base/random.h"

namespace pare::solve {
namespace {

using testing::HasSubstr;

struct Row {
  std::vector<Term> terms;
  Sense sense;
  double right;
};

bool holds(const Row& row, const std::vector<int>& point) {
  double sum = 0;
  for (const Term& t : row.terms) sum += t.coefficient * point[static_cast<std::size_t>(t.variable)];
  return row.sense == Sense::equal      ? sum == row.right
         : row.sense == Sense::at_least ? sum >= row.right
                                        : sum <= row.right;
}

/// Of all points in [0, 4]^n; infinity where no row set holds.
double least(std::size_t n, const std::vector<Row>& rows, const std::vector<Term>& objective) {
  double best = std::numeric_limits<double>::infinity();
  std::vector<int> point(n);
  for (int code = 0; code < static_cast<int>(std::pow(5, n)); ++code) {
    for (std::size_t i = 0, rest = static_cast<std::size_t>(code); i < n; ++i, rest /= 5)
      point[i] = static_cast<int>(rest % 5);
    if (!std::ranges::all_of(rows, [&](const Row& row) { return holds(row, point); })) continue;
    double sum = 0;
    for (const Term& t : objective) sum += t.coefficient * point[static_cast<std::size_t>(t.variable)];
    best = std::min(best, sum);
  }
  return best;
}

TEST(Program, FindsTheLeastOfAllPoints) {
  Random random(5);
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  int infeasible = 0;
  for (int round = 0; round < 200; ++round) {
    const int n = pick(2, 4);
    Program program;
    std::vector<Row> rows;
    std::vector<Term> objective;
    for (int v = 0; v < n; ++v) {
      program.add_variable(0, 4, true, "v" + std::to_string(v));
      objective.push_back({v, static_cast<double>(pick(-3, 5))});
    }
    for (int r = pick(1, 4); r-- > 0;) {
      Row row{{},
              std::array{Sense::at_least, Sense::at_most, Sense::equal}[static_cast<std::size_t>(pick(0, 2))],
              static_cast<double>(pick(-2, 12))};
      // a variable may be named twice
      for (int t = pick(1, n + 1); t-- > 0;) row.terms.push_back({pick(0, n - 1), static_cast<double>(pick(-3, 3))});
      program.add_row(row.terms, row.sense, row.right);
      rows.push_back(std::move(row));
    }
    program.set_objective(objective);
    const double best = least(static_cast<std::size_t>(n), rows, objective);
    const Solution s = program.solve(10);
    if (std::isinf(best)) {
      EXPECT_EQ(s.status, Status::infeasible) << round;
      ++infeasible;
      continue;
    }
    ASSERT_EQ(s.status, Status::optimal) << round;
    EXPECT_EQ(s.objective, best) << round;
    EXPECT_EQ(s.bound, best) << round;
    std::vector<int> point;
    for (const double v : s.values) point.push_back(static_cast<int>(v));
    for (const Row& row : rows) EXPECT_TRUE(holds(row, point)) << round;
  }
  EXPECT_GT(infeasible, 10);
  EXPECT_LT(infeasible, 150);
}

TEST(Program, MixesWholeAndRealVariables) {
  // the least x + y with x whole, y real, 2 x + y >= 2.5, y <= 0.25
  Program program;
  const int x = program.add_variable(0, 10, true, "x"), y = program.add_variable(0, 0.25, false, "y");
  program.add_row({{x, 2}, {y, 1}}, Sense::at_least, 2.125);
  program.set_objective({{x, 1}, {y, 1}});
  const Solution s = program.solve(10);
  EXPECT_EQ(s.status, Status::optimal);
  EXPECT_EQ(s.values[0], 1);
  EXPECT_NEAR(s.values[1], 0.125, 1e-9);
}

TEST(Program, IsSilent) {
  testing::internal::CaptureStdout();
  Program program;
  for (int v = 0; v < 12; ++v) program.add_variable(0, 1, true, "v" + std::to_string(v));
  std::vector<Term> all;
  for (int v = 0; v < 12; ++v) all.push_back({v, 2});
  program.add_row(all, Sense::equal, 11);
  EXPECT_EQ(program.solve(10).status, Status::infeasible);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

/// Time runs out: a solution, if there is one, keeps all rows and its bound is below it.
TEST(Program, BoundsWhatItDoesNotProve) {
  Random random(6);
  Program program;
  std::vector<Row> rows;
  std::vector<Term> objective;
  for (int v = 0; v < 120; ++v) {
    program.add_variable(0, 1, true, "v" + std::to_string(v));
    objective.push_back({v, -static_cast<double>(100 + random.below(900))});
  }
  for (int r = 0; r < 30; ++r) {
    Row row{{}, Sense::at_most, 0};
    for (int v = 0; v < 120; ++v) row.terms.push_back({v, static_cast<double>(100 + random.below(900))});
    row.right = 16'000;
    program.add_row(row.terms, row.sense, row.right);
    rows.push_back(std::move(row));
  }
  program.set_objective(objective);
  const Solution s = program.solve(0.3);
  ASSERT_EQ(s.status, Status::feasible);
  EXPECT_LT(s.bound, s.objective);
  std::vector<int> point;
  for (const double v : s.values) point.push_back(static_cast<int>(v));
  for (const Row& row : rows) EXPECT_TRUE(holds(row, point));
}

TEST(Program, WritesTheLpFormat) {
  Program program;
  const int x = program.add_variable(0, 3, true, "x"), y = program.add_variable(-1, 1e6, false, "y");
  program.add_row({{y, 1}, {x, -2}, {y, 1}}, Sense::at_least, -0.5);
  program.set_objective({{x, 1}});
  const std::string lp = program.to_lp();
  EXPECT_THAT(lp, HasSubstr("Minimize\n obj: + 1 x\n"));
  EXPECT_THAT(lp, HasSubstr(" r0: - 2 x + 2 y >= -0.5\n"));
  EXPECT_THAT(lp, HasSubstr(" -1 <= y <= 1000000\n"));
  EXPECT_THAT(lp, HasSubstr("Generals\n x\nEnd\n"));
}

}  // namespace
}  // namespace pare::solve
