"""What a run needs to go on: vocabulary, frozen embedding, weights, moments."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import base
import learn
import vocabulary
from shape import Shape

STATE, FROZEN = "state.npz", "frozen.npz"


@dataclass
class Run:
    """A model in training."""

    shape: Shape
    vocabulary: vocabulary.Vocabulary
    embedding: jax.Array
    params: dict[str, jax.Array]
    # The optimiser's moments as a flat list; nothing before the first step.
    moments: list[np.ndarray] | None = None

    def go_on_from(self, other: "Run") -> None:
        """Takes over what another run has learnt."""
        if self.shape != other.shape:
            raise ValueError(f"the checkpoint is of {other.shape}, asked for is {self.shape}")
        self.params, self.moments = other.params, other.moments

    def save(self, folder: Path, state: learn.State) -> None:
        """Writes aside and renames, so that there is always a whole one."""
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / "partial.npz"
        leaves = jax.tree.leaves(state.moments)
        arrays = {f"param.{name}": np.asarray(value) for name, value in state.params.items()}
        arrays |= {f"moment.{i:04}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
        np.savez(aside, **arrays)
        aside.rename(folder / STATE)
        frozen = {"shape": asdict(self.shape), "vocabulary": asdict(self.vocabulary)}
        np.savez(folder / FROZEN, embedding=self.embedding, rest=json.dumps(frozen))


def load(folder: Path) -> Run:
    """Loads what `Run.save` wrote."""
    with np.load(folder / FROZEN) as file:
        embedding, frozen = jnp.asarray(file["embedding"]), json.loads(str(file["rest"]))
    with np.load(folder / STATE) as file:
        params = {
            name.removeprefix("param."): jnp.asarray(file[name])
            for name in file.files
            if name.startswith("param.")
        }
        moments = [file[name] for name in sorted(file.files) if name.startswith("moment.")]
    return Run(
        Shape(**frozen["shape"]),
        vocabulary.Vocabulary(**frozen["vocabulary"]),
        embedding,
        params,
        moments,
    )


def begin(path: Path, layers: int, texts: list[str], common: int) -> Run:
    """A new run: the base model's first layers, its vocabulary trimmed to the texts."""
    source = base.load(path, layers)
    trimmed, sources = vocabulary.trim(vocabulary.of_base(source.metadata), texts, common)
    weights = {name: jnp.asarray(value) for name, value in source.weights.items()}
    embedding = weights.pop("token_embd")[sources].mean(axis=1)
    own = sum(kind != vocabulary.NORMAL for kind in trimmed.kinds)
    return Run(source.shape, trimmed, embedding, weights | {"own_embd": embedding[:own]})
