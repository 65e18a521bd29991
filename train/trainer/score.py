"""Accuracy: how many answers come out exactly as wanted, by the tag of their pattern."""

from collections import Counter
from collections.abc import Iterable

import jax
import numpy as np

import data
import learn
from shape import Shape


def tag(pattern: str) -> str:
    """`multi` of `w3/multi-2.txt:17`."""
    return pattern.split(":")[0].split("/")[-1].split("-")[0].removesuffix(".txt")


def verdicts(
    params: dict[str, jax.Array],
    embedding: jax.Array,
    shape: Shape,
    batches: Iterable[data.Batch],
) -> list[tuple[data.Example, bool, float]]:
    """Each example, whether greedy decoding gives its answer, and its mean loss.

    An answer is given exactly when each of its tokens comes first after those before
    it, so one pass over the right answer tells.
    """
    out = []
    for batch in batches:
        loss, first = learn.measure(params, embedding, shape, batch.arrays())
        loss, first = np.asarray(loss), np.asarray(first)
        for number, example in enumerate(batch.examples):
            own = batch.owners == number
            out.append((example, bool(first[own].all()), float(loss[own].mean())))
    return out


def table(results: Iterable[tuple[data.Example, bool, float]]) -> str:
    """Right and all of each tag, a line each, and of everything."""
    right, of = Counter(), Counter()
    for example, is_right, _ in results:
        for name in (tag(example.pattern), "all"):
            of[name] += 1
            right[name] += is_right
    return "\n".join(
        f"{name:12} {right[name]:5} of {of[name]:5}  {100 * right[name] / of[name]:5.1f} %"
        for name in sorted(of)
    )
