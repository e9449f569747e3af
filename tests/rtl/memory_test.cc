// Memories against block counts that Yosys 0.23 gave, and their files' refusals.
#include "pare/rtl/memory.h"

#include <gmock/gmock.h>

#include "pare/base/error.h"

namespace pare::rtl {
namespace {

using testing::HasSubstr;

/// Lines of one reader and one writer, synthesised by Yosys 0.23 for each family; a RAMB36 counts as two RAMB18.
TEST(Memory, BlocksAreThoseOfSynthesis) {
  struct Case {
    int words, bits, ice40, xilinx7, ecp5;
  };
  const Memory ice40 = find_memory("ice40"), xilinx7 = find_memory("xilinx7-simple"), ecp5 = find_memory("ecp5-simple");
  for (const Case& c : {Case{480, 8, 1, 1, 1},
                        {480, 16, 2, 1, 1},
                        {512, 16, 2, 1, 1},
                        {513, 16, 3, 1, 1},
                        {480, 48, 6, 2, 2},
                        {960, 16, 4, 1, 1},
                        {1024, 16, 4, 1, 1},
                        {1920, 8, 4, 1, 1},
                        {1920, 16, 8, 2, 2},
                        {2048, 16, 8, 2, 2},
                        {1920, 24, 12, 3, 3},
                        {1920, 48, 24, 6, 6},
                        {3840, 16, 16, 4, 4}}) {
    EXPECT_EQ(blocks_for(ice40, c.words, c.bits), c.ice40) << c.words << " x " << c.bits;
    EXPECT_EQ(blocks_for(xilinx7, c.words, c.bits), c.xilinx7) << c.words << " x " << c.bits;
    EXPECT_EQ(blocks_for(ecp5, c.words, c.bits), c.ecp5) << c.words << " x " << c.bits;
  }
  // two full ports are at most 18 bits wide
  EXPECT_EQ(blocks_for(find_memory("xilinx7"), 480, 48), 3);
  EXPECT_EQ(blocks_for(find_memory("ecp5"), 480, 48), 3);
}

TEST(Memory, MacrosAreMadeToMeasure) {
  for (const char* name : {"sram-single-port", "sram-dual-port"}) {
    const Memory m = find_memory(name);
    EXPECT_EQ(m.kind, MemoryKind::sram);
    EXPECT_EQ(blocks_for(m, 1 << 16, 4096), 1);
  }
  EXPECT_EQ(find_memory("sram-single-port").ports, (Ports{1, 0, 0}));
  EXPECT_EQ(find_memory("sram-dual-port").ports, (Ports{2, 0, 0}));
  EXPECT_EQ(find_memory("ice40").ports, (Ports{0, 1, 1}));
}

TEST(Memory, ThoseThatComeWithPareAreSound) {
  int with_energy = 0;
  for (const std::string& name : memory_names()) {
    const Memory m = find_memory(name);
    EXPECT_GE(blocks_for(m, 1920, 24), 1) << name;
    for (const auto& figure : {m.read_pj, m.write_pj, m.area_um2})
      EXPECT_TRUE(!figure || !figure->source.empty()) << name;
    with_energy += m.read_pj && m.write_pj && m.area_um2;
  }
  EXPECT_EQ(with_energy, 2);  // the open macros of sky130
  EXPECT_EQ(find_memory("sky130-two-ports").ports, (Ports{1, 1, 0}));
  EXPECT_EQ(blocks_for(find_memory("sky130-single-port"), 480, 24), 1);
  EXPECT_EQ(blocks_for(find_memory("sky130-single-port"), 1920, 24), 4);
  // four that are stacked, one of which is selected; two of 32 bits beside each other
  EXPECT_EQ(blocks_across(find_memory("sky130-single-port"), 1920, 24), 1);
  EXPECT_EQ(blocks_across(find_memory("sky130-single-port"), 1920, 48), 2);
  EXPECT_EQ(blocks_across(find_memory("sram-single-port"), 1920, 48), 1);
}

const std::string small =
    "name = 'm'\nkind = 'sram'\nshapes = [[64, 8]]\n[ports]\nread_write = 1\n[energy]\nread_pj = 2.5\nsource = 's'\n";

TEST(Memory, FiguresKeepTheirSource) {
  const Memory m = parse_memory(small, "m.toml");
  EXPECT_EQ(m.read_pj->value, 2.5);
  EXPECT_EQ(m.read_pj->source, "s");
  EXPECT_FALSE(m.write_pj || m.area_um2);
  EXPECT_EQ(blocks_for(m, 65, 9), 4);
  EXPECT_EQ(m.register_depth, 50);
}

/// `small` with one piece put in another's place.
std::string refusal(const std::string& old, const std::string& piece) {
  std::string text = small;
  text.replace(text.find(old), old.size(), piece);
  try {
    parse_memory(text, "m.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "taken";
}

TEST(Memory, RefusesWhatIsWrongByLine) {
  EXPECT_THAT(refusal("[[64, 8]]", "[[64, 0]]"), HasSubstr("m.toml: line 3: a shape is [words, bits]"));
  EXPECT_THAT(refusal("[[64, 8]]", "[64, 8]"), HasSubstr("line 3: a shape is [words, bits]"));
  EXPECT_THAT(refusal("[[64, 8]]", "[]"), HasSubstr("line 3: 'shapes' must be a list of 1 to 64 pairs"));
  EXPECT_THAT(refusal("shapes = [[64, 8]]", ""), HasSubstr("the file has no 'shapes'"));
  EXPECT_THAT(refusal("'sram'", "'dram'"), HasSubstr("kind is 'dram' (block_ram or sram)"));
  EXPECT_THAT(refusal("read_write = 1", "read_write = -1"), HasSubstr("line 5: 'read_write' must be a whole number"));
  EXPECT_THAT(refusal("read_write = 1", "read = 1"), HasSubstr("a block needs a port that writes"));
  EXPECT_THAT(refusal("read_write = 1", "write = 1"), HasSubstr("a block needs a port that reads"));
  EXPECT_THAT(refusal("read_write = 1", "readwrite = 1"), HasSubstr("line 5: [ports] knows no 'readwrite'"));
  EXPECT_THAT(refusal("read_pj = 2.5", "read_pj = -1"), HasSubstr("line 7: 'read_pj' must be a number from 0"));
  EXPECT_THAT(refusal("read_pj = 2.5", "read_pj = nan"), HasSubstr("line 7: 'read_pj'"));
  EXPECT_THAT(refusal("source = 's'", ""), HasSubstr("[energy] has no 'source'"));
  EXPECT_THAT(refusal("[energy]", "[enrgy]"), HasSubstr("the file knows no 'enrgy'"));
  EXPECT_THAT(refusal("name = 'm'", "name = "), HasSubstr("line 1: "));
}

TEST(Memory, UnknownNamesListTheKnown) {
  try {
    find_memory("xilinx8");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("--memory: 'xilinx8' is neither a memory of pare nor a file (memories are ecp5, "));
  }
}

}  // namespace
}  // namespace pare::rtl
