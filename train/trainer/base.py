"""Reads the base model: metadata, vocabulary and weights of a GGUF file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, dequantize

from shape import Shape

# By the names of GGUF files, without "weight": `token_embd`, `blk.3.attn_q`...
Weights = dict[str, np.ndarray]

# Of each layer: the names of its matrices in a GGUF file. Stored [outputs, inputs].
MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
NORMS = ("attn_norm", "ffn_norm")


@dataclass
class Base:
    """A model as it came: nothing trimmed yet."""

    metadata: dict[str, Any]
    shape: Shape
    weights: Weights


def load(path: Path, layers: int) -> Base:
    """Loads the first `layers` layers of a Llama model, as f32.

    Matrices become [inputs, outputs].
    """
    reader = GGUFReader(path)
    metadata = {name: field.contents() for name, field in reader.fields.items()}
    if metadata["general.architecture"] != "llama":
        raise ValueError(f"{path}: not a Llama model but {metadata['general.architecture']}")
    shape = Shape.from_metadata(metadata, layers)
    stored = {tensor.name: tensor for tensor in reader.tensors}

    def read(name: str) -> np.ndarray:
        tensor = stored[name + ".weight"]
        return np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)

    weights = {"token_embd": read("token_embd"), "output_norm": read("output_norm")}
    for layer in range(layers):
        for name in MATRICES:
            weights[f"blk.{layer}.{name}"] = read(f"blk.{layer}.{name}").T
        for name in NORMS:
            weights[f"blk.{layer}.{name}"] = read(f"blk.{layer}.{name}")
    return Base(metadata, shape, weights)
