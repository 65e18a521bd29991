"""Examples: read, cut into tokens, packed into rows of one length."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from vocabulary import END, PADDING

# Between what is asked and the answer; the answer begins with a space.
# llm-agent's prompt for models with `proviso.short_form` has the same.
ARROW = "\n=>"


@dataclass
class Example:
    """One request and its answer, as tokens."""

    tokens: np.ndarray
    # Where the answer begins.
    answer: int
    # Where it comes from: `file:line` of its pattern.
    pattern: str


def read(path: Path) -> list[dict[str, str]]:
    """Reads {"input", "output", "pattern"} a line."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def encode(records: list[dict[str, str]], tokenizer: Tokenizer) -> list[Example]:
    """Cuts examples into tokens; question and answer apart, as they are when it runs."""
    asked = tokenizer.encode_batch([record["input"] + ARROW for record in records])
    answers = tokenizer.encode_batch([" " + record["output"] for record in records])
    return [
        Example(np.array([*a.ids, *b.ids, END], np.int32), len(a.ids), record["pattern"])
        for a, b, record in zip(asked, answers, records, strict=True)
    ]


@dataclass
class Batch:
    """Rows of packed examples, and where in them something has to be predicted."""

    tokens: np.ndarray
    positions: np.ndarray
    segments: np.ndarray
    # Indices into the flattened rows, the token wanted there, and the number of
    # the example that it belongs to (-1: nothing to predict).
    places: np.ndarray
    wanted: np.ndarray
    owners: np.ndarray
    examples: list[Example]

    def arrays(self) -> tuple[np.ndarray, ...]:
        return (
            self.tokens,
            self.positions,
            self.segments,
            self.places,
            self.wanted,
            self.owners,
        )


class Packer:
    """Fills rows of `length` tokens with whole examples."""

    def __init__(self, rows: int, length: int):
        self.rows, self.length = rows, length
        # A little more than answers take on the average.
        self.max_places = rows * length // 3
        self.clear()

    def clear(self) -> None:
        shape = (self.rows, self.length)
        self.tokens = np.full(shape, PADDING, np.int32)
        self.positions = np.zeros(shape, np.int32)
        self.segments = np.full(shape, -1, np.int32)
        self.used = np.zeros(self.rows, np.int32)
        self.places: list[int] = []
        self.wanted: list[int] = []
        self.owners: list[int] = []
        self.examples: list[Example] = []

    def add(self, example: Example) -> bool:
        """Puts an example in the fullest row that takes it; False if none does."""
        size, answer = len(example.tokens), example.answer
        after = self.used + size
        fits = after <= self.length
        if not fits.any() or len(self.places) + size - answer > self.max_places:
            return False
        row = int(np.where(fits, after, -1).argmax())
        start = int(self.used[row])
        place = slice(start, start + size)
        self.tokens[row, place] = example.tokens
        self.positions[row, place] = np.arange(size)
        self.segments[row, place] = len(self.examples)
        first = row * self.length + start
        self.places += range(first + answer - 1, first + size - 1)
        self.wanted += example.tokens[answer:].tolist()
        self.owners += [len(self.examples)] * (size - answer)
        self.used[row] += size
        self.examples.append(example)
        return True

    def take(self) -> Batch:
        """The batch so far; the next one begins empty."""

        def filled(values: list[int], rest: int) -> np.ndarray:
            out = np.full(self.max_places, rest, np.int32)
            out[: len(values)] = values
            return out

        batch = Batch(
            self.tokens,
            self.positions,
            self.segments,
            filled(self.places, 0),
            filled(self.wanted, PADDING),
            filled(self.owners, -1),
            self.examples,
        )
        self.clear()
        return batch


def batches(examples: Iterable[Example], rows: int, length: int) -> Iterator[Batch]:
    """Packs all examples that are not longer than a row, in their order."""
    packer = Packer(rows, length)
    for example in examples:
        if len(example.tokens) > length:
            continue
        if not packer.add(example):
            yield packer.take()
            packer.add(example)
    if packer.examples:
        yield packer.take()
