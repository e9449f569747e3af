// A fuzz target without libFuzzer: runs it over every file of the folders named, and over damaged copies of each.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t files = 0;
  std::mt19937 random(1);
  const auto run = [](const std::string& bytes) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  };
  for (int i = 1; i < argc; ++i)
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), {}};
      run(bytes);
      ++files;
      for (int damage = 0; damage < 300 && !bytes.empty(); ++damage) {
        std::string damaged = bytes.substr(0, damage % 3 == 0 ? random() % bytes.size() : bytes.size());
        for (int k = 0; k < 1 + damage % 4 && !damaged.empty(); ++k)
          damaged[random() % damaged.size()] = static_cast<char>(random());
        run(damaged);
      }
    }
  std::printf("%zu seeds and damaged copies\n", files);
  return files == 0;
}
