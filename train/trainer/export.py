"""Writes a trained model as GGUF: `python export.py CHECKPOINTS OUT.gguf`."""

import argparse
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, RopeScalingType, quantize

import checkpoint
import learn
import vocabulary

KINDS = {
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "q5_1": (GGMLQuantizationType.Q5_1, LlamaFileType.MOSTLY_Q5_1),
    "q4_0": (GGMLQuantizationType.Q4_0, LlamaFileType.MOSTLY_Q4_0),
}
# Five bits do for the embedding (measured on an earlier checkpoint), four lose accuracy.
EMBEDDING = GGMLQuantizationType.Q5_1
# Longest prompt and answer that make sense; positions beyond it were never trained.
CONTEXT_TOKENS = 512


def describe(writer: GGUFWriter, run: checkpoint.Run, name: str) -> None:
    """Who it is and what shape it has."""
    shape = run.shape
    writer.add_name(name)
    writer.add_description("Turns requests to the Proviso operating system into short plans")
    writer.add_license("apache-2.0")
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, "SmolLM2-135M-Instruct")
    writer.add_base_model_organization(0, "HuggingFaceTB")
    writer.add_uint32("proviso.short_form", 1)
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_scaling_type(RopeScalingType.NONE)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)


def spell(writer: GGUFWriter, tokens: vocabulary.Vocabulary) -> None:
    """The tokenizer."""
    writer.add_vocab_size(len(tokens.tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens.tokens)
    writer.add_token_types(tokens.kinds)
    writer.add_token_merges(tokens.merges)
    writer.add_bos_token_id(tokens.tokens.index("<|im_start|>"))
    writer.add_eos_token_id(vocabulary.END)
    writer.add_unk_token_id(vocabulary.PADDING)
    writer.add_pad_token_id(vocabulary.PADDING)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)


def write(run: checkpoint.Run, path: Path, kind: str, name: str) -> None:
    """Writes the model with its matrices in one encoding. Norms stay as they are."""
    encoding, file_type = KINDS[kind]
    writer = GGUFWriter(path, "llama")
    describe(writer, run, name)
    spell(writer, run.vocabulary)
    writer.add_file_type(file_type)
    writer.add_quantization_version(2)
    for tensor, value in learn.whole(run.params, run.embedding).items():
        array = np.asarray(value, np.float32)
        if array.ndim == 1:
            writer.add_tensor(f"{tensor}.weight", array)
            continue
        if tensor != "token_embd":
            array = np.ascontiguousarray(array.T)
        own = EMBEDDING if tensor == "token_embd" and kind != "f32" else encoding
        writer.add_tensor(f"{tensor}.weight", quantize(array, own), raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a trained model as a GGUF file.")
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", choices=KINDS, default="q8_0")
    parser.add_argument("--name", default="Proviso planner")
    args = parser.parse_args()
    write(checkpoint.load(args.checkpoints), args.out, args.kind, args.name)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
