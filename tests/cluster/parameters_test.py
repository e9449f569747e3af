"""Parameters of networks as `pare cluster predict` reads them from a config.json, beside transformers' own count.

parameters_test.py PARE CLUSTERS      CLUSTERS: the folder of cluster descriptions
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import torch
    import transformers as hf
except ImportError:
    print("skipped: no transformers", file=sys.stderr)
    sys.exit(77)

PARE, CLUSTERS = sys.argv[1], pathlib.Path(sys.argv[2])


def bert(hidden, layers, heads):
    return hf.BertForMaskedLM, hf.BertConfig(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * hidden)


def gpt2(hidden, layers, heads):
    return hf.GPT2LMHeadModel, hf.GPT2Config(n_embd=hidden, n_layer=layers, n_head=heads)


def llama(hidden, layers, heads, kv_heads, inner, words):
    return hf.LlamaForCausalLM, hf.LlamaConfig(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads, intermediate_size=inner, vocab_size=words)


def qwen2(hidden, layers, heads, kv_heads, inner, words, tied):
    return hf.Qwen2ForCausalLM, hf.Qwen2Config(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads, intermediate_size=inner, vocab_size=words, tie_word_embeddings=tied)


def mixtral(hidden, layers, heads, inner, words):
    return hf.MixtralForCausalLM, hf.MixtralConfig(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=inner, vocab_size=words)


def t5(hidden, inner, layers, heads, width=64, decoder_layers=None):
    return hf.T5ForConditionalGeneration, hf.T5Config(vocab_size=32128, d_model=hidden, d_kv=width, d_ff=inner, num_layers=layers, num_decoder_layers=decoder_layers, num_heads=heads)


def vit(hidden, layers, heads, patch, size=224, classes=1000):
    return hf.ViTForImageClassification, hf.ViTConfig(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * hidden, patch_size=patch, image_size=size, num_labels=classes)


def roberta(hidden, layers, heads):
    return hf.RobertaForMaskedLM, hf.RobertaConfig(vocab_size=50265, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * hidden, max_position_embeddings=514, type_vocab_size=1)


def opt(hidden, layers, heads):
    return hf.OPTForCausalLM, hf.OPTConfig(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, ffn_dim=4 * hidden)


def bloom(hidden, layers, heads):
    return hf.BloomForCausalLM, hf.BloomConfig(vocab_size=250880, hidden_size=hidden, n_layer=layers, n_head=heads, seq_length=2048)


def gpt_neox(hidden, layers, heads):
    return hf.GPTNeoXForCausalLM, hf.GPTNeoXConfig(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * hidden)


def phi3(hidden, layers, heads, inner):
    return hf.Phi3ForCausalLM, hf.Phi3Config(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=inner)


def qwen3(hidden, layers, heads, kv_heads, inner, tied):
    return hf.Qwen3ForCausalLM, hf.Qwen3Config(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads, head_dim=128, intermediate_size=inner, tie_word_embeddings=tied)


def gemma(hidden, layers, heads, kv_heads, inner):
    return hf.GemmaForCausalLM, hf.GemmaConfig(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads, intermediate_size=inner)


NETWORKS = {
    "bert-base": bert(768, 12, 12), "bert-large": bert(1024, 24, 16),
    "gpt2": gpt2(768, 12, 12), "gpt2-xl": gpt2(1600, 48, 25),
    "llama-2-7b": llama(4096, 32, 32, 32, 11008, 32000), "llama-3-70b": llama(8192, 80, 64, 8, 28672, 128256),
    "qwen2-0.5b": qwen2(896, 24, 14, 2, 4864, 151936, True), "qwen2-7b": qwen2(3584, 28, 28, 4, 18944, 152064, False),
    "mixtral-8x7b": mixtral(4096, 32, 32, 14336, 32000), "mixtral-8x22b": mixtral(6144, 56, 48, 16384, 32768),
    "roberta-base": roberta(768, 12, 12), "opt-125m": opt(768, 12, 12), "opt-66b": opt(9216, 64, 72),
    "bloom-560m": bloom(1024, 24, 16), "bloom": bloom(14336, 70, 112), "gpt-neox-20b": gpt_neox(6144, 44, 64),
    "phi3-mini": phi3(3072, 32, 32, 8192), "gemma-2b": gemma(2048, 18, 8, 1, 16384), "gemma-7b": gemma(3072, 28, 16, 16, 24576),
    "qwen3-0.6b": qwen3(1024, 28, 16, 8, 3072, True), "qwen3-32b": qwen3(5120, 64, 64, 8, 25600, False),
    "t5-small": t5(512, 2048, 6, 8), "t5-large": t5(1024, 4096, 24, 16), "t5-11b": t5(1024, 65536, 24, 128, 128),
    "t5-efficient, uneven": t5(512, 2048, 6, 8, decoder_layers=2),
    "vit-base": vit(768, 12, 12, 16), "vit-large-384": vit(1024, 24, 16, 32, 384), "vit-huge-21k": vit(1280, 32, 16, 14, 224, 21843),
}


class Parameters(unittest.TestCase):
    def test_are_those_of_transformers(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "config.json"
            for name, (make, config) in NETWORKS.items():
                with torch.device("meta"):
                    network = make(config)
                # a tied head is counted once
                own = sum(p.numel() for p in network.parameters())
                path.write_text(config.to_json_string(use_diff=False))
                run = subprocess.run([PARE, "cluster", "predict", path, "--cluster", CLUSTERS / "dgx-a100-80gb.toml", "--data-parallel",
                                      "16", "--batch", "16", "--json"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertEqual(json.loads(run.stdout)["conditions"]["parameters"], own, name)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
