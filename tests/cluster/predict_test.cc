#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "pare/base/error.h"
#include "pare/cluster/events.h"
#include "pare/cluster/profile.h"
#include "round_figures.h"

namespace pare::cluster {
namespace {

// Recomputation that stops early leaves a layer's last product out, and its sum over tensor ranks; not where something
// behind it needs its outcome: dropout's mask, the weights of experts, a normalisation (BERT).
TEST(Predict, EarlyStop) {
  Transformer t = gpt(1024, 4, 16);
  t.dropout = false;
  Strategy whole{.tensor = 4, .micro_batch = 2, .batch = 2, .recompute = Recompute::full};
  Strategy early = whole;
  early.early_stop = true;
  const auto layer = [&](const Strategy& s) { return t.parts(s).kinds[1].backward; };
  const auto sums = [&](const Strategy& s) {
    int count = 0;
    for (const Communication& m : layer(s).communications) count += m.kind != CollectiveKind::all_gather ? m.count : 0;
    return count;
  };
  const double last = 2.0 * 2 * 2048 * 1024 * 4096 / 4;
  for (const bool spread : {false, true}) {
    whole.sequence_parallel = early.sequence_parallel = spread;
    EXPECT_DOUBLE_EQ(flops_of(layer(whole)) - flops_of(layer(early)), last);
    EXPECT_EQ(sums(whole) - sums(early), 1);
  }
  t.encoder_tokens = 128;  // whose projection is a product of its own behind attention to the encoder
  EXPECT_DOUBLE_EQ(flops_of(layer(whole)) - flops_of(layer(early)), last);
  t.encoder_tokens = 0;
  const auto expect_whole = [&] {
    EXPECT_DOUBLE_EQ(flops_of(layer(whole)), flops_of(layer(early)));
    EXPECT_EQ(sums(whole), sums(early));
  };
  t.experts = 8;
  expect_whole();
  t.experts = 0;
  t.ends_normalised = true;
  expect_whole();
  t.ends_normalised = false;
  t.dropout = true;
  expect_whole();
  early.dropout = false;
  EXPECT_LT(flops_of(layer(early)), flops_of(layer(whole)));
  whole.recompute = early.recompute = Recompute::none;
  expect_whole();
}

// What sums of gradients take does not depend on what they wait for.
TEST(Predict, SumsOfGradientsWithoutTheirWaiting) {
  const Transformer t = gpt(1024, 6, 16);
  Strategy s{.data = 4, .batch = 32, .overlap_gradients = false};
  const Cluster c = cluster(1, 4);
  const Prediction behind = predict(t, s, c);
  s.overlap_gradients = true;
  const Prediction beside = predict(t, s, c);
  EXPECT_NEAR(behind.ranks[0].gradients_s, behind.gradients[0].end_s - behind.gradients[0].start_s, 1e-12);
  EXPECT_DOUBLE_EQ(beside.ranks[0].gradients_s, behind.ranks[0].gradients_s);
  EXPECT_GT(beside.gradients[0].end_s - beside.gradients[0].start_s, 1.5 * beside.ranks[0].gradients_s);
}

// The events of a rank are its time: computation to the last, collectives where none is hidden.
TEST(Predict, EventsMakeUpTheTime) {
  const Transformer t = gpt(1024, 6, 16);
  const Strategy s{
      .data = 2, .tensor = 2, .pipeline = 2, .micro_batch = 2, .batch = 32, .tensor_overlap = TensorOverlap::none};
  Cluster c = cluster(1, 8);
  c.slow_device = 5;
  c.slow_device_factor = 1.5;
  const Prediction p = predict(t, s, c);
  for (std::size_t r = 0; r < 2; ++r) {
    double compute = 0, communication = 0;
    for (const EventTime& e : event_times(t, s, c, DescribedCosts(c), static_cast<int>(r))) {
      const bool shared = e.event.ends_with("tensor ranks");
      EXPECT_FALSE(shared && e.hidden);
      if (!e.event.starts_with("gradients")) (shared ? communication : compute) += e.seconds;
    }
    EXPECT_NEAR(compute, p.ranks[r].compute_s, 1e-9);
    EXPECT_NEAR(communication, p.ranks[r].communication_s, 1e-9);
  }
  EXPECT_GT(p.ranks[1].compute_s, 1.4 * p.ranks[0].compute_s);
}

// FSDP's mixed precision keeps weights in float32 and gathers and moves in 16 bits; autocast does all in float32.
TEST(Predict, WeightsCastBeforeTheyAreGathered) {
  const Transformer t = gpt(1024, 4, 16);
  Strategy s{.data = 4, .batch = 16, .zero = 3, .weights = Precision::float32};
  const auto gathered = [&] { return t.parts(s).kinds[1].forward.communications.at(0).bytes; };
  const Cluster c = cluster(1, 4);
  const double wide = gathered(), slow = predict(t, s, c).batch_time_s;
  const double state = predict(t, s, c).ranks[0].memory.state_bytes;
  s.cast_weights = true;
  EXPECT_DOUBLE_EQ(gathered(), wide / 2);
  EXPECT_LT(predict(t, s, c).batch_time_s, slow);
  EXPECT_DOUBLE_EQ(predict(t, s, c).ranks[0].memory.state_bytes, state);
}

/// Collectives of that group as the description has them, `slower` times as long.
Profile measured(const Group& group, const std::string& library, const Cluster& c, double slower) {
  Profile profile;
  for (const auto kind : {CollectiveKind::all_reduce, CollectiveKind::all_to_all})
    for (double bytes = 256; bytes < 1e10; bytes *= 1.25)
      profile.collectives.push_back({.kind = kind,
                                     .ranks = group.size,
                                     .nodes = group.nodes,
                                     .bytes = bytes,
                                     .seconds = slower * DescribedCosts(c).collective_s(kind, bytes, group),
                                     .source = "measured",
                                     .library = library});
  return profile;
}

TEST(ProfiledCosts, NcclOfMoreRanksIsTheDescriptionCorrectedByTheMeasuredOnes) {
  const Cluster c = cluster(4, 8);
  const DescribedCosts described(c);
  const Group alone{.size = 2, .inside = 1, .nodes = 2, .below = 2};  // on nodes whose links carry nothing else
  const Group four{.size = 4, .inside = 1, .nodes = 4, .below = 4};
  for (const auto& [from, to] :
       {std::pair{group_of(2, 1, c), group_of(8, 1, c)}, {alone, four}, {group_of(16, 1, c), group_of(32, 1, c)}}) {
    const Profile profile = parse_profile(to_json(measured(from, "nccl", c, 1.3)), "profile");
    const ProfiledCosts costs(profile, c);
    for (const auto kind : {CollectiveKind::all_reduce, CollectiveKind::all_to_all})
      for (double bytes = 1024; bytes < 1e9; bytes *= 7) {
        const double expected = 1.3 * described.collective_s(kind, bytes, to);
        EXPECT_NEAR(costs.collective_s(kind, bytes, to), expected, 2e-3 * expected) << bytes;
      }
  }
  // two devices of a node say nothing about the links between nodes
  const Profile inside = measured(group_of(2, 1, c), "nccl", c, 1.3);
  const Group across = group_of(16, 1, c);
  EXPECT_DOUBLE_EQ(ProfiledCosts(inside, c).collective_s(CollectiveKind::all_reduce, 1e6, across),
                   described.collective_s(CollectiveKind::all_reduce, 1e6, across));
  // eight pairs on a node's link are no faster than it
  const Profile pair = measured(alone, "nccl", c, 0.9);
  const Group shared = group_of(2, 8, c);
  ASSERT_EQ(shared.sharing, 8);
  EXPECT_DOUBLE_EQ(ProfiledCosts(pair, c).collective_s(CollectiveKind::all_reduce, 1e9, shared),
                   described.collective_s(CollectiveKind::all_reduce, 1e9, shared));
  // a trace of sixteen ranks, more than a node has, lies across two
  Profile traced = measured(group_of(16, 1, c), "nccl", c, 1.3);
  for (ProfiledCollective& collective : traced.collectives) collective.nodes = 1;
  const double all = described.collective_s(CollectiveKind::all_reduce, 1e6, group_of(32, 1, c));
  EXPECT_NEAR(ProfiledCosts(traced, c).collective_s(CollectiveKind::all_reduce, 1e6, group_of(32, 1, c)), 1.3 * all,
              2e-3 * all);
}

// What two ranks are asked to move over NCCL is what eight are predicted from.
TEST(ProfiledCosts, NcclIsMeasuredAtTheSizesThatArePredicted) {
  const Transformer t = gpt(1024, 4, 16);
  const Cluster c = cluster(1, 8);
  const Strategy s{.tensor = 8, .batch = 8, .precision = Precision::bfloat16};
  const DescribedCosts described(c);
  const auto asked = events(t, s, c, /*nccl=*/true).collectives.at(CollectiveKind::all_reduce);
  Profile profile;
  for (const double bytes : asked)
    profile.collectives.push_back(
        {.kind = CollectiveKind::all_reduce,
         .bytes = bytes,
         .seconds = 1.3 * described.collective_s(CollectiveKind::all_reduce, bytes, group_of(2, 1, c)),
         .library = "nccl"});
  const ProfiledCosts costs(profile, c);
  const Group eight = group_of(8, 1, c);
  const double sum = 2.0 * 2048 * 1024;  // of a layer's activations, a sample at a time
  EXPECT_TRUE(asked.contains(2 * sum * 7 / 8));
  EXPECT_DOUBLE_EQ(costs.collective_s(CollectiveKind::all_reduce, sum, eight),
                   1.3 * described.collective_s(CollectiveKind::all_reduce, sum, eight));
}

TEST(ProfiledCosts, ANewLibraryReplacesTheOld) {
  const Cluster c = cluster(1, 8);
  Profile profile = measured(group_of(2, 1, c), "gloo", c, 9);
  profile.collectives.push_back({.kind = CollectiveKind::send, .bytes = 8, .seconds = 1, .library = "gloo"});
  profile.merge(measured(group_of(2, 1, c), "nccl", c, 1));
  const auto gloo = std::ranges::count(profile.collectives, "gloo", &ProfiledCollective::library);
  EXPECT_EQ(gloo, 1);  // of another kind
}

TEST(ProfiledCosts, GlooOfMoreRanksIsARingOfMoreSteps) {
  const Cluster c = cluster(4, 8);
  Profile profile;
  // a step takes 1 ms and a second a gigabyte
  for (const int ranks : {2, 4})
    for (const double bytes : {1e3, 1e9})
      profile.collectives.push_back({.kind = CollectiveKind::all_reduce,
                                     .ranks = ranks,
                                     .bytes = bytes,
                                     .seconds = 2 * (ranks - 1) * (1e-3 + 1e-9 * bytes / ranks),
                                     .library = "gloo"});
  const ProfiledCosts costs(profile, c);
  for (const int ranks : {2, 3, 4, 8, 16}) {
    const double bytes = 1e9 * ranks / (ranks < 4 ? 2 : 4);  // at a size that was measured
    EXPECT_NEAR(costs.collective_s(CollectiveKind::all_reduce, bytes, group_of(ranks, 1, c)),
                2 * (ranks - 1) * (1e-3 + 1e-9 * bytes / ranks), 1e-9)
        << ranks;
  }
}

TEST(Profile, RefusesWhatIsNone) {
  const auto with = [](const std::string& operations, const std::string& collectives) {
    return fmt::format(R"({{"operations": {}, "collectives": {}}})", operations, collectives);
  };
  const auto collective = [&](const std::string& kind, int ranks, int nodes, const std::string& bytes) {
    return with("{}", fmt::format(R"([{{"kind": "{}", "ranks": {}, "nodes": {}, "bytes": {}, "seconds": 1}}])", kind,
                                  ranks, nodes, bytes));
  };
  EXPECT_NO_THROW(parse_profile(collective("all-reduce", 2, 1, "8"), "profile"));
  EXPECT_NO_THROW(parse_profile(with(R"({"copy forward 8 fp32": {"seconds": 1}})", "[]"), "profile"));
  for (const std::string& text :
       {std::string("[]"), std::string("{"), with("[]", "[]"), with("{}", "{}"), with("{}", "[1]"),
        with(R"({"copy forward 8 fp32": 1})", "[]"), with(R"({"copy forward 8 fp32": {"seconds": 0}})", "[]"),
        with(R"({"copy forward 8 fp32": {"seconds": "1"}})", "[]"), with(R"({"copy forward 8": {"seconds": 1}})", "[]"),
        collective("gather", 2, 1, "8"), collective("all-reduce", 1, 1, "8"), collective("all-reduce", 2, 3, "8"),
        collective("all-reduce", -2, 1, "8"), collective("all-reduce", 2, 1, "-8"),
        collective("all-reduce", 2, 1, "1e999")})
    EXPECT_THROW(parse_profile(text, "profile"), Error) << text;
}

TEST(Operation, KeysAreRead) {
  const Cluster c = cluster(1, 8);
  for (const Precision precision : {Precision::float32, Precision::bfloat16})
    for (const auto& [key, operation] :
         events(gpt(1024, 4, 16), {.data = 2, .tensor = 4, .batch = 8, .precision = precision}, c).operations) {
      const auto read = parse_key(key);
      ASSERT_TRUE(read) << key;
      EXPECT_EQ(*read, operation) << key;
    }
  for (const char* key : {"", "copy", "copy forward", "copy forward 8", "copy forward fp32", "copy forward 8x8 fp32",
                          "copy forward 0 fp32", "copy forward -8 fp32", "copy forward 08 fp32", "copy forward 8 fp32 ",
                          "copy sideways 8 fp32", "paste forward 8 fp32", "linear forward 8x8 fp32",
                          "copy forward 99999999999999999999 fp32", "copy  forward 8 fp32", "copy forward 8x fp32"})
    EXPECT_FALSE(parse_key(key)) << key;
}

TEST(ProfiledCosts, WhatIsMissingIsEstimatedByWhatIsThere) {
  const Transformer t = gpt(1024, 4, 16);
  const Cluster c = cluster(1, 8);
  const Strategy s{.tensor = 8, .batch = 8};
  Profile profile;  // of a device whose products are as described, and all else takes twice as long
  const DescribedCosts described(c);
  for (const auto& [key, o] : events(t, s, c).operations)
    profile.operations[key] = {described.operation_s(o) * (flops(o) > 0 ? 1 : 2), "measured"};
  const double whole = predict(t, s, c, ProfiledCosts(profile, c)).batch_time_s;
  // a trace does not have these
  std::erase_if(profile.operations, [](const auto& entry) {
    const auto kind = parse_key(entry.first)->kind;
    return kind == OperationKind::residual_dropout || kind == OperationKind::loss || kind == OperationKind::optimizer;
  });
  EXPECT_THROW(predict(t, s, c, ProfiledCosts(profile, c)), NotProfiled);
  const ProfiledCosts estimated(profile, c, ProfiledCosts::Missing::estimated);
  EXPECT_NEAR(predict(t, s, c, estimated).batch_time_s, whole, 1e-9 * whole);
}

TEST(Events, AreWhatAPredictionAsksFor) {
  const Transformer t = gpt(1024, 4, 16);
  const Cluster c = cluster(1, 8);
  const Strategy s{
      .data = 2, .tensor = 2, .pipeline = 2, .batch = 8, .precision = Precision::float32, .scatter_gather = false};
  const Events needed = events(t, s, c);
  Profile profile;
  for (const auto& [key, operation] : needed.operations) profile.operations[key] = {1, "measured"};
  EXPECT_NO_THROW(predict(t, s, c, ProfiledCosts(profile, c)));
  EXPECT_EQ(needed.collectives.size(), 2);
  EXPECT_TRUE(needed.collectives.contains(CollectiveKind::send));
  for (const auto& [key, operation] : needed.operations) {
    Profile less = profile;
    less.operations.erase(key);
    EXPECT_THROW(predict(t, s, c, ProfiledCosts(less, c)), Error) << key;
  }
}

TEST(Strategy, RefusesWhatDoesNotDivide) {
  const Transformer t = gpt(1024, 4, 16);
  const Strategy good{.data = 2, .tensor = 2, .pipeline = 2, .micro_batch = 1, .batch = 8};
  EXPECT_NO_THROW(check(good, t, cluster(1, 8)));
  const auto refused = [&](auto change) {
    Strategy s = good;
    change(s);
    EXPECT_THROW(check(s, t, cluster(1, 8)), UsageError) << s.label();
  };
  refused([](Strategy& s) { s.data = 4; });
  refused([](Strategy& s) { s.batch = 7; });
  refused([](Strategy& s) { s.micro_batch = 0; });
  refused([](Strategy& s) { s.micro_batch = 3; });
  refused([](Strategy& s) { s.data = 1, s.tensor = 1, s.pipeline = 8; });  // more stages than layers
  refused([](Strategy& s) { s.data = 65536, s.tensor = 65536, s.pipeline = 2; });
  const Strategy three{.data = 1, .tensor = 3, .pipeline = 1, .micro_batch = 1, .batch = 8};
  EXPECT_THROW(check(three, t, cluster(1, 3)), UsageError);  // heads
  Transformer odd = t;
  odd.feed_forward = 4095;
  EXPECT_THROW(check(good, odd, cluster(1, 8)), UsageError);
  EXPECT_FALSE(odd.shares(2));
}

TEST(Predict, OneDeviceIsTheSumOfItsOperations) {
  Transformer t = gpt(1024, 4, 16);
  const Strategy s{.batch = 3, .flash_attention = false, .dropout = false};
  Cluster c = cluster(1, 1);
  c.device.memory_bandwidth = 1e30;  // arithmetic alone
  const Prediction p = predict(t, s, c);
  EXPECT_NEAR(p.batch_time_s, 3 * t.model_flops() / c.device.matrix_flops, 1e-9 * p.batch_time_s);
  EXPECT_EQ(p.bubble_share, 0);
  EXPECT_EQ(p.exposed_communication_s(), 0);
  const auto candidate = to_candidate(t, s, c, p);
  EXPECT_NEAR(candidate.cost("flop_utilisation")->value, 1, 1e-9);
}

// The host's time to launch comes on top where it waits for every kernel, and nothing runs beside another.
TEST(Predict, AHostThatWaits) {
  const Transformer t = gpt(1024, 4, 16);
  Strategy s{.tensor = 2, .pipeline = 2, .batch = 8, .tensor_overlap = TensorOverlap::all};
  Cluster c = cluster(1, 4);
  const auto takes = [&](double host_s) {
    c.device.host_s = host_s;
    return predict(t, s, c).batch_time_s;
  };
  const double ahead = takes(0), host = takes(2) - takes(1);
  EXPECT_DOUBLE_EQ(takes(1e-7), ahead);
  s.launch_blocking = true;
  const double waiting = takes(0);
  EXPECT_GT(waiting, ahead);
  EXPECT_NEAR(takes(1), waiting + host, 1e-9 * host);
  s.tensor_overlap = TensorOverlap::none;
  EXPECT_DOUBLE_EQ(takes(0), waiting);
}

TEST(Predict, EqualStagesAndFreeLinksHaveThePipelinesBubble) {
  Transformer t = gpt(1024, 8, 16);
  t.vocabulary = 1;
  Cluster c = cluster(1, 4);
  c.inside = {0, 1e30};
  c.device.memory_bandwidth = 1e30;
  for (const int m : {4, 8, 32}) {
    const Strategy s{.pipeline = 4, .batch = m, .schedule = Schedule::one_f_one_b};
    EXPECT_NEAR(predict(t, s, c).bubble_share, 3.0 / (m + 3), 1e-4);
    const Strategy v{.pipeline = 4, .batch = m, .schedule = Schedule::interleaved, .chunks = 2};
    EXPECT_NEAR(predict(t, v, c).bubble_share, 3.0 / (2 * m + 3), 1e-4);
  }
}

TEST(Predict, TimesOfARankAddUpToTheBatch) {
  const Transformer t = gpt(2048, 24, 16);
  for (const Strategy& s : {Strategy{.data = 8, .batch = 64}, Strategy{.tensor = 8, .batch = 64},
                            Strategy{.data = 2, .tensor = 2, .pipeline = 2, .batch = 64, .schedule = Schedule::zb_h1},
                            Strategy{.data = 2, .pipeline = 4, .batch = 64, .recompute = Recompute::full}}) {
    const Prediction p = predict(t, s, cluster(1, 8));
    for (const RankActivity& r : p.ranks)
      EXPECT_NEAR(r.compute_s + r.communication_s + r.exposed_gradients_s + r.idle_s, p.batch_time_s,
                  1e-9 * p.batch_time_s)
          << s.label();
  }
}

TEST(Predict, FasterLinksAreNeverSlower) {
  const Transformer t = gpt(2048, 24, 16);
  for (const Strategy& s : {Strategy{.data = 8, .batch = 64}, Strategy{.tensor = 8, .batch = 64},
                            Strategy{.data = 2, .tensor = 2, .pipeline = 2, .batch = 64}}) {
    double before = 1e30;
    for (const double bandwidth : {1e9, 1e10, 1e11, 1e12}) {
      Cluster c = cluster(1, 8);
      c.inside.bandwidth = bandwidth;
      const double now = predict(t, s, c).batch_time_s;
      EXPECT_LT(now, before) << s.label();
      before = now;
    }
  }
}

// In a pipeline gradients stay whole until they are summed, so stage 2 is stage 1, and stage 3 spreads weights alone
// and gathers them for every forward and backward pass.
TEST(Predict, ShardedReplicasOfAPipeline) {
  const Transformer t = gpt(2048, 16, 16);
  const Cluster c = cluster(1, 8);
  const auto with = [&](int zero, int shard = 0) {
    const Strategy s{.data = 4, .pipeline = 2, .batch = 64, .zero = zero, .shard = shard, .overlap_gradients = false};
    check(s, t, c);
    return std::pair{s, outline(t, s, c, DescribedCosts(c))};
  };
  const auto [one, first] = with(1);
  const auto [two, second] = with(2);
  const auto [three, third] = with(3);
  EXPECT_DOUBLE_EQ(state_bytes_per_parameter(one, 4), 2 + 4 + 12.0 / 4);
  EXPECT_DOUBLE_EQ(state_bytes_per_parameter(two, 4), state_bytes_per_parameter(one, 4));
  EXPECT_DOUBLE_EQ(state_bytes_per_parameter(three, 4), 2.0 / 4 + 4 + 12.0 / 4);
  EXPECT_DOUBLE_EQ(predict(second).batch_time_s, predict(first).batch_time_s);
  for (std::size_t r = 0; r < 2; ++r) {
    EXPECT_LT(third.ranks[r].memory.state_bytes, second.ranks[r].memory.state_bytes);
    EXPECT_GT(third.ranks[r].memory.working_bytes, second.ranks[r].memory.working_bytes);
    EXPECT_GT(third.times[r].forward_s, second.times[r].forward_s);      // behind the gathers
    EXPECT_LT(third.ranks[r].gradients_s, second.ranks[r].gradients_s);  // weights are not gathered behind them
    EXPECT_GT(third.ranks[r].gradients_s, 0);
  }
  // gathered at a time, of 2 bytes each: a part and the next one, or without overlap one; the head is the largest
  const auto gathered = [&](bool overlap) {
    Strategy s{.data = 4, .batch = 32, .zero = 3};
    s.overlap_gradients = overlap;
    const double with = predict(t, s, cluster(1, 4)).ranks[0].memory.working_bytes;
    s.zero = 0;
    return with - predict(t, s, cluster(1, 4)).ranks[0].memory.working_bytes;
  };
  const auto of_part = [&](std::size_t kind) {
    const Part part = t.parts({}).kinds[kind];
    return 2 * (part.parameters + part.shared_parameters);
  };
  EXPECT_DOUBLE_EQ(gathered(false), std::max(of_part(0), of_part(2)));
  EXPECT_DOUBLE_EQ(gathered(true), of_part(1) + std::max(of_part(0), of_part(2)));
  // a part of the replicas: the sums of the shards are summed over the groups that repeat them
  const auto [part, hybrid] = with(3, 2);
  EXPECT_DOUBLE_EQ(state_bytes_per_parameter(part, part.shards()), 2.0 / 2 + 4 + 12.0 / 2);
  EXPECT_GT(hybrid.ranks[0].gradients_s, 0);
}

// DeepSpeed of 2021: a layer's four products are gathered one by one, under full recomputation once more but for what
// is needed again within 10^9 parameters, and its twelve tensors are summed one by one; each takes as many copies as
// ranks, which the device waits for.
TEST(Predict, ShardsByTensor) {
  const auto layer = [](const Transformer& t, Recompute recompute) {
    const Strategy s{.data = 16, .batch = 16, .recompute = recompute, .zero = 3, .shard_unit = ShardUnit::tensor};
    return t.parts(s).kinds[1];
  };
  const auto counted = [](const Work& work, CollectiveKind kind) {
    int count = 0;
    double bytes = 0;
    for (const Communication& m : work.communications)
      if (m.axis == Axis::shard && m.kind == kind) {
        EXPECT_TRUE(m.listed && !m.hidden);
        count += m.count;
        bytes += m.count * m.bytes;
      }
    return std::pair(count, bytes);
  };
  const Transformer small = gpt(1024, 4, 16), large = gpt(12288, 4, 96);
  for (const Transformer* t : {&small, &large}) {
    const Part plain = layer(*t, Recompute::none);
    EXPECT_EQ(counted(plain.forward, CollectiveKind::all_gather), std::pair(4, 2 * plain.parameters));
    EXPECT_EQ(counted(plain.backward, CollectiveKind::all_gather), std::pair(4, 2 * plain.parameters));
    const auto [sums, bytes] = counted(plain.weight, CollectiveKind::reduce_scatter);
    EXPECT_EQ(sums, 12);
    EXPECT_NEAR(bytes / (4 * plain.parameters), 1, 1e-12);
  }
  EXPECT_EQ(counted(layer(small, Recompute::full).backward, CollectiveKind::all_gather).first, 4);
  EXPECT_EQ(counted(layer(large, Recompute::full).backward, CollectiveKind::all_gather).first, 4 + 3);

  // 4 + 4 gathers and 12 sums a layer, of the ends one of each pass: 16 copies each
  Cluster c = cluster(2, 8);
  const auto time = [&](double host_s) {
    c.device.host_s = host_s;
    const Strategy s{.data = 16, .batch = 16, .zero = 3, .shard_unit = ShardUnit::tensor};
    return predict(small, s, c).batch_time_s;
  };
  EXPECT_NEAR((time(2e-6) - time(1e-6)) / (16 * 1e-6), 4 * (4 + 4 + 12) + 2 * (1 + 1 + 1), 1e-3);
}

// Qi et al. 2024, section 4: without it the ranks' different ends are lost, which ZB-2p has filled.
TEST(Predict, RanksThatStepApart) {
  Transformer t = gpt(2048, 32, 16);
  t.vocabulary = 1;  // equal stages
  for (const Schedule schedule : {Schedule::one_f_one_b, Schedule::zb_h2, Schedule::zb_2p}) {
    Strategy s{.pipeline = 8, .batch = 64, .schedule = schedule};
    const double together = predict(t, s, cluster(1, 8)).batch_time_s;
    s.post_validation = true;
    const Prediction p = predict(t, s, cluster(1, 8));
    EXPECT_LE(p.batch_time_s, together * (1 + 1e-12));
    if (schedule == Schedule::zb_2p) {
      EXPECT_LT(p.batch_time_s, 0.98 * together);
      EXPECT_LT(p.bubble_share, 0.05);
    }
  }
}

// The first rank has the first and the last stage, both ends of a shared embedding.
TEST(Predict, VeeComesBackToItsFirstRank) {
  Transformer t = gpt(2048, 14, 16);
  t.tied = true;
  const Strategy s{.pipeline = 4, .batch = 32, .schedule = Schedule::zb_v, .chunks = 2};
  const Outline o = outline(t, s, cluster(1, 8), DescribedCosts(cluster(1, 8)));
  EXPECT_EQ(o.transfer_s[3], 0);  // from the fourth rank to itself
  EXPECT_GT(o.transfer_s[4], 0);
  for (const RankActivity& r : o.ranks) EXPECT_EQ(r.parts, 4);
  for (const Interval& sums : o.gradients) EXPECT_EQ(sums.end_s, 0);  // nothing is shared with another rank
}

TEST(Predict, TraceHoldsEveryPass) {
  const Transformer t = gpt(1024, 4, 16);
  const Strategy s{.data = 2, .tensor = 2, .pipeline = 2, .batch = 16, .schedule = Schedule::zb_h1};
  const Prediction p = predict(t, s, cluster(1, 8));
  const auto trace = nlohmann::json::parse(to_trace(s, p));
  int passes = 0;
  double last = 0;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    passes += event["name"].get<std::string>().find_first_of("0123456789") != std::string::npos;
    last = std::max(last, event["ts"].get<double>() + event["dur"].get<double>());
  }
  EXPECT_EQ(passes, 2 * 8 * 3);
  EXPECT_NEAR(last, 1e6 * p.batch_time_s, 0.01);
}

// Of 24 devices in nodes of 8, tensor groups of 3 and replicas of 6 lie across nodes, and so do some messages between
// stages of 6.
TEST(Predict, WhatStraddlesNodesCrossesThem) {
  const Transformer t = gpt(1536, 24, 24);
  for (const Strategy& s :
       {Strategy{.data = 8, .tensor = 3, .batch = 48}, Strategy{.data = 6, .pipeline = 4, .batch = 48},
        Strategy{.tensor = 6, .pipeline = 4, .batch = 48}}) {
    Cluster c = cluster(3, 8);
    const double before = predict(t, s, c).batch_time_s;
    c.across.bandwidth /= 1e4;
    EXPECT_GT(predict(t, s, c).batch_time_s, 10 * before) << s.label();
  }
}

TEST(Predict, ASlowLinkSlowsTheTiedEmbedding) {
  const Transformer t = gpt(1024, 4, 16);
  const Strategy s{.pipeline = 2, .batch = 8};
  Cluster c = cluster(2, 1);
  const double before = predict(t, s, c).ranks[0].gradients_s;
  EXPECT_GT(before, 0);
  c.slow_node = 1;
  c.slow_node_factor = 4;
  for (const RankActivity& rank : predict(t, s, c).ranks) EXPECT_DOUBLE_EQ(rank.gradients_s, 4 * before);
}

// Whatever may run beside computation, more of it never takes longer.
TEST(Predict, MoreOverlapOfTensorSumsIsNoSlower) {
  const Transformer t = gpt(1024, 8, 16);
  for (const int pipeline : {1, 2})
    for (const int zero : {0, 1, 3})
      for (const bool sequence : {false, true})
        for (const Recompute recompute : {Recompute::none, Recompute::full}) {
          Strategy s{.data = 4 / pipeline,
                     .tensor = 2,
                     .pipeline = pipeline,
                     .batch = 32,
                     .recompute = recompute,
                     .sequence_parallel = sequence,
                     .zero = zero};
          double before = INFINITY;
          for (const TensorOverlap overlap : {TensorOverlap::none, TensorOverlap::weights, TensorOverlap::all}) {
            s.tensor_overlap = overlap;
            const double now = predict(t, s, cluster(1, 8)).batch_time_s;
            EXPECT_LE(now, before * (1 + 1e-12)) << s.label() << " " << name(overlap);
            before = now;
          }
        }
}

TEST(Predict, ASlowLinkSlowsWhatCrossesIt) {
  const Transformer t = gpt(2048, 24, 16);
  Cluster c = cluster(2, 8);
  c.across = {1e-5, 1e9};
  for (const Strategy& s : {Strategy{.data = 16, .batch = 16}, Strategy{.data = 16, .batch = 16, .zero = 3},
                            Strategy{.tensor = 16, .batch = 16}, Strategy{.data = 8, .pipeline = 2, .batch = 64}}) {
    const double before = predict(t, s, c).batch_time_s;
    Cluster slow = c;
    slow.slow_node = 1;
    slow.slow_node_factor = 4;
    EXPECT_GT(predict(t, s, slow).batch_time_s, 1.01 * before) << s.label();
  }
}

TEST(Predict, AStragglerHoldsItsStageUp) {
  const Transformer t = gpt(2048, 24, 16);
  const Strategy s{.data = 2, .pipeline = 4, .batch = 64};
  const double before = predict(t, s, cluster(1, 8)).batch_time_s;
  Cluster c = cluster(1, 8);
  c.slow_device = 5;
  c.slow_device_factor = 2;
  const double after = predict(t, s, c).batch_time_s;
  EXPECT_GT(after, 1.3 * before);
  EXPECT_LT(after, 2 * before);
}

// One micro-batch, nothing hidden: stage 2 sums what stage 1 does, experts or not, and with
// shards of one replica there is nothing to share.
TEST(Predict, StagesOfZeroSumTheSameGradients) {
  Transformer t = gpt(1024, 4, 16);
  t.dropout = false;
  const Cluster c = cluster(1, 8);
  for (const int experts : {0, 4}) {
    t.experts = experts;
    t.experts_per_token = 2;
    const auto exposed = [&](int zero, int shard) {
      const Strategy s{.data = 8, .batch = 8, .zero = zero, .shard = shard, .overlap_gradients = false};
      return predict(t, s, c).exposed_communication_s();
    };
    for (const int shard : {2, 4, 8}) EXPECT_NEAR(exposed(2, shard) / exposed(1, shard), 1, 1e-9) << shard;
    EXPECT_NEAR(exposed(3, 1) / exposed(0, 0), 1, 1e-9);
    const auto state = [&](int zero, int shard) {
      return predict(t, {.data = 8, .batch = 8, .zero = zero, .shard = shard}, c).ranks[0].memory.state_bytes;
    };
    EXPECT_NEAR(state(3, 2) / state(0, 0), 0.5, 1e-9);
    EXPECT_NEAR(state(3, 1) / state(0, 0), 1, 1e-9);
  }
}

// Weights can be gathered only once they are updated: behind the step, or beside the next batch's first passes.
TEST(Predict, UpdatedWeightsAreGatheredBehindTheStep) {
  Transformer t = gpt(1024, 8, 16);
  const Cluster c = cluster(1, 8);
  const DescribedCosts costs(c);
  for (const int zero : {1, 2}) {
    Strategy s{.data = 8, .micro_batch = 2, .batch = 64, .zero = zero};
    const Parts parts = t.parts(s);
    double all = 0, first = 0;
    for (std::size_t i = 0; i < parts.order.size(); ++i) {
      const double own = parts.at(i).parameters + (i == 0 ? parts.at(i).shared_parameters : 0);
      const double gather = costs.collective_s(CollectiveKind::all_gather, 2 * own, group_of(8, 1, c));
      all += gather;
      if (i == 0) first = gather;
    }
    const double beside = predict(t, s, c).batch_time_s;
    EXPECT_GE(outline(t, s, c, costs).gathers_s[0], first);
    s.gather_beside = false;
    const Prediction p = predict(t, s, c);
    EXPECT_NEAR(p.gathers_s[0] / all, 1, 1e-9);
    EXPECT_NEAR(p.batch_time_s, p.optimizers[0].end_s + all, 1e-9);
    EXPECT_LT(beside, p.batch_time_s);
    EXPECT_GE(p.ranks[0].exposed_gradients_s, all);
  }
  // later ranks of a pipeline gather while they wait
  const Strategy s{.data = 2, .pipeline = 4, .batch = 64, .zero = 1, .gather_beside = false};
  const Outline o = outline(t, s, c, costs);
  EXPECT_GT(o.gathers_s[0], o.gathers_s[3]);
}

TEST(Predict, WithoutAPipelineAllSchedulesAreTheSame) {
  const Transformer t = gpt(1024, 8, 16);
  const Cluster c = cluster(1, 8);
  const Prediction plain = predict(t, Strategy{.data = 8, .batch = 64, .zero = 1}, c);
  for (const Schedule schedule : all_schedules) {
    const bool chunked = schedule == Schedule::zb_v || schedule == Schedule::interleaved;
    const Strategy s{.data = 8, .batch = 64, .schedule = schedule, .chunks = chunked ? 2 : 1, .zero = 1};
    check(s, t, c);
    EXPECT_DOUBLE_EQ(predict(t, s, c).batch_time_s, plain.batch_time_s) << name(schedule);
    EXPECT_DOUBLE_EQ(predict(t, s, c).peak_bytes(), plain.peak_bytes()) << name(schedule);
  }
}

TEST(Predict, StagesWithoutParameters) {
  const auto t = parse_transformer(
      R"({"model_type": "mlp", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 8})", "config.json");
  Cluster c = cluster(1, 8);
  c.device.pass_s = 1e-3;
  const Prediction p = predict(t, Strategy{.data = 2, .pipeline = 4, .batch = 8}, c);
  EXPECT_TRUE(std::isfinite(p.batch_time_s));
  for (const RankActivity& rank : p.ranks) EXPECT_TRUE(std::isfinite(rank.gradients_s));
}

TEST(Stages, MiddleOnesTakeWhatIsLeft) {
  using Starts = std::vector<std::size_t>;  // an embedding lies before the layers
  EXPECT_EQ(stage_starts(8, 4), (Starts{0, 3, 5, 7}));
  EXPECT_EQ(stage_starts(6, 4), (Starts{0, 2, 4, 6}));  // 1, 2, 2, 1, as Llama 405B's 126 on 8
  EXPECT_EQ(stage_starts(7, 4), (Starts{0, 3, 5, 7}));  // 2, 2, 2, 1
  EXPECT_EQ(stage_starts(3, 2), (Starts{0, 3}));
  EXPECT_EQ(stage_starts(3, 1), (Starts{0}));
}

}  // namespace
}  // namespace pare::cluster
