"""The forward pass of a Llama model over rows of packed examples."""

import jax
import jax.numpy as jnp

from base import MATRICES, NORMS
from shape import Shape

# What a layer is made of.
LAYER = (*MATRICES, *NORMS)

Params = dict[str, jax.Array]


def norm(x: jax.Array, scale: jax.Array, epsilon: float) -> jax.Array:
    """Root-mean-square norm."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + epsilon) * scale


def rotation(positions: jax.Array, shape: Shape) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine by which the pairs of a head at `positions` [rows, tokens] turn."""
    half = shape.head_width // 2
    speed = shape.rope_base ** (-jnp.arange(half, dtype=jnp.float32) / half)
    angle = positions[:, :, None, None] * speed
    return jnp.cos(angle), jnp.sin(angle)


def rotate(x: jax.Array, turn: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Turns neighbouring numbers as pairs: how GGUF files of Llama models order them."""
    cos, sin = turn
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    return jnp.stack((a * cos - b * sin, a * sin + b * cos), axis=-1).reshape(x.shape)


def attention(
    x: jax.Array, layer: Params, shape: Shape, turn: tuple[jax.Array, jax.Array], allowed: jax.Array
) -> jax.Array:
    """Grouped-query attention; `allowed` [rows, 1, 1, to, from] says what sees what."""
    rows, tokens, _ = x.shape
    groups = shape.heads // shape.kv_heads
    q = rotate((x @ layer["attn_q"]).reshape(rows, tokens, shape.heads, -1), turn)
    k = rotate((x @ layer["attn_k"]).reshape(rows, tokens, shape.kv_heads, -1), turn)
    v = (x @ layer["attn_v"]).reshape(rows, tokens, shape.kv_heads, -1)
    q = q.reshape(rows, tokens, shape.kv_heads, groups, -1) * shape.head_width**-0.5
    score = jnp.einsum("rthgd,rshd->rhgts", q, k)
    weight = jax.nn.softmax(jnp.where(allowed, score, -1e30), axis=-1)
    mixed = jnp.einsum("rhgts,rshd->rthgd", weight, v).reshape(rows, tokens, -1)
    return mixed @ layer["attn_output"]


def hidden(
    params: Params,
    shape: Shape,
    tokens: jax.Array,
    positions: jax.Array,
    segments: jax.Array,
    frozen: int = 0,
) -> jax.Array:
    """What the last layer leaves for each token, normed. All inputs are [rows, tokens].

    A token sees the earlier ones of its own segment; examples in a row never mix.
    Nothing is learnt in the first `frozen` layers.
    """
    x = params["token_embd"][tokens]
    turn = rotation(positions, shape)
    same = segments[:, :, None] == segments[:, None, :]
    earlier = jnp.tril(jnp.ones((tokens.shape[1],) * 2, bool))
    allowed = (same & earlier)[:, None, None]
    for index in range(shape.layers):
        layer = {name: params[f"blk.{index}.{name}"] for name in LAYER}
        seen = norm(x, layer["attn_norm"], shape.norm_epsilon)
        x = x + attention(seen, layer, shape, turn, allowed)
        seen = norm(x, layer["ffn_norm"], shape.norm_epsilon)
        gated = jax.nn.silu(seen @ layer["ffn_gate"]) * (seen @ layer["ffn_up"])
        x = x + gated @ layer["ffn_down"]
        if index + 1 == frozen:
            x = jax.lax.stop_gradient(x)
    return norm(x, params["output_norm"], shape.norm_epsilon)


def logits(params: Params, states: jax.Array) -> jax.Array:
    """Scores of the next token; the embedding is used both ways (tied)."""
    return states @ params["token_embd"].T
