// Labelled sentences, cut into tokens when the set is opened.
#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/io/samples.h"
#include "pare/text/table.h"
#include "pare/text/wordpiece.h"

namespace pare::io {
namespace {

class SentenceSet final : public Dataset {
 public:
  SentenceSet(const text::Table& table, const text::WordPiece& tokeniser, std::size_t max_tokens,
              const std::filesystem::path& path)
      : ids_(table.texts.size()) {
    name_ = set_name(path);
    size_ = table.texts.size();
    labels_ = table.labels;
    for (std::size_t i = 0; i < size_; ++i)
      if (labels_[i] < 0)
        throw Error("sample " + std::to_string(i) + " has a label below 0", path.string(), "number the classes from 0");
    parallel_for(size_, [&](std::size_t i) { ids_[i] = tokeniser.encode(table.texts[i], max_tokens); });
    for (const auto& ids : ids_) lengths_.push_back(ids.size());
  }

  void read(std::span<const std::size_t>, float*) const override {
    throw Error("holds sentences, not numbers", name_, "give a network whose inputs are token ids");
  }

  void read_tokens(std::size_t sample, std::int64_t* out) const override { std::ranges::copy(ids_[sample], out); }

 private:
  std::vector<std::vector<std::int64_t>> ids_;
};

}  // namespace

std::unique_ptr<Dataset> open_sentences(const std::filesystem::path& path, const Preprocess& preprocess) {
  if (preprocess.vocabulary.empty())
    throw Error("holds sentences, and no vocabulary is given", path.string(),
                "give --vocabulary vocab.txt, or put the network's vocab.txt beside it");
  const text::WordPiece tokeniser(text::read_vocabulary(preprocess.vocabulary),
                                  {.lower_case = !preprocess.cased, .strip_accents = {}});
  return std::make_unique<SentenceSet>(text::read_table(path), tokeniser, preprocess.max_tokens, path);
}

}  // namespace pare::io
