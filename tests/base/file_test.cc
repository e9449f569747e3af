#include "pare/base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "pare/base/error.h"

namespace pare {
namespace {
namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  File() : folder_(fs::temp_directory_path() / ("pare_file_test_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~File() override { fs::remove_all(folder_); }

  /// Every name below the folder, so that a forgotten temporary file is seen.
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      all.insert(fs::relative(entry.path(), folder_).string());
    return all;
  }

  fs::path folder_;
};

TEST_F(File, ComesBackAsWritten) {
  for (const std::size_t size : {0u, 1u, 65'535u, 65'536u, 65'537u, 300'000u}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
    write_file(folder_ / "a", bytes);
    EXPECT_EQ(read_file(folder_ / "a"), bytes) << size;
  }
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(File, MakesFoldersAndReplacesWhole) {
  write_file(folder_ / "x" / "y" / "z.json", "a longer text");
  write_file(folder_ / "x" / "y" / "z.json", "short");
  EXPECT_EQ(read_file(folder_ / "x" / "y" / "z.json"), "short");
  EXPECT_EQ(names(), (std::set<std::string>{"x", "x/y", "x/y/z.json"}));
}

TEST_F(File, ReadingSaysWhatIsWrong) {
  EXPECT_THROW(read_file(folder_ / "absent"), Error);
  EXPECT_THROW(read_file(folder_), Error);
  write_file(folder_ / "large", std::string(1000, 'x'));
  EXPECT_EQ(read_file(folder_ / "large", 1000).size(), 1000u);
  try {
    read_file(folder_ / "large", 999);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), (folder_ / "large").string());
    EXPECT_NE(e.problem().find("999"), std::string::npos);
  }
}

TEST_F(File, WritingWhereItCannotLeavesNothingBehind) {
  write_file(folder_ / "file", "x");
  EXPECT_THROW(write_file(folder_ / "file" / "below", "y"), Error);
  fs::create_directory(folder_ / "taken");
  EXPECT_THROW(write_file(folder_ / "taken", "y"), Error);
  EXPECT_EQ(names(), (std::set<std::string>{"file", "taken"}));
}

TEST(ContentHash, TellsBytesApart) {
  EXPECT_EQ(content_hash("pare").size(), 16u);
  EXPECT_EQ(content_hash("pare"), content_hash(std::string("pare")));
  std::set<std::string> hashes;
  std::string bytes(64, '\0');
  for (std::size_t size = 0; size <= bytes.size(); ++size)  // only lengths differ
    EXPECT_TRUE(hashes.insert(content_hash(std::string_view(bytes).substr(0, size))).second) << size;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(hashes.insert(content_hash(changed)).second) << "bit " << bit;
  }
}

}  // namespace
}  // namespace pare
