"""Trims the base model's vocabulary and gives the slots tokens of their own."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

# The kinds of `token_type` in a GGUF file.
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4

# Kept from the base model, with their numbers: padding, beginning, end of an answer.
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
PADDING, END = 0, 2

# What llm-agent's `slots` writes: a sign for each kind of particular, and which of it.
SLOTS = tuple(
    f"{space}{sign}{number}" for sign in "@#$%~/&" for number in range(1, 10) for space in ("", " ")
)


@dataclass
class Vocabulary:
    """Tokens in the order of their numbers, and the merges that make them."""

    tokens: list[str]
    merges: list[str]
    kinds: list[int]

    def tokenizer(self) -> Tokenizer:
        """The same cuts as llama.cpp's pre-tokenizer "smollm" makes."""
        numbers = {token: number for number, token in enumerate(self.tokens)}
        merges = [tuple(merge.split(" ")) for merge in self.merges]
        tokenizer = Tokenizer(BPE(vocab=numbers, merges=merges))
        tokenizer.pre_tokenizer = Sequence(
            [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
        )
        own = zip(self.tokens, self.kinds, strict=True)
        tokenizer.add_tokens(
            [AddedToken(token, normalized=False) for token, kind in own if kind != NORMAL]
        )
        return tokenizer


def of_base(metadata: dict[str, Any]) -> Vocabulary:
    """The vocabulary as it came."""
    prefix = "tokenizer.ggml."
    if metadata[prefix + "pre"] != "smollm":
        raise ValueError(f"not the pre-tokenizer known here: {metadata[prefix + 'pre']}")
    return Vocabulary(*(metadata[prefix + name] for name in ("tokens", "merges", "token_type")))


def trim(base: Vocabulary, texts: Iterable[str], common: int) -> tuple[Vocabulary, np.ndarray]:
    """Keeps what `texts` use more than twice, the `common` most frequent tokens, every byte.

    Also returns, for each new token, the base tokens (one, or two for a slot) whose
    embeddings it begins with: an array [tokens, 2].
    """
    numbers = {token: number for number, token in enumerate(base.tokens)}
    tokenizer = base.tokenizer()
    used = Counter(i for each in tokenizer.encode_batch(list(texts)) for i in each.ids)
    kept = {number for number, times in used.items() if times > 2}
    made = {a + b: (a, b) for a, b in (merge.split(" ") for merge in base.merges)}
    normal = [i for i, kind in enumerate(base.kinds) if kind == NORMAL]
    kept |= {i for i in normal if base.tokens[i] not in made}
    kept |= set(normal[:common])
    # A token is reached through its parts, so these stay as well.
    open_ = [base.tokens[number] for number in kept]
    while open_:
        for part in made.get(open_.pop(), ()):
            if numbers[part] not in kept:
                kept.add(numbers[part])
                open_.append(part)
    kept = sorted(number for number in kept if base.kinds[number] == NORMAL)
    names = {base.tokens[number] for number in kept}
    merges = [merge for merge in base.merges if merge.replace(" ", "") in names]
    tokens = [*SPECIALS, *SLOTS, *(base.tokens[number] for number in kept)]
    kinds = [CONTROL] * len(SPECIALS) + [USER_DEFINED] * len(SLOTS) + [NORMAL] * len(kept)
    sources = [[numbers[token]] * 2 for token in SPECIALS]
    sources += [
        [tokenizer.encode(slot).ids[0], tokenizer.encode(slot[-1]).ids[0]] for slot in SLOTS
    ]
    sources += [[number] * 2 for number in kept]
    return Vocabulary(tokens, merges, kinds), np.array(sources)
