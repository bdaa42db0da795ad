"""What the scripts that make random checkpoints share: saving, loading in float64, comparing."""

import json
import os
import pathlib
import shutil

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import torch
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "model" / "testdata"
TOLERANCE = 2e-4  # of max(1, max |reference|), what the Go side is held to
NOTICEABLE = 1e-3  # what a wrong activation or epsilon must change at least
FLOAT32_ERROR = 2e-5  # what float32 arithmetic may cost


def outputs(model, inputs):
    with torch.no_grad():
        o = model(**inputs, output_hidden_states=True)
    arrays = {"hidden_states": torch.stack(o.hidden_states)}
    for to, names in {"logits": ("logits", "prediction_logits"), "pooler_output": ("pooler_output",)}.items():
        for name in names:
            if getattr(o, name, None) is not None:
                arrays[to] = getattr(o, name)
    return arrays


def difference(a, b, mask):
    """Largest difference over all arrays and real tokens, of max(1, max |b|)."""
    worst = 0.0
    for name in b:
        x, y = a[name].double(), b[name].double()
        if name == "hidden_states":
            x, y = x[:, mask], y[:, mask]
        elif name == "logits":
            x, y = x[mask], y[mask]
        worst = max(worst, ((x - y).abs().max() / max(1.0, y.abs().max())).item())
    return worst


def load(cls, folder, dtype, **options):
    model, info = cls.from_pretrained(
        folder, attn_implementation="eager", output_loading_info=True, local_files_only=True, dtype=torch.float32, **options
    )
    missing = set(info["missing_keys"])
    assert not missing and not info["mismatched_keys"], (folder, info)
    return model.to(dtype).eval()


def with_config(cls, model, **changes):
    """The same weights under another configuration."""
    config = type(model.config).from_dict({**model.config.to_dict(), **changes})
    config._attn_implementation = "eager"
    kinds = dict(add_pooling_layer=model.pooler is not None) if hasattr(model, "pooler") else {}
    if getattr(getattr(model, "embeddings", None), "mask_token", None) is not None:
        kinds["use_mask_token"] = True
    twin = cls(config, **kinds).double().eval()
    twin.load_state_dict(model.state_dict())
    return twin


def rewrite(folder, change):
    """Rewrites model.safetensors through change(dict) -> dict."""
    path = folder / "model.safetensors"
    tensors = change(load_file(path))
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, path, metadata={"format": "pt"})


def edit_config(folder, **changes):
    """Changes options of config.json; None takes one out."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for key, value in changes.items():
        if value is None:
            config.pop(key, None)
        else:
            config[key] = value
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def fill(model, seed, up, down, tables):
    """Fills every parameter of a model whose blocks normalize first, as randomize of models.py does.

    Up and down name the two maps of the feed-forward layer, tables what is no matrix but rows."""
    norms = {n + ".weight" for n, m in model.named_modules() if isinstance(m, torch.nn.LayerNorm)}
    transposed = {n + ".weight" for n, m in model.named_modules() if type(m).__name__ == "Conv1D"}
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        noise = torch.randn(p.shape, generator=g, dtype=torch.float64)
        if name in norms:
            value = 1 + 0.3 * noise
        elif any(t in name for t in tables):
            value = noise
        elif name.endswith(tuple(u + ".bias" for u in up)):
            value = 0.5 * noise - 2
        elif p.ndim >= 2:
            inputs = p.shape[0] if name in transposed else p[0].numel()
            gains = {0.8: up, 12.0: down}
            gain = next((g for g, maps in gains.items() if name.endswith(tuple(m + ".weight" for m in maps))), 1.5)
            value = noise * gain / inputs**0.5
        else:
            value = 0.4 * noise
        with torch.no_grad():
            p.copy_(value.to(p.dtype))


class float64_softmax:
    """Keeps transformers from taking the softmax of float64 in float32."""

    def __enter__(self):
        self.softmax = torch.nn.functional.softmax

        def softmax(x, dim=None, dtype=None, **kw):
            return self.softmax(x, dim=dim, dtype=x.dtype if x.dtype == torch.float64 else dtype, **kw)

        torch.nn.functional.softmax = softmax

    def __exit__(self, *_):
        torch.nn.functional.softmax = self.softmax


def noticed(cls, model, run, want, distance, changes, name):
    """Refuses weights under which a wrong option would go unnoticed, or that are ill-conditioned."""
    assert all(torch.isfinite(a).all() for a in want.values())
    seen = []
    for key, value in changes.items():
        if getattr(model.config, key) == value:
            continue
        d = distance(run(with_config(cls, model, **{key: value})), want)
        assert d > NOTICEABLE, f"{name}: {key} {value} changes only {d:.1e}"
        seen.append(f"{key} {value} changes {d:.1e}")
    e = distance(run(with_config(cls, model).float()), want)
    assert e < 2 * FLOAT32_ERROR, f"{name}: float32 is off by {e:.1e}"
    return "; ".join([*seen, f"float32 changes {e:.1e}"])


def finish(folder, inputs, want, found):
    arrays = {**inputs, **{k: v.float().contiguous() for k, v in want.items()}}
    save_file(arrays, folder / "reference.safetensors")
    print(f"{folder.name}: " + ", ".join(f"{k} {list(v.shape)}" for k, v in want.items()) + f"; {found}")
