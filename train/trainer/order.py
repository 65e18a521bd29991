"""In what order examples are learnt: every pattern alike, known ones less often."""

import random
from collections import defaultdict
from collections.abc import Iterator

from data import Example


class Order:
    """Goes round all patterns, one example of each, again and again.

    What a pattern's last example cost when it was learnt from says how well the model
    knew it beforehand. Known patterns are passed over most of the times, so the time
    goes where there is something to learn; never always, so nothing is forgotten.
    """

    # From this loss on (mean of an answer's tokens) a pattern is taken every time.
    UNKNOWN = 0.1
    LEAST = 0.15

    def __init__(self, examples: list[Example], seed: int):
        self.dice = random.Random(seed)
        self.examples: dict[str, list[Example]] = defaultdict(list)
        for example in examples:
            self.examples[example.pattern].append(example)
        for own in self.examples.values():
            self.dice.shuffle(own)
        self.taken: dict[str, int] = defaultdict(int)
        self.loss: dict[str, float] = {}

    def note(self, example: Example, loss: float) -> None:
        """Remembers what an example cost."""
        self.loss[example.pattern] = loss

    def chance(self, pattern: str) -> float:
        """How likely the next example of a pattern is taken."""
        known = self.loss.get(pattern, self.UNKNOWN) / self.UNKNOWN
        return min(1.0, max(self.LEAST, known))

    def __iter__(self) -> Iterator[Example]:
        patterns = list(self.examples)
        while True:
            self.dice.shuffle(patterns)
            for pattern in patterns:
                if self.dice.random() > self.chance(pattern):
                    continue
                own = self.examples[pattern]
                yield own[self.taken[pattern] % len(own)]
                self.taken[pattern] += 1
