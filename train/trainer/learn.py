"""One step of learning, and measuring what has been learnt."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import model
from shape import Shape


class State(NamedTuple):
    """What a step changes. `slots` are the embeddings of the tokens that are new."""

    params: model.Params
    moments: Any


def whole(params: model.Params, embedding: jax.Array) -> model.Params:
    """All weights: the base model's embedding is frozen, so that a word never seen in
    training keeps its meaning; only the rows of the specials and slots are learnt."""
    own = params["own_embd"]
    rest = {name: value for name, value in params.items() if name != "own_embd"}
    return rest | {"token_embd": jnp.concatenate((own, embedding[own.shape[0] :]))}


def by_example(each: jax.Array, owners: jax.Array, most: int) -> jax.Array:
    """Means over the tokens of each example; numbers above the last one's are NaN."""
    sums = jax.ops.segment_sum(each, owners, most)
    return sums / jax.ops.segment_sum(jnp.ones_like(each), owners, most)


def losses(
    params: model.Params,
    embedding: jax.Array,
    shape: Shape,
    batch: tuple[jax.Array, ...],
    frozen: int = 0,
) -> tuple[jax.Array, jax.Array]:
    """Negative log likelihood of each wanted token, and whether it came first."""
    tokens, positions, segments, places, wanted, _ = batch
    weights = whole(params, embedding)
    states = model.hidden(weights, shape, tokens, positions, segments, frozen)
    states = states.reshape(-1, shape.width)[places]
    scores = model.logits(weights, states)
    right = jnp.take_along_axis(scores, wanted[:, None], axis=-1)[:, 0]
    return jax.nn.logsumexp(scores, axis=-1) - right, right >= scores.max(axis=-1)


def optimizer(peak: float, warmup: int) -> optax.GradientTransformation:
    """AdamW with clipped gradients. The rate is `peak` times what a step is told."""
    rise = optax.linear_schedule(0.0, peak, warmup)
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.scale_by_adam(b1=0.9, b2=0.98, eps=1e-8),
        optax.add_decayed_weights(0.01, mask=lambda p: jax.tree.map(lambda x: x.ndim > 1, p)),
        optax.scale_by_schedule(lambda count: -rise(count)),
    )


def is_frozen(name: str, frozen: int) -> bool:
    """Whether a weight belongs to the first `frozen` layers."""
    parts = name.split(".")
    return parts[0] == "blk" and int(parts[1]) < frozen


@functools.partial(jax.jit, static_argnums=(2, 3, 4), donate_argnums=0)
def step(
    state: State,
    embedding: jax.Array,
    shape: Shape,
    rule: optax.GradientTransformation,
    frozen: int,
    batch: tuple[jax.Array, ...],
    rate: jax.Array,
) -> tuple[State, jax.Array]:
    """Learns from one batch at `rate` (0..1) of the peak; not in the `frozen` first layers.

    Returns the mean loss of each of its examples, as it was before.
    """
    owners = batch[-1]

    def mean(params: model.Params) -> tuple[jax.Array, jax.Array]:
        each, _ = losses(params, embedding, shape, batch, frozen)
        return jnp.where(owners >= 0, each, 0).sum() / (owners >= 0).sum(), each

    gradient, each = jax.grad(mean, has_aux=True)(state.params)
    updates, moments = rule.update(gradient, state.moments, state.params)
    updates = {
        name: jnp.zeros_like(update) if is_frozen(name, frozen) else update * rate
        for name, update in updates.items()
    }
    return State(optax.apply_updates(state.params, updates), moments), by_example(
        each, owners, each.size
    )


@functools.partial(jax.jit, static_argnums=2)
def measure(
    params: model.Params, embedding: jax.Array, shape: Shape, batch: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
    """See `losses`; nothing is learnt."""
    return losses(params, embedding, shape, batch)
