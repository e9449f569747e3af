#include "pare/runtime/generate.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "pare/base/error.h"
#include "pare/base/random.h"
#include "pare/runtime/tensors.h"

namespace pare::runtime {
namespace {

bool has(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

/// "past_key_values.3.key" and "present.3.key" are both "3key": the number, and which of the two.
std::string role(const std::string& name) {
  std::string digits;
  for (const char c : name)
    if (c >= '0' && c <= '9') digits += c;
  const auto last = name.find_last_of("._");
  const std::string tail = last == std::string::npos ? name : name.substr(last);
  return digits + (has(tail, "value") ? "value" : has(tail, "key") ? "key" : tail);
}

std::int64_t pick(const at::Tensor& logits, const GenerateOptions& options, Random& random) {
  if (options.temperature <= 0) return logits.argmax().item<std::int64_t>();
  const at::Tensor shares = at::cumsum(at::softmax(logits.to(at::kDouble) / options.temperature, 0), 0);
  const double at = random.uniform() * shares[-1].item<double>();
  return std::min(at::sum(shares <= at).item<std::int64_t>(), logits.size(0) - 1);
}

}  // namespace

Decoder::Decoder(const model::Model& model) : executor_(model) {
  const auto name_of = [&](const std::vector<model::ValueId>& ids, std::size_t i) { return model.value(ids[i]).name; };
  std::optional<std::size_t> ids;
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    const model::Value& input = model.value(model.inputs[i]);
    if (has(input.name, "past")) {
      if (!input.shape_known || input.shape.size() != 4 || !input.shape[1].known() || !input.shape[3].known())
        throw Error(fmt::format("is {}, not [batch, heads, past, width] with heads and width known",
                                model::to_string(input.shape)),
                    fmt::format("{}: input '{}'", model.name, printable(input.name)));
      past_.push_back({i, 0, input.shape[1].size, input.shape[3].size, torch_type(input.type)});
    } else if (has(input.name, "mask")) {
      masks_.push_back(i);
    } else if (has(input.name, "position")) {
      positions_.push_back(i);
    } else if (!ids) {
      ids = i;
    } else {
      throw Error("cannot be filled when generating", fmt::format("{}: input '{}'", model.name, printable(input.name)));
    }
  }
  if (!ids) throw Error("has no input for the ids of tokens", model.name);
  ids_ = *ids;
  for (std::size_t o = 0; o < model.outputs.size(); ++o)
    if (name_of(model.outputs, o) == "logits") logits_ = o;
  std::size_t next = 0;
  for (Past& past : past_) {
    const std::string wanted = role(name_of(model.inputs, past.input));
    std::optional<std::size_t> found;
    for (std::size_t o = 0; o < model.outputs.size() && !found; ++o)
      if (o != logits_ && has(name_of(model.outputs, o), "present") && role(name_of(model.outputs, o)) == wanted)
        found = o;
    if (next == logits_) ++next;
    past.output = found ? *found : next;
    ++next;
    if (past.output >= model.outputs.size())
      throw Error(
          fmt::format("has no output that answers the input '{}'", printable(name_of(model.inputs, past.input))),
          model.name, "export the decoder with its present keys and values");
  }
}

std::vector<at::Tensor> Decoder::step(std::span<const std::int64_t> ids, std::int64_t past,
                                      const std::vector<at::Tensor>& kept) const {
  const model::Model& model = executor_.model();
  const auto count = static_cast<std::int64_t>(ids.size());
  std::vector<at::Tensor> inputs(model.inputs.size());
  const auto put = [&](std::size_t i, const at::Tensor& x) {
    inputs[i] = x.to(torch_type(model.value(model.inputs[i]).type));
  };
  put(ids_, at::tensor(at::ArrayRef<std::int64_t>(ids.data(), ids.size()), at::kLong).unsqueeze(0));
  for (const std::size_t i : masks_) put(i, at::ones({1, past + count}, at::kLong));
  for (const std::size_t i : positions_) put(i, at::arange(past, past + count, at::kLong).unsqueeze(0));
  for (std::size_t p = 0; p < past_.size(); ++p)
    inputs[past_[p].input] = kept.empty() ? at::zeros({1, past_[p].heads, 0, past_[p].width}, past_[p].type) : kept[p];
  return executor_.run(inputs);
}

std::vector<std::int64_t> Decoder::generate(std::span<const std::int64_t> prompt, const GenerateOptions& options,
                                            const std::function<void(std::int64_t)>& each) const {
  const c10::NoGradGuard no_gradients;
  Random random(options.seed);
  std::vector<std::int64_t> all(prompt.begin(), prompt.end()), made;
  std::vector<at::Tensor> kept;
  std::size_t seen = 0;  // tokens whose keys and values are kept
  while (made.size() < options.tokens) {
    const auto outputs = step(std::span(all).subspan(seen), static_cast<std::int64_t>(seen), kept);
    const at::Tensor& logits = outputs.at(logits_);
    if (logits.dim() != 3 || logits.size(0) != 1 || logits.size(1) < 1)
      throw Error(fmt::format("answers [{}], not [batch, tokens, vocabulary]", fmt::join(logits.sizes(), ", ")),
                  executor_.model().name, "generate takes decoders with a head for language");
    if (keeps_past()) {
      kept.clear();
      for (const Past& past : past_) kept.push_back(outputs.at(past.output));
      seen = all.size();
    }
    const std::int64_t token = pick(logits.select(0, 0).select(0, -1), options, random);
    made.push_back(token);
    all.push_back(token);
    if (each) each(token);
    if (token == options.end) break;
  }
  return made;
}

}  // namespace pare::runtime
