#include <gtest/gtest.h>

#include "pare/base/error.h"
#include "round_figures.h"

namespace pare::cluster {
namespace {

// Parameters as transformers counts them.
TEST(Transformer, Parameters) {
  const auto parse = [](const char* text) { return parse_transformer(text, "config.json"); };
  EXPECT_EQ(parse(R"({"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257,
                      "n_positions": 1024})")
                .parameters(),
            124439808);
  EXPECT_EQ(parse(R"({"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
                      "intermediate_size": 11008, "vocab_size": 32000, "max_position_embeddings": 4096})")
                .parameters(),
            6738415616);
  EXPECT_EQ(parse(R"({"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
                      "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
                      "max_position_embeddings": 8192})")
                .parameters(),
            8030261248);
}

TEST(Transformer, Perceptron) {
  const Transformer t = parse_transformer(
      R"({"model_type": "mlp", "hidden_size": 100, "num_hidden_layers": 3, "vocab_size": 10})", "mlp");
  // three layers with their biases; the head's normalisation and matrix
  EXPECT_EQ(t.parameters(), 3 * (100 * 100 + 100) + 2 * 100 + 10 * 100);
  EXPECT_DOUBLE_EQ(t.model_flops(), 6 * (3 * 100 * 100 + 10 * 100));
  EXPECT_THROW(check({.tensor = 2, .batch = 2}, t, cluster(1, 2)), UsageError);
  EXPECT_THROW(parse_transformer(R"({"model_type": "mlp", "hidden_size": 100, "vocab_size": 10})", "mlp"), Error);
}

// What replicas hold and what tensor ranks share adds up to the network: of a layer all but the normalisations and the
// biases of the two sums are shared.
TEST(Parts, ParametersOfTensorRanks) {
  const Transformer t = gpt(1024, 4, 16);
  const Strategy one{.batch = 1}, two{.tensor = 2, .batch = 1};
  const double whole = 4.0 * 1024 + 2 * 1024;
  const double all = t.parts(one).at(1).parameters;
  EXPECT_EQ(all, static_cast<double>(t.layer_parameters()));
  EXPECT_EQ(t.parts(two).at(1).parameters, whole + (all - whole) / 2);
}

// 72 B s l h^2 (1 + s / 6h + V / 12 l h), Narayanan et al. 2021, section 5.1 (there 96, with recomputation).
TEST(Transformer, Flops) {
  const Transformer t = gpt(4096, 36, 32);
  const double h = 4096, l = 36, s = 2048, v = 51200;
  EXPECT_NEAR(t.model_flops() / (72 * s * l * h * h * (1 + s / (6 * h) + v / (12 * l * h))), 1, 1e-12);
}

TEST(Transformer, BiasesThatAConfigurationAdds) {
  const auto parameters = [](const std::string& more) {
    return parse_transformer(R"({"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
      "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
      "max_position_embeddings": 8192)" +
                                 more + "}",
                             "config.json")
        .parameters();
  };
  const std::int64_t plain = parameters("");
  EXPECT_EQ(plain, 8030261248);
  EXPECT_EQ(parameters(R"(, "attention_bias": true)") - plain, 327680);
  EXPECT_EQ(parameters(R"(, "mlp_bias": true)") - plain, 1048576);
  EXPECT_EQ(parameters(R"(, "attention_bias": false, "mlp_bias": null)"), plain);
  EXPECT_THROW(parse_transformer(R"({"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12,
                   "vocab_size": 50257, "n_positions": 1024, "add_cross_attention": true})",
                                 "config.json"),
               Error);
}

// Without a word as transformers trains them: all but llamas and images with dropout.
TEST(Transformer, DropoutAsAConfigurationSays) {
  const auto drops = [](const std::string& type, const std::string& more) {
    const std::string sizes =
        R"(", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 9,
      "intermediate_size": 256, "max_position_embeddings": 16, "image_size": 32, "patch_size": 16)";
    return parse_transformer(R"({"model_type": ")" + type + sizes + more + "}", "config.json").dropout;
  };
  for (const char* type : {"gpt2", "bert"}) EXPECT_TRUE(drops(type, "")) << type;
  for (const char* type : {"llama", "vit"}) EXPECT_FALSE(drops(type, "")) << type;
  EXPECT_FALSE(drops("gpt2", R"(, "resid_pdrop": 0, "attn_pdrop": 0.0)"));
  EXPECT_TRUE(drops("gpt2", R"(, "resid_pdrop": 0, "attn_pdrop": 0.1)"));
  EXPECT_FALSE(drops("bert", R"(, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": null)"));
  EXPECT_TRUE(drops("vit", R"(, "hidden_dropout_prob": 0.1)"));
  EXPECT_FALSE(drops("llama", R"(, "attention_dropout": 0.0)"));
  EXPECT_THROW(drops("gpt2", R"(, "resid_pdrop": 1.5)"), Error);
  EXPECT_THROW(drops("gpt2", R"(, "resid_pdrop": "none")"), Error);
}

TEST(Transformer, RefusesBadFiles) {
  for (
      const char* text :
      {"", "[]", "{}", R"({"model_type": "rwkv"})", R"({"model_type": "gpt2", "n_embd": 768})",
       R"({"model_type": "gpt2", "n_embd": -1, "n_layer": 12, "n_head": 12, "vocab_size": 9, "n_positions": 4})",
       R"({"model_type": "gpt2", "n_embd": 100, "n_layer": 1, "n_head": 12, "vocab_size": 9, "n_positions": 4})",
       R"({"model_type": "gpt2", "n_embd": 1e300, "n_layer": 1, "n_head": 12, "vocab_size": 9, "n_positions": 4})",
       R"({"model_type": "gpt2", "n_embd": 99999999999999999999, "n_layer": 1, "n_head": 1, "vocab_size": 9, "n_positions": 4})",
       R"({"model_type": "gpt2", "n_embd": 16777216, "n_layer": 16777216, "n_head": 1, "vocab_size": 9, "n_positions": 4})"})
    EXPECT_THROW(parse_transformer(text, "config.json"), Error) << text;
  // forms of a type that its counts do not hold for
  const auto refused = [](const std::string& type, const std::string& form) {
    const std::string sizes =
        R"(", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 9,
      "ffn_dim": 256, "max_position_embeddings": 16)";
    const std::string plain = R"({"model_type": ")" + type + sizes;
    EXPECT_NO_THROW(parse_transformer(plain + "}", "config.json")) << type;
    EXPECT_THROW(parse_transformer(plain + ", " + form + "}", "config.json"), Error) << type << form;
  };
  refused("opt", R"("do_layer_norm_before": false)");
  refused("opt", R"("enable_bias": false)");
  refused("opt", R"("word_embed_proj_dim": 32)");
  refused("gpt_neox", R"("attention_bias": false)");
  refused("bert", R"("add_cross_attention": true)");
  refused("roberta", R"("max_position_embeddings": 1)");
}

}  // namespace
}  // namespace pare::cluster
