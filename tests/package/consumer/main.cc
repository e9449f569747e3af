// A program of somebody else's: codes of a number format, and what an ONNX file holds.
#include <pare/base/error.h>
#include <pare/model/count.h>
#include <pare/model/onnx.h>
#include <pare/number/format.h>

#include <cstdio>

int main(int argc, char** argv) {
  const auto format = pare::number::parse_format("flint4");
  std::printf("%zu values, the largest %g\n", pare::number::values(format).size(), pare::number::largest(format));
  try {
    std::printf("%lld parameters\n",
                static_cast<long long>(pare::model::count(pare::model::read_onnx(argv[argc - 1])).parameters));
  } catch (const pare::Error& error) {
    std::printf("refused: %s\n", error.what());
  }
  return 0;
}
