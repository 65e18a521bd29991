"""Trains: `python train.py --help`. One command does all: ../train.sh."""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import checkpoint
import data
import learn
import score
from order import Order

ROW_TOKENS = 128
WARMUP_STEPS = 30


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fine-tunes a cut-down model on JSONL examples.")
    parser.add_argument("--base", type=Path, required=True, help="GGUF to begin with")
    parser.add_argument("--data", type=Path, required=True, nargs="+")
    parser.add_argument("--valid", type=Path, help="examples of patterns not trained on")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    parser.add_argument("--resume", type=Path, help="folder of checkpoints to go on from")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--common", type=int, default=8000, help="frequent tokens always kept")
    parser.add_argument("--minutes", type=float, default=70, help="wall clock")
    parser.add_argument("--hold", type=float, default=0.6, help="part of the time before decay")
    parser.add_argument("--peak", type=float, default=5e-4)
    parser.add_argument("--end", type=float, default=0.0, help="last rate, as a part of the peak")
    parser.add_argument("--frozen", type=int, default=0, help="first layers that learn nothing")
    parser.add_argument("--rows", type=int, default=12, help="rows of 128 tokens a step")
    parser.add_argument("--valid-minutes", type=float, default=10)
    parser.add_argument("--valid-count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def rate_at(done: float, hold: float, end: float) -> float:
    """The learning rate when a part `done` of the time is over, as a part of the peak."""
    return 1.0 if done < hold else end + (1 - end) * max(0.0, (1 - done) / (1 - hold))


def validate(run: checkpoint.Run, state: learn.State, examples: list[data.Example], args) -> None:
    batches = data.batches(examples, args.rows, ROW_TOKENS)
    print(score.table(score.verdicts(state.params, run.embedding, run.shape, batches)), flush=True)


def main() -> None:
    args = arguments()
    records = [record for path in args.data for record in data.read(path)]
    held_out = data.read(args.valid)[: args.valid_count] if args.valid else []
    texts = [record[part] for record in records for part in ("input", "output")]
    run = checkpoint.begin(args.base, args.layers, texts, args.common)
    if args.resume:
        # The vocabulary is trimmed anew: nothing that is learnt depends on it.
        run.go_on_from(checkpoint.load(args.resume))
    tokenizer = run.vocabulary.tokenizer()
    examples = data.encode(records, tokenizer)
    held_out = data.encode(held_out, tokenizer)
    mean = np.mean([len(example.tokens) for example in examples])
    answer = np.mean([len(example.tokens) - example.answer for example in examples])
    print(f"{len(examples)} examples of {mean:.1f} tokens, {answer:.1f} of them answer;")
    print(f"{len(run.vocabulary.tokens)} tokens in the vocabulary", flush=True)

    rule = learn.optimizer(args.peak, WARMUP_STEPS)
    moments = rule.init(run.params)
    if run.moments is not None:
        moments = jax.tree.unflatten(jax.tree.structure(moments), map(jnp.asarray, run.moments))
    state = learn.State(run.params, moments)
    run.params = {}
    order = Order(examples, args.seed)

    begin = time.monotonic()
    budget = args.minutes * 60
    next_valid = min(args.valid_minutes * 60, budget)
    shown, learnt, tokens, recent = begin, 0, 0, []
    for number, batch in enumerate(data.batches(order, args.rows, ROW_TOKENS)):
        now = time.monotonic()
        rate = rate_at((now - begin) / budget, args.hold, args.end)
        state, cost = learn.step(
            state, run.embedding, run.shape, rule, args.frozen, batch.arrays(), jnp.float32(rate)
        )
        cost = np.asarray(cost)[: len(batch.examples)]
        for example, loss in zip(batch.examples, cost, strict=True):
            order.note(example, float(loss))
            recent.append(loss)
        learnt += len(batch.examples)
        tokens += int((batch.segments >= 0).sum())
        now = time.monotonic()
        if now - shown > 30:
            shown, minutes = now, (now - begin) / 60
            speed = tokens / (now - begin)
            print(
                f"{minutes:5.1f} min, step {number}, {learnt} examples, {speed:.0f} tokens/s,"
                f" rate {rate * args.peak:.1e}, loss {np.mean(recent):.4f}",
                flush=True,
            )
            recent = []
        if now - begin >= next_valid:
            run.save(args.out, state)
            if held_out:
                validate(run, state, held_out, args)
            next_valid += args.valid_minutes * 60
        if now - begin >= budget:
            break
    run.save(args.out, state)
    if held_out:
        validate(run, state, held_out, args)


if __name__ == "__main__":
    main()
