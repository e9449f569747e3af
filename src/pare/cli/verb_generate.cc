// generate: text from a decoder, perhaps under a recipe.
#include <fmt/format.h>

#include <memory>

#include "pare/cli/context.h"
#include "pare/cli/plugin.h"

namespace pare::cli {

void add_generate(CLI::App& app, const Global& global) {
  CLI::App* verb =
      add_verb(app, "generate", "Networks", "Text from a decoder, token by token",
               {"pare generate stories260K.onnx \"Once upon a time\" --tokenizer tok512.bin",
                "pare generate stories260K.onnx \"\" --tokenizer tok512.bin --tokens 257 --recipe out/ant8"});
  auto request = std::make_shared<GenerateRequest>();
  verb->add_option("model", request->model, "an ONNX file")->required();
  verb->add_option("prompt", request->prompt, "the text to go on from (may be empty)")->required();
  verb->add_option("--tokenizer", request->tokenizer,
                   "a tokeniser file of llama2.c (default: tokenizer.bin beside the model)");
  verb->add_option("--recipe", request->recipe, "a recipe's folder or its recipe.json");
  verb->add_option("--tokens", request->tokens, "new tokens at most")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--temperature", request->temperature, "0: the likeliest token each time; above: drawn")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  verb->callback([=, &global] {
    request->seed = global.seed;
    // the text is the result: it goes to stdout as it is made
    request->stream = !global.json && !global.quiet;
    const study::Study study = torch_verbs(global).generate(*request);
    if (!global.output.empty()) study::write_study(global.output / "study.json", study);
    if (global.json)
      fmt::print("{}\n", study::to_json(study).dump(1));
    else if (global.quiet)
      fmt::print("{}\n", study.candidates[0].details["text"].get<std::string>());
  });
}

}  // namespace pare::cli
