#include "pare/io/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "hostile.h"
#include "pare/base/file.h"

namespace pare::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Bytes of an .npy file typed from the format's description, not by the code under test.
std::string npy(const std::string& dictionary, const std::string& data, int version = 1) {
  std::string out = "\x93NUMPY";
  out += static_cast<char>(version);
  out += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) out += static_cast<char>(dictionary.size() >> (8 * i) & 0xff);
  return out + dictionary + data;
}

Array parse(const std::string& bytes) { return parse_npy(bytes, "test"); }

std::string dictionary(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

TEST(Npy, ReadsAllVersionsAndKeysInAnyOrder) {
  for (int version : {1, 2, 3}) {
    const Array array = parse(npy(dictionary("|u1", "(2, 3)"), "abcdef", version));
    EXPECT_EQ(array.kind, 'u');
    EXPECT_EQ(array.item_bytes, 1);
    EXPECT_THAT(array.shape, ElementsAre(2, 3));
    EXPECT_THAT(array.integers(), ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
  }
  EXPECT_THAT(parse(npy("{\"shape\":(2L,),\"descr\":'|u1','fortran_order':False}", "ab")).shape, ElementsAre(2));
  EXPECT_THAT(parse(npy(dictionary("<i2", "()"), "\x01\x02")).integers(), ElementsAre(0x201));
  EXPECT_EQ(parse(npy(dictionary("<f8", "(0, 9223372036854775807)"), "")).elements(), 0u);
}

TEST(Npy, ColumnMajorBecomesRowMajor) {
  EXPECT_EQ(parse(npy(dictionary("|u1", "(2, 3)", "True"), "adbecf")).bytes, "abcdef");
}

TEST(Npy, ConvertsHalves) {
  // sign, exponent, fraction by hand: 1, -2, the largest, the smallest subnormal, infinity, -0
  const std::uint16_t halves[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x8000};
  const std::string data(reinterpret_cast<const char*>(halves), sizeof halves);
  const std::vector<float> got = parse(npy(dictionary("<f2", "(6,)"), data)).floats();
  EXPECT_THAT(got, ElementsAre(1.f, -2.f, 65504.f, std::ldexp(1.f, -24), INFINITY, 0.f));
  EXPECT_TRUE(std::signbit(got[5]));
}

TEST(Npy, RefusesWhatItCannotRead) {
  const auto message = [](const std::string& bytes) { return error_of([&] { parse(bytes); }); };
  EXPECT_THAT(message("no array at all"), HasSubstr("no .npy array"));
  EXPECT_THAT(message(npy(dictionary("|O", "(1,)"), "x")), HasSubstr("pickled"));
  EXPECT_THAT(message(npy(dictionary(">f4", "(1,)"), "xxxx")), HasSubstr("big-endian"));
  EXPECT_THAT(message(npy(dictionary("<c8", "(1,)"), "xxxxxxxx")), HasSubstr("'<c8'"));
  EXPECT_THAT(message(npy(dictionary("<f4", "(1,)"), "xxx")),
              HasSubstr("3 bytes of elements where its shape asks for 4"));
  EXPECT_THAT(message(npy(dictionary("<f4", "(1,)"), "xxxxx")), HasSubstr("5 bytes"));
  EXPECT_THAT(message(npy(dictionary("<f4", "(4294967296, 4294967296)"), "")), HasSubstr("2^64"));
  EXPECT_THAT(message(npy(dictionary("<f4", "(4611686018427387904,)"), "")), HasSubstr("2^64"));
  EXPECT_THAT(message(npy(dictionary("<f4", "(9223372036854775808,)"), "")), HasSubstr("impossible shape"));
  EXPECT_THAT(message(npy(dictionary("<f4", "(-1,)"), "")), HasSubstr("malformed"));
  EXPECT_THAT(message(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "xxxx")),
              HasSubstr("several fields"));
  EXPECT_THAT(message(npy("{'descr': '<f4', 'shape': (1,)}", "xxxx")), HasSubstr("malformed"));
  EXPECT_THAT(message(npy("{'evil\n': 1}", "")), HasSubstr("'evil?'"));
  EXPECT_THAT(message(npy(dictionary("<f4", "(1,)"), "xxxx", 9)), HasSubstr("version 9"));
}

Array bytes_array(const std::string& bytes) {
  return {.kind = 'u', .item_bytes = 1, .shape = {static_cast<std::int64_t>(bytes.size())}, .bytes = bytes};
}

TEST(Npz, RoundTrips) {
  std::map<std::string, Array> arrays;
  arrays["x"] = {.kind = 'f', .item_bytes = 4, .shape = {2, 1}, .bytes = std::string("\0\0\x80\x3f\0\0\0\xc0", 8)};
  arrays["y"] = {.kind = 'i', .item_bytes = 8, .shape = {}, .bytes = std::string(8, '\xff')};
  arrays["folder/empty"] = {.kind = 'b', .item_bytes = 1, .shape = {0, 5}, .bytes = {}};
  const auto path = std::filesystem::temp_directory_path() / ("pare_io_" + std::to_string(::getpid()) + ".npz");
  write_npz(path, arrays);
  const auto back = read_npz(path);
  std::filesystem::remove(path);
  ASSERT_EQ(back.size(), 3u);
  for (const auto& [name, array] : arrays) {
    const Array& other = back.at(name);
    EXPECT_EQ(std::tie(other.kind, other.item_bytes, other.shape, other.bytes),
              std::tie(array.kind, array.item_bytes, array.shape, array.bytes));
  }
  EXPECT_THAT(back.at("x").floats(), ElementsAre(1.f, -2.f));
  EXPECT_THAT(back.at("y").integers(), ElementsAre(-1));
}

/// One deflated member whose directory entry declares `expanded` bytes.
std::string deflated(const std::string& content, std::uint32_t expanded) {
  std::string packed(content.size() + 1000, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  const auto number = [](std::size_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i, value >>= 8) out += static_cast<char>(value & 0xff);
    return out;
  };
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
  const std::string common = number(20, 2) + number(0, 2) + number(8, 2) + number(0, 4) + number(crc, 4) +
                             number(packed.size(), 4) + number(expanded, 4) + number(5, 2) + number(0, 2);
  const std::string local = "PK\3\4" + common + "x.npy" + packed;
  const std::string entry = "PK\1\2" + number(20, 2) + common + number(0, 14) + "x.npy";
  return local + entry + "PK\5\6" + number(0, 4) + number(1, 2) + number(1, 2) + number(entry.size(), 4) +
         number(local.size(), 4) + number(0, 2);
}

TEST(Npz, ReadsDeflatedMembersAndRefusesBombs) {
  const std::string data(100000, 'z'), whole = npy(dictionary("|u1", "(100000,)"), data);
  const auto size = static_cast<std::uint32_t>(whole.size());
  const auto read = [](const std::string& bytes) { return parse_npz(bytes, "test"); };
  EXPECT_EQ(read(deflated(whole, size)).at("x").bytes, data);
  EXPECT_THAT(error_of([&] { read(deflated(whole, size - 1)); }), HasSubstr("99999 bytes of elements"));
  EXPECT_THAT(error_of([&] { read(deflated(whole, 0xfffffffe)); }), HasSubstr("cannot have"));
  // more comes out than header and directory agree on
  EXPECT_THAT(error_of([&] { read(deflated(whole + "more", size)); }), HasSubstr("expands to more"));
}

TEST(Npz, RefusesForeignArchives) {
  const auto message = [](const std::string& bytes) { return error_of([&] { parse_npz(bytes, "test"); }); };
  EXPECT_THAT(message(""), HasSubstr("no .npz archive"));
  EXPECT_THAT(message("\x7f"
                      "ELF and more than the twenty-two bytes"),
              HasSubstr("no .npz archive"));
  std::string other = to_npz({{"x", bytes_array("abc")}});
  for (std::size_t at = 0; (at = other.find(".npy", at)) != std::string::npos;) other.replace(at, 4, ".pkl");
  EXPECT_THAT(message(other), HasSubstr("'x.pkl', which is no .npy array"));
  std::string damaged = to_npz({{"x", bytes_array("abc")}});
  damaged[damaged.find("abc")] = 'A';
  EXPECT_THAT(message(damaged), HasSubstr("checksum"));
  // two entries of the directory that name the same bytes: their sum exceeds the file
  std::string twice = to_npz({{"x", bytes_array(std::string(3000, 'a'))}, {"y", bytes_array(std::string(3000, 'b'))}});
  const std::size_t second = twice.find("PK\1\2", twice.find("PK\1\2") + 1);
  twice.erase(twice.find("PK\3\4", 4), twice.find("PK\1\2") - twice.find("PK\3\4", 4));
  const auto start = static_cast<std::uint32_t>(twice.find("PK\1\2"));
  std::memcpy(twice.data() + twice.size() - 6, &start, 4);
  ASSERT_GT(second, start);
  std::memset(twice.data() + twice.find("PK\1\2", start + 4) + 42, 0, 4);
  EXPECT_THAT(message(twice), HasSubstr("overlap"));
}

TEST(Npz, Damaged64BitRecordsAreRefusedOrRead) {
  // written by Python's zipfile with its limits lowered
  const std::string whole = read_file(PARE_SOURCE_DIR "/tests/io/fuzz/corpus/npz/zip64");
  EXPECT_THAT(parse_npz(whole, "test").at("x").integers(), ElementsAre(0, 1, 2));
  expect_survives_damage([](const std::string& bytes) { parse_npz(bytes, "test"); }, whole);
}

TEST(Npz, DamagedFilesAreRefusedOrRead) {
  const auto read = [](const std::string& bytes) { parse_npz(bytes, "test"); };
  expect_survives_damage(read, to_npz({{"x", bytes_array("abcdef")}, {"y", bytes_array("")}}));
  const std::string whole = npy(dictionary("<f4", "(3, 4)"), std::string(48, 'q'));
  expect_survives_damage(read, deflated(whole, static_cast<std::uint32_t>(whole.size())));
  expect_survives_damage([](const std::string& bytes) { parse(bytes); }, whole);
}

}  // namespace
}  // namespace pare::io
