"""WordPiece against Hugging Face's `tokenizers`. Usage: peers_test.py TEXT_PROBE"""
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata
import unittest

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

PROBE = sys.argv.pop(1)
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHARACTERS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def assets(test, *path):
    """A file below PARE_ASSETS; skips with a line where it is not set."""
    if not os.environ.get("PARE_ASSETS"):
        print(f"skipped: {test.id().split('.')[-1]}, since PARE_ASSETS is not set", file=sys.stderr)
        test.skipTest("PARE_ASSETS is not set")
    return pathlib.Path(os.environ["PARE_ASSETS"]).joinpath(*path)


def probe(*words, input=b""):
    done = subprocess.run([PROBE, *map(str, words)], input=input, capture_output=True)
    assert done.returncode == 0, (words, done.returncode, done.stderr)
    return done.stdout


def packed(texts):
    return b"".join(struct.pack("<i", len(text)) + text for text in texts)


def lines_of_ids(out):
    return [[int(word) for word in line.split()] for line in out.decode().split("\n")[:-1]]


def bert(vocabulary, lower, most):
    """The tokeniser that Hugging Face's BertTokenizerFast makes of a vocab.txt."""
    ids = {token: i for i, token in enumerate(vocabulary)}
    made = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(lowercase=lower)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    made.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIALS if token in ids])
    made.enable_truncation(most)
    return made


class WordPiece(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = pathlib.Path(folder.name)
        self.random = random.Random(11)

    def check(self, vocabulary, texts, most=512, forms=("uncased", "cased")):
        path = self.at / "vocab.txt"
        path.write_bytes("".join(token + "\n" for token in vocabulary).encode())
        for form in forms:
            got = lines_of_ids(probe("wordpiece", path, form, most, input=packed(t.encode() for t in texts)))
            expected = [e.ids for e in bert(vocabulary, form == "uncased", most).encode_batch(texts)]
            wrong = [i for i in range(len(texts)) if got[i] != expected[i]]
            self.assertEqual(len(got), len(texts))
            if wrong:
                first = wrong[0]
                self.fail(f"{form}: {len(wrong)} of {len(texts)} differ, the first is {ascii(texts[first])[:400]}: "
                          f"{got[first][:60]}, expected {expected[first][:60]}")

    def test_every_character(self):
        """Within a word and, where its place among marks matters, beside marks. All that a character can become is in
        the vocabulary, so the ids show it."""
        whole, step = [c for c in CHARACTERS if not c.isspace()], 1 << 18
        for part in range(0, len(whole), step):
            tokens = list(dict.fromkeys("abi\u0307" + "".join(whole[part : part + step])))
            texts = [f"a{c}b" for c in whole[part : part + step]]
            if part == 0:
                texts += [f"a{c}b" for c in CHARACTERS if c.isspace()]
            self.check(SPECIALS + tokens + ["##" + token for token in tokens], texts)
        movable = self.movable()
        # two marks of different classes, 216 and 230, that no stripping takes away
        texts = [text for c in movable for text in (f"a{c}\U0001d165", f"a\U0001e000{c}")]
        tokens = list(dict.fromkeys(whole[:0x3000] + movable))
        self.check(SPECIALS + tokens + ["##" + token for token in tokens], texts)

    @staticmethod
    def movable():
        """The characters that normal form D takes apart or puts in another order, by `tokenizers` or by Python."""
        forms = normalizers.NFD().normalize_str, lambda text: unicodedata.normalize("NFD", text)
        return [c for c in CHARACTERS if any(form(f"\u0345{c}") != f"\u0345{c}" for form in forms)]

    def vocabulary_of(self, alphabet, words):
        """All of the alphabet as pieces, and `words` drawn from it, begun and continuing."""
        tokens = dict.fromkeys(alphabet)
        for _ in range(words):
            word = "".join(self.random.choices(alphabet, k=self.random.randint(2, 5)))
            tokens[word if self.random.random() < 0.5 else "##" + word] = None
        tokens.update(("##" + c, None) for c in self.random.sample(alphabet, len(alphabet) * 3 // 4))
        return SPECIALS + [t for t in tokens if not any(c.isspace() for c in t) and t not in SPECIALS]

    def test_random_text(self):
        movable = self.movable()
        latin = [chr(c) for c in range(0x20, 0x250)] + [chr(c) for c in range(0x300, 0x370)]
        mixed = latin + self.random.sample(CHARACTERS, 3000) + self.random.sample(movable, 500)
        mixed += list("中文字\u3000\u200d\u00ad\ufeff\t\n\r")
        marks = [c for c in movable if not "가" <= c <= "힣"] + list("aé中 !")
        for alphabet, count in [(list("ab[]CLSEPMASK !.é"), 3000), (latin, 4000), (mixed, 6000), (CHARACTERS, 2000),
                                (marks, 4000)]:
            small = self.random.sample(alphabet, min(len(alphabet), 2000))
            texts = []
            for _ in range(count):
                pieces = ["".join(self.random.choices(small, k=self.random.randint(1, 12)))
                          for _ in range(self.random.randint(0, 12))]
                for i in range(len(pieces)):
                    if self.random.random() < 0.05:
                        pieces[i] = self.random.choice(SPECIALS + ["[mask]", "[CLS", "CLS]"])
                texts.append(self.random.choice(["", " ", " ", "\n"]).join(pieces))
            self.check(self.vocabulary_of(small, 3000), texts, self.random.choice([16, 64, 512]))

    def test_lengths(self):
        tokens = SPECIALS + ["a", "##a", "aa", "##aaa", "é", "##é", "."]
        texts = ["a" * n for n in range(95, 106)] + ["é" * n for n in range(95, 106)] + [" ".join("a" * 40), "." * 50]
        for most in (2, 3, 4, 30, 512):
            self.check(tokens, texts + ["", " ", "[SEP]" * 40, "a [MASK] a"], most)

    def test_malformed_bytes(self):
        """As the text that Python makes of them with replacement characters, which BERT leaves out."""
        tokens = SPECIALS + ["a", "##a", "b", "##b", "é", "##é", "e", "##e"]
        path = self.at / "vocab.txt"
        path.write_text("\n".join(tokens) + "\n")
        some = b"ab \xc3\xa9\xe4\xed\xa0\xf0\xf4\x90\xff\xc0"
        texts = [bytes(self.random.choices(some, k=self.random.randint(0, 20))) for _ in range(5000)]
        got = lines_of_ids(probe("wordpiece", path, "uncased", 64, input=packed(texts)))
        made = bert(tokens, True, 64)
        self.assertEqual(got, [e.ids for e in made.encode_batch([t.decode("utf-8", "replace") for t in texts])])

    def test_real_sentences(self):
        folder = assets(self, "text")
        made = Tokenizer.from_file(str(folder / "minilm_sst2" / "tokenizer.json"))
        made.no_padding()
        made.enable_truncation(64)
        count = 0
        for name in ("dev", "test", "train"):
            path = folder / "sst2_tsv" / f"{name}.tsv"
            rows = [line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").split("\n") if line]
            table = [line.split(" ") for line in probe("table", path).decode().split("\n")[:-1]]
            self.assertEqual([[bytes.fromhex(text).decode(), label] for label, text in table], rows)
            texts = [text for text, _ in rows]
            got = lines_of_ids(probe("wordpiece", folder / "minilm_sst2" / "vocab.txt", "uncased", 64,
                                     input=packed(t.encode() for t in texts)))
            self.assertEqual(got, [e.ids for e in made.encode_batch(texts)])
            count += len(texts)
        print(f"{count} sentences of SST-2: the same ids", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
