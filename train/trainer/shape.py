"""The shape of a Llama model, as its GGUF metadata states it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """Sizes that the forward pass needs. Hashable, so that JAX may specialise on it."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    inner: int
    rope_base: float
    norm_epsilon: float

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @classmethod
    def from_metadata(cls, metadata: dict[str, Any], layers: int) -> "Shape":
        """The shape of the first `layers` layers of the model that has this metadata."""
        has = metadata["llama.block_count"]
        if not 0 < layers <= has:
            raise ValueError(f"{layers} layers asked for, the base model has {has}")
        return cls(
            layers=layers,
            width=metadata["llama.embedding_length"],
            heads=metadata["llama.attention.head_count"],
            kv_heads=metadata["llama.attention.head_count_kv"],
            inner=metadata["llama.feed_forward_length"],
            rope_base=metadata["llama.rope.freq_base"],
            norm_epsilon=metadata["llama.attention.layer_norm_rms_epsilon"],
        )
