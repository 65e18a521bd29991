"""Fast checks on small made-up models: `python -m pytest train/trainer`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gguf import GGUFReader

import checkpoint
import data
import export
import learn
import score
import vocabulary
from order import Order
from shape import Shape

SHAPE = Shape(layers=2, width=64, heads=4, kv_heads=2, inner=96, rope_base=1e4, norm_epsilon=1e-5)
LETTERS = ["Ġ", *"abcdehiklnopsy,*>=|x123456789@#%&/~$Ċ"]


def base_vocabulary() -> vocabulary.Vocabulary:
    merges = ["k i", "l l", "ki ll", "Ġ kill", "h e", "he l", "hel p", "x x", "1 2"]
    tokens = [*vocabulary.SPECIALS, *LETTERS, *(merge.replace(" ", "") for merge in merges)]
    kinds = [vocabulary.CONTROL] * 3 + [vocabulary.NORMAL] * (len(tokens) - 3)
    return vocabulary.Vocabulary(tokens, merges, kinds)


def run() -> checkpoint.Run:
    texts = [" kill @1 help"] * 3
    trimmed, sources = vocabulary.trim(base_vocabulary(), texts, common=0)
    keys = iter(jax.random.split(jax.random.key(1), 99))

    def matrix(*size: int) -> jax.Array:
        return jax.random.normal(next(keys), size) / size[0] ** 0.5

    width, narrow = SHAPE.width, SHAPE.kv_heads * SHAPE.head_width
    params = {"output_norm": jnp.ones(width)}
    sizes = {
        "attn_q": (width, width),
        "attn_k": (width, narrow),
        "attn_v": (width, narrow),
        "attn_output": (width, width),
        "ffn_gate": (width, SHAPE.inner),
        "ffn_up": (width, SHAPE.inner),
        "ffn_down": (SHAPE.inner, width),
        "attn_norm": (),
        "ffn_norm": (),
    }
    for layer in range(SHAPE.layers):
        for name, size in sizes.items():
            params[f"blk.{layer}.{name}"] = matrix(*size) if size else jnp.ones(width)
    embedding = matrix(len(base_vocabulary().tokens), width)[sources].mean(axis=1)
    own = sum(kind != vocabulary.NORMAL for kind in trimmed.kinds)
    return checkpoint.Run(SHAPE, trimmed, embedding, params | {"own_embd": embedding[:own]})


def examples(of: checkpoint.Run) -> list[data.Example]:
    asked = ["kill @1", "help", "help @1 and @2 | @1 x2", "please kill $1", "kill all"]
    answers = ["kill @1", "ask", "help @1,@2", "kill $1", "kill *"]
    records = [
        {"input": a, "output": b, "pattern": f"made-1.txt:{i}"}
        for i, (a, b) in enumerate(zip(asked, answers, strict=True))
    ]
    return data.encode(records, of.vocabulary.tokenizer())


def test_trimming_keeps_what_makes_a_token_and_drops_the_rest():
    tokens = run().vocabulary.tokens
    for part in ("ki", "ll", "kill", "Ġkill", "he", "hel", "help"):
        assert part in tokens
    assert "xx" not in tokens
    assert all(letter in tokens for letter in LETTERS), "anything can still be spelt"


def test_a_slot_is_one_token_with_or_without_a_space():
    own = run().vocabulary
    cut = own.tokenizer().encode(" kill @1,@2 $9").ids
    assert [own.tokens[i] for i in cut if own.tokens[i] in vocabulary.SLOTS] == [
        " @1",
        "@2",
        " $9",
    ]


def test_an_example_scores_alone_as_it_does_among_others():
    own = run()
    together = score.verdicts(own.params, own.embedding, SHAPE, data.batches(examples(own), 2, 64))
    assert len(together) == 5
    for example, _, loss in together:
        alone = data.batches([example], 1, 64)
        ((_, _, expected),) = score.verdicts(own.params, own.embedding, SHAPE, alone)
        assert loss == pytest.approx(expected, rel=1e-4)


def test_every_answer_token_is_wanted_where_the_one_before_it_stands():
    own = run()
    for batch in data.batches(examples(own), 2, 64):
        flat = batch.tokens.reshape(-1)
        there = batch.owners >= 0
        assert (flat[batch.places[there] + 1] == batch.wanted[there]).all()
        answers = sum(len(e.tokens) - e.answer for e in batch.examples)
        assert there.sum() == answers


def test_too_long_an_example_is_left_out_and_nothing_else():
    own = run()
    all_of = examples(own)
    long = data.Example(np.zeros(65, np.int32), 3, "made-1.txt:99")
    packed = [e for b in data.batches([*all_of, long], 1, 64) for e in b.examples]
    assert len(packed) == len(all_of)


def taught(own: checkpoint.Run, batch: data.Batch, steps: int, frozen: int = 0) -> learn.State:
    rule = learn.optimizer(3e-3, 5)
    # A step consumes the state it is given; the parameters are needed once more.
    state = learn.State(jax.tree.map(jnp.copy, own.params), rule.init(own.params))
    for _ in range(steps):
        state, _ = learn.step(
            state, own.embedding, SHAPE, rule, frozen, batch.arrays(), jnp.float32(1.0)
        )
    return state


def test_it_learns_a_handful_by_heart():
    own = run()
    (batch,) = data.batches(examples(own), 4, 64)
    state = taught(own, batch, steps=60)

    def right(params: dict[str, jax.Array]) -> int:
        return sum(ok for _, ok, _ in score.verdicts(params, own.embedding, SHAPE, [batch]))

    assert right(own.params) == 0
    assert right(state.params) == 5


def test_frozen_layers_stay_as_they_are_and_the_others_learn():
    own = run()
    (batch,) = data.batches(examples(own), 4, 64)
    state = taught(own, batch, steps=5, frozen=1)
    same = {name: bool((state.params[name] == value).all()) for name, value in own.params.items()}
    assert all(same[name] for name in same if name.startswith("blk.0."))
    assert not any(same[name] for name in same if name.startswith("blk.1."))


def test_known_patterns_come_less_often_but_come():
    own = run()
    order = Order(examples(own), seed=1)
    stream = iter(order)
    seen = []
    for _ in range(400):
        example = next(stream)
        order.note(example, 0.0 if example.pattern.endswith(":0") else 1.0)
        seen.append(example.pattern)
    often = [seen.count(f"made-1.txt:{i}") for i in range(5)]
    assert 0 < often[0] < min(often[1:]) / 2


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    own = run()
    rule = learn.optimizer(1e-3, 5)
    state = learn.State(own.params, rule.init(own.params))
    own.save(tmp_path, state)
    back = checkpoint.load(tmp_path)
    assert back.shape == SHAPE
    assert back.vocabulary == own.vocabulary
    assert all((back.params[name] == value).all() for name, value in own.params.items())
    assert len(back.moments) == len(jax.tree.leaves(state.moments))


def test_the_file_says_what_llama_cpp_and_the_agent_have_to_know(tmp_path):
    own = run()
    path = tmp_path / "made.gguf"
    export.write(own, path, "q8_0", "made")
    reader = GGUFReader(path)
    has = {name: field.contents() for name, field in reader.fields.items()}
    assert has["proviso.short_form"] == 1
    assert has["general.license"] == "apache-2.0"
    assert has["llama.block_count"] == SHAPE.layers
    assert has["tokenizer.ggml.tokens"] == own.vocabulary.tokens
    assert has["tokenizer.ggml.add_bos_token"] is False
    shapes = {tensor.name: tuple(tensor.shape) for tensor in reader.tensors}
    assert shapes["blk.1.ffn_down.weight"] == (SHAPE.inner, SHAPE.width)
    assert len(shapes) == 2 + 9 * SHAPE.layers
