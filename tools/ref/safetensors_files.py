"""Golden files for package safetensors, written by the reference library.

    python tools/ref/safetensors_files.py        # safetensors/testdata/

every_type.safetensors   a tensor of every type that PyTorch has, named after it, with a matrix, a single
                         number and an empty tensor
exact.safetensors        what safetensors.Write must reproduce byte for byte
sharded/                 a checkpoint in shards with its index, as save_pretrained leaves it

Made with torch 2.15.0, safetensors 0.8.0, huggingface_hub as transformers requires it.
"""

import pathlib
import shutil

import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "safetensors" / "testdata"

# Each float type gets what is hard in float16: halves, the largest number, subnormals, infinities, NaN.
FLOATS = [0.0, -0.0, 1.0, -2.5, 65504.0, 6.103515625e-05, 5.9604644775390625e-08, -3.0517578125e-05,
          float("inf"), float("-inf"), float("nan"), 1 / 3]


def every_type():
    """Values are the same for all types of a kind, as far as the type holds them."""
    tensors = {
        "matrix": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "scalar": torch.tensor(3.5, dtype=torch.float64),
        "empty": torch.zeros(0, 4),
        "BOOL": torch.tensor([True, False, True]),
    }
    for name, dtype in {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16,
                        "BF16": torch.bfloat16}.items():
        tensors[name] = torch.tensor(FLOATS, dtype=torch.float64).to(dtype)
    for name in ["I8", "I16", "I32", "I64"]:
        bits = int(name[1:])
        tensors[name] = torch.tensor([0, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))],
                                     dtype=getattr(torch, f"int{bits}"))
    for name in ["U8", "U16", "U32", "U64"]:
        bits = int(name[1:])
        tensors[name] = torch.tensor([0, 1, 2 ** (bits - 1) - 1], dtype=torch.int64).to(
            getattr(torch, f"uint{bits}"))
    tensors["F8_E4M3"] = torch.tensor([1.0, -2.0]).to(torch.float8_e4m3fn)
    tensors["F8_E5M2"] = torch.tensor([1.0, -2.0]).to(torch.float8_e5m2)
    tensors["C64"] = torch.tensor([1 + 2j])
    return tensors


def exact():
    """One type per width: among types of one width the reference library has an order of its own."""
    return {
        "wide": torch.tensor([[1.0, -2.0], [3.5, 1e300]], dtype=torch.float64),
        "b": torch.arange(5, dtype=torch.float32) / 7,
        "a": torch.tensor(2.0, dtype=torch.float32),
        "half \"quoted\" <&> \u00e9": torch.tensor([[0.1], [-65504.0], [1e-7]], dtype=torch.float16),
        "bytes": torch.tensor([1, 2, 255], dtype=torch.uint8),
    }


def sharded():
    return {f"layer.{i}.weight": torch.full((4, 4), float(i)) for i in range(5)}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    save_file(every_type(), OUT / "every_type.safetensors", metadata={"format": "pt", "greeting": "h\u00e9llo"})
    save_file(exact(), OUT / "exact.safetensors", metadata={"format": "pt"})
    shutil.rmtree(OUT / "sharded", ignore_errors=True)
    (OUT / "sharded").mkdir()
    save_torch_state_dict(sharded(), OUT / "sharded", max_shard_size=150)


if __name__ == "__main__":
    main()
