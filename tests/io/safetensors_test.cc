#include "pare/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "hostile.h"

namespace pare::io {
namespace {

using testing::HasSubstr;

std::string file(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + header + data;
}

std::map<std::string, SafeTensor> parse(const std::string& bytes) { return parse_safetensors(bytes, "test"); }

TEST(SafeTensors, ReadsWhatTheFormatDescribes) {
  const auto tensors = parse(file(
      R"({"__metadata__":{"made":"by hand"},"b":{"dtype":"U8","shape":[3],"data_offsets":[4,7]},)"
      R"("a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"none":{"dtype":"F64","shape":[0,9],"data_offsets":[4,4]}})",
      "wxyzabc"));
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors.at("a").bytes, "wxyz");
  EXPECT_EQ(tensors.at("b").bytes, "abc");
  EXPECT_EQ(tensors.at("b").dtype, "U8");
  EXPECT_EQ(tensors.at("none").shape, (std::vector<std::int64_t>{0, 9}));
}

TEST(SafeTensors, RoundTripsWithoutGaps) {
  const std::map<std::string, SafeTensor> tensors{{"a", {"U8", {3}, "abc"}},
                                                  {"b", {"F32", {2}, "12345678"}},
                                                  {"c", {"F16", {}, "zz"}},
                                                  {"z", {"I64", {1}, "longlong"}}};
  const std::string bytes = to_safetensors(tensors, {{"model", "0123"}});
  std::uint64_t header;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_EQ(bytes.substr(8 + header), "longlong12345678zzabc");
  const auto back = parse(bytes);
  ASSERT_EQ(back.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(back.at(name).dtype, tensor.dtype);
    EXPECT_EQ(back.at(name).shape, tensor.shape);
    EXPECT_EQ(back.at(name).bytes, tensor.bytes);
  }
  EXPECT_EQ(to_safetensors(back, {{"model", "0123"}}), bytes);
  EXPECT_THAT(error_of([] { to_safetensors({{"\xff", {"U8", {0}, ""}}}); }), HasSubstr("UTF-8"));
}

TEST(SafeTensors, RefusesUnsoundHeaders) {
  const auto message = [](const std::string& header, const std::string& data) {
    return error_of([&] { parse(file(header, data)); });
  };
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  EXPECT_THAT(message(one("F32", "[1]", "[0,5]"), "abcde"), HasSubstr("5 bytes"));
  EXPECT_THAT(message(one("F32", "[4611686018427387904]", "[0,0]"), ""), HasSubstr("shape and type"));
  EXPECT_THAT(message(one("F32", "[4294967296,4294967296]", "[0,0]"), ""), HasSubstr("shape and type"));
  EXPECT_THAT(message(one("F32", "[-1]", "[0,4]"), "abcd"), HasSubstr("impossible shape"));
  EXPECT_THAT(message(one("F32", "[1.5]", "[0,4]"), "abcd"), HasSubstr("impossible shape"));
  EXPECT_THAT(message(one("F32", "[1]", "[4,0]"), "abcd"), HasSubstr("outside"));
  EXPECT_THAT(message(one("F32", "[1]", "[0,4]"), "abc"), HasSubstr("outside"));
  EXPECT_THAT(message(one("F32", "[1]", "[18446744073709551615,3]"), "abcd"), HasSubstr("data_offsets"));
  EXPECT_THAT(message(one("F32", "[1]", "[0,4]"), "abcdX"), HasSubstr("after its last"));
  EXPECT_THAT(message(one("F32", "[1]", "[1,5]"), "Xabcd"), HasSubstr("preceded"));
  EXPECT_THAT(message(one("Q7", "[1]", "[0,4]"), "abcd"), HasSubstr("'Q7'"));
  EXPECT_THAT(message(R"({"t\n":{}})", ""), HasSubstr("'t?' lacks"));
  EXPECT_THAT(message(R"({"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                      R"("u":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                      "abc"),
              HasSubstr("overlaps"));
  EXPECT_THAT(message(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                      R"("t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                      "a"),
              HasSubstr("two tensors 't'"));
  EXPECT_THAT(message("[]", ""), HasSubstr("JSON object"));
  EXPECT_THAT(message(std::string(100000, '['), ""), HasSubstr("nested"));
  EXPECT_THAT(message(R"({"__metadata__":{"a":1}})", ""), HasSubstr("__metadata__"));
  std::string longer = file("{}", "");
  longer[7] = '\x7f';
  EXPECT_THAT(error_of([&] { parse(longer); }), HasSubstr("longer than the file"));
}

TEST(SafeTensors, DamagedFilesAreRefusedOrRead) {
  expect_survives_damage([](const std::string& bytes) { parse(bytes); },
                         to_safetensors({{"a", {"U8", {3}, "abc"}}, {"b", {"F32", {2}, "12345678"}}}, {{"k", "v"}}));
}

}  // namespace
}  // namespace pare::io
