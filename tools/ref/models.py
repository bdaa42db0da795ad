"""Golden files for package model, from Hugging Face transformers.

    python tools/ref/models.py random            # model/testdata/<case>/ and cases.json
    python tools/ref/models.py minilm FOLDER     # model/testdata/minilm/embeddings.safetensors

`random` writes small random checkpoints as Hugging Face folders: BERT and ALBERT here, GPT-2 and
BLOOM by causal.py, ViT, DeiT and AST by patches.py. Beside each lies reference.safetensors: inputs, and outputs computed in float64 from the weights as stored.

    input_ids, attention_mask, token_type_ids   I64 [B, N]          of text; causal models have no token types
    generated                                   I64 [n]             4 tokens and their greedy continuation, of causal models
    pixel_values                                F32 [B, C, H, W]    of images
    input_values                                F32 [B, time, mel]  of sounds
    hidden_states                               F32 [L+1, B, N, D], as transformers counts them; L is the
                                                number of blocks that run
    last_hidden_state                           F32 [B, N, D]       where it is not the last of hidden_states
    logits                                      F32 [B, N, V]       where there are logits of words
                                                F32 [B, labels]     where there is a classifier of images or sounds
    pooler_output                               F32 [B, D]          where there is a pooler
    pooled, embeddings                          F32 [n, D]          in sentence-transformers folders: of texts.txt,
                                                before and after the module Normalize

Where attention_mask is 0 the outputs are what transformers leaves there, and mean nothing.
Weights are large on purpose: the script refuses to write a case in which gelu taken for gelu_new
(or the reverse) would go unnoticed. Versions and commands are in README.md.
"""

import argparse
import json
import pathlib
import zlib

import causal
import patches
from checkpoints import FLOAT32_ERROR, NOTICEABLE, OUT, TOLERANCE, difference, edit_config, fresh, load, outputs, rewrite, with_config

import torch
import transformers
from safetensors.torch import save_file
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertForPreTraining,
    AlbertModel,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertModel,
)

# Small, but no two sizes equal where a mix-up would then go unnoticed.
BERT = dict(
    vocab_size=64, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=20, type_vocab_size=2, hidden_act="gelu", layer_norm_eps=1e-12,
)  # fmt: skip
ALBERT = dict(
    vocab_size=64, embedding_size=16, hidden_size=24, num_hidden_layers=3, num_attention_heads=3,
    intermediate_size=40, max_position_embeddings=20, hidden_act="gelu_new", layer_norm_eps=1e-12,
    bos_token_id=2, eos_token_id=3,
)  # fmt: skip


def randomize(model, seed):
    """Fills every parameter, biases and layer norms included, from one generator.

    Hidden units of the feed-forward layer sit mostly near -2, where gelu and its tanh approximation
    differ most for their size, and its output weights are large, so that the difference can be seen.
    """
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        noise = torch.randn(p.shape, generator=g, dtype=torch.float64)
        if "LayerNorm.weight" in name or "layer_norm.weight" in name:
            value = 1 + 0.3 * noise
        elif "embeddings.weight" in name:
            value = noise
        elif "intermediate.dense.bias" in name or name.endswith("ffn.bias"):
            value = 0.5 * noise - 2
        elif p.ndim == 2:
            gain = 12.0 if "output.dense" in name and "attention" not in name or "ffn_output" in name else 1.5
            value = noise * gain / p.shape[1] ** 0.5
        else:
            value = 0.4 * noise
        with torch.no_grad():
            p.copy_(value.to(p.dtype))


def padded_batch(vocab, segments, lengths, seed, left=False):
    """Random ids, in every other text of all segments; 2 begins a text and 3 ends it, padding is 0."""
    g = torch.Generator().manual_seed(seed)
    n = max(lengths)
    ids = torch.zeros(len(lengths), n, dtype=torch.int64)
    mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for i, length in enumerate(lengths):
        row = torch.randint(4, vocab, (length,), generator=g)
        row[0] = 2
        row[-1] = 3 if length > 1 else row[-1]
        at = slice(n - length, n) if left else slice(0, length)
        ids[i, at], mask[i, at] = row, 1
        types[i, at] = torch.arange(length) * segments // length if i % 2 == 0 else 0
    return dict(input_ids=ids, attention_mask=mask, token_type_ids=types)


def check(cls, model, inputs, want, folder):
    """Refuses weights under which mistakes would go unnoticed, or that are ill-conditioned.

    Returns what was found, in words."""
    mask = inputs["attention_mask"].bool()
    assert all(torch.isfinite(a).all() for a in want.values())
    seen = []
    act = model.config.hidden_act
    if act in ("gelu", "gelu_new"):
        other = {"gelu": "gelu_new", "gelu_new": "gelu"}[act]
        d = difference(outputs(with_config(cls, model, hidden_act=other), inputs), want, mask)
        assert d > NOTICEABLE, f"{folder.name}: {other} for {act} changes only {d:.1e}"
        seen.append(f"{other} for {act} changes {d:.1e}")
    if model.config.layer_norm_eps > 1e-6:
        d = difference(outputs(with_config(cls, model, layer_norm_eps=1e-12), inputs), want, mask)
        assert d > NOTICEABLE, f"{folder.name}: epsilon changes only {d:.1e}"
        seen.append(f"epsilon 1e-12 changes {d:.1e}")
    single = with_config(cls, model).float()
    e = difference(outputs(single, inputs), want, mask)
    assert e < FLOAT32_ERROR, f"{folder.name}: float32 is off by {e:.1e}"
    return "; ".join([*seen, f"float32 changes {e:.1e}"])


def old_names(tensors):
    """The names of the first BERT checkpoints, and the buffer of positions that old versions saved."""
    out = {}
    for k, v in tensors.items():
        out[k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")] = v
        if k.endswith("embeddings.position_embeddings.weight"):
            out[k.replace("position_embeddings.weight", "position_ids")] = torch.arange(v.shape[0]).expand(1, -1)
    return out


def stored_decoder(embedding, decoder, bias):
    """Adds the tied decoder and its bias, which most published checkpoints store and new versions leave out."""

    def change(tensors):
        tensors = dict(tensors)
        tensors.setdefault(decoder + ".weight", tensors[embedding])
        tensors.setdefault(decoder + ".bias", tensors[bias])
        return tensors

    return change


BERT_DECODER = stored_decoder("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder", "cls.predictions.bias")
ALBERT_DECODER = stored_decoder("albert.embeddings.word_embeddings.weight", "predictions.decoder", "predictions.bias")

CASES = [
    dict(folder="bert", cls=BertModel, about="BertModel without prefix, with pooler"),
    dict(folder="bert-no-pooler", cls=BertModel, options=dict(add_pooling_layer=False), about="no pooler"),
    dict(folder="bert-left-padding", cls=BertModel, options=dict(add_pooling_layer=False), left=True,
         about="padding on the left: a token's position is its column, not its rank among the real tokens"),
    dict(folder="bert-masked-lm", cls=BertForMaskedLM, after=BERT_DECODER,
         about="bert. prefix, cls.predictions.*, tied decoder and its bias stored"),
    dict(folder="bert-masked-lm-tied", cls=BertForMaskedLM,
         about="bert. prefix, cls.predictions.*, tied decoder not stored"),
    dict(folder="bert-masked-lm-untied", cls=BertForMaskedLM, config=dict(tie_word_embeddings=False),
         about="tie_word_embeddings false: the decoder has weights of its own"),
    dict(folder="bert-pretraining-old-names", cls=BertForPreTraining,
         after=lambda t: old_names(BERT_DECODER(t)),
         about="as google-bert/bert-base-uncased: LayerNorm.gamma/beta, I64 position_ids, pooler and cls.seq_relationship beside the masked-language-model head"),
    dict(folder="bert-gelu-new", cls=BertModel, config=dict(hidden_act="gelu_new"), about="tanh approximation of gelu"),
    dict(folder="bert-relu", cls=BertModel, config=dict(hidden_act="relu", num_hidden_layers=1), about="relu"),
    dict(folder="bert-silu", cls=BertModel, config=dict(hidden_act="silu", num_hidden_layers=1), about="silu"),
    dict(folder="bert-old-names", cls=BertModel, after=old_names,
         config_file=dict(dtype=None, gradient_checkpointing=False, position_embedding_type="absolute", transformers_version="4.8.2"),
         about="LayerNorm.gamma/beta and I64 position_ids, no prefix, configuration of the same age"),
    dict(folder="bert-sharded", cls=BertModel, shard="20KB", about="several files with an index"),
    dict(folder="bert-float16", cls=BertForMaskedLM, dtype=torch.float16, about="weights stored as float16"),
    dict(folder="bert-bfloat16", cls=BertModel, dtype=torch.bfloat16, config_file=dict(dtype=None, torch_dtype="bfloat16"),
         about="weights stored as bfloat16, torch_dtype instead of dtype in the configuration"),
    dict(folder="bert-odd", cls=BertModel, lengths=(13, 1, 6),
         config=dict(vocab_size=71, hidden_size=25, num_hidden_layers=3, num_attention_heads=5, intermediate_size=27,
                     max_position_embeddings=13, type_vocab_size=3, layer_norm_eps=0.03),
         about="odd sizes, five heads, three segments, large epsilon, text as long as there are positions, a text of one token"),
    dict(folder="albert", cls=AlbertModel, about="AlbertModel without prefix, with pooler; embedding narrower than hidden"),
    dict(folder="albert-no-pooler", cls=AlbertModel, options=dict(add_pooling_layer=False), about="no pooler"),
    dict(folder="albert-masked-lm", cls=AlbertForMaskedLM, about="albert. prefix, predictions.*, tied decoder not stored"),
    dict(folder="albert-pretraining", cls=AlbertForPreTraining, after=lambda t: {**ALBERT_DECODER(t), **positions(t)},
         about="as albert/albert-base-v2: stored decoder, pooler, sop_classifier, I64 position_ids"),
    dict(folder="albert-groups", cls=AlbertModel,
         config=dict(num_hidden_layers=5, num_hidden_groups=2, inner_group_num=2, hidden_size=16, embedding_size=8,
                     num_attention_heads=2, intermediate_size=24),
         about="five layers in two groups of two blocks each: hidden_states counts the blocks, 5*2+1"),
    dict(folder="albert-square", cls=AlbertModel, config=dict(embedding_size=24, hidden_act="gelu", layer_norm_eps=0.02),
         about="embedding as wide as hidden; exact gelu; large epsilon"),
]  # fmt: skip


def positions(tensors):
    n = tensors["albert.embeddings.position_embeddings.weight"].shape[0]
    return {"albert.embeddings.position_ids": torch.arange(n).expand(1, -1)}


def make(case, cls, options):
    """Saves one random checkpoint and returns its folder."""
    folder = OUT / case["folder"]
    fresh(folder)
    seed = zlib.crc32(case["folder"].encode())  # does not move when cases are added
    base = (AlbertConfig, ALBERT) if cls.__name__.startswith("Albert") else (BertConfig, BERT)
    config = base[0](**{**base[1], **case.get("config", {})})
    model = cls(config, **options)
    randomize(model, seed)
    if "dtype" in case:
        model = model.to(case["dtype"])
    model.save_pretrained(folder, max_shard_size=case.get("shard", "5GB"))
    if "after" in case:
        rewrite(folder, case["after"])
    edit_config(folder, **case.get("config_file", {}))
    return folder, seed


def random_models(only):
    manifest = []
    for case in CASES:
        entry = dict(folder=case["folder"], architecture=case["cls"].__name__, about=case["about"])
        manifest.append(entry)
        if only and case["folder"] not in only:
            continue
        cls, options = case["cls"], case.get("options", {})
        folder, seed = make(case, cls, options)
        model = load(cls, folder, torch.float64, **options)
        inputs = padded_batch(model.config.vocab_size, model.config.type_vocab_size, case.get("lengths", (11, 4, 7)), seed, case.get("left", False))
        want = outputs(model, inputs)
        found = check(cls, model, inputs, want, folder)
        save_file({**inputs, **{k: v.float().contiguous() for k, v in want.items()}}, folder / "reference.safetensors")
        shapes = ", ".join(f"{k} {list(v.shape)}" for k, v in want.items())
        print(f"{case['folder']}: {shapes}; {found}")
    for module in (causal, patches):
        for case in module.CASES:
            manifest.append(dict(folder=case["folder"], architecture=case["cls"].__name__, about=case["about"]))
            if not only or case["folder"] in only:
                module.make(case)
    for case in SENTENCE_CASES:
        manifest.append(dict(folder=case["folder"], architecture=case["cls"].__name__, about=case["about"]))
        if not only or case["folder"] in only:
            sentence_model(case)
    (OUT / "cases.json").write_text(json.dumps(dict(
        made_by="tools/ref/models.py random",
        torch=torch.__version__, transformers=transformers.__version__,
        tolerance=TOLERANCE,
        tolerance_of="max(1, max|reference|), per array, where attention_mask is 1",
        cases=manifest,
    ), indent=1) + "\n")  # fmt: skip


SENTENCE_CASES = [
    dict(folder="sentence-mean", cls=BertModel, pooling="mean", normalize=True,
         about="sentence-transformers: mean over real tokens, normalized"),
    dict(folder="sentence-cls", cls=BertModel, pooling="cls", normalize=True, config=dict(num_hidden_layers=1),
         about="sentence-transformers: first token, normalized"),
    dict(folder="sentence-plain", cls=BertModel, pooling="mean", normalize=False, config=dict(num_hidden_layers=1), options=dict(add_pooling_layer=False),
         about="sentence-transformers: mean, modules.json without Normalize, vocab.txt without tokenizer.json"),
]  # fmt: skip

SENTENCE_TEXTS = [
    "an astrocyte",
    "neurons and astrocytes wrap a synapse",
    "calcium, calcium!",
    "a",
    "Wörter, ÉTÉ; x 42",
    "this text is longer than the sixteen tokens that the model reads, so its end is cut off",
    "? 東",
]


def sentence_vocabulary():
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters), *"0123456789.,;!?"]
    return pieces + ["an", "and", "the", "neuron", "astro", "synapse", "calcium", "text", "##cyte", "token"]


def sentence_model(case):
    """A folder as sentence-transformers lays it out, and the embeddings of some texts."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    vocab = sentence_vocabulary()
    cls, options = case["cls"], case.get("options", {})
    folder, _ = make({**case, "config": {**case.get("config", {}), "vocab_size": len(vocab)}}, cls, options)
    index = {s: i for i, s in enumerate(vocab)}
    assert len(index) == len(vocab)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(index, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[(s, index[s]) for s in special[2:4]]
    )
    tokenizer.add_special_tokens(special)
    if case["folder"] == "sentence-plain":
        (folder / "vocab.txt").write_text("".join(s + "\n" for s in vocab))
    else:
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write = lambda name, value: (folder / name).write_text(json.dumps(value, indent=1) + "\n")
    write("tokenizer_config.json", dict(tokenizer_class="BertTokenizer", do_lower_case=True, model_max_length=20))
    write("sentence_bert_config.json", dict(max_seq_length=16, do_lower_case=False))
    modules = ["Transformer", "Pooling"] + ["Normalize"] * case["normalize"]
    paths = ["", "1_Pooling", "2_Normalize"]
    write("modules.json", [
        dict(idx=i, name=str(i), path=paths[i], type="sentence_transformers.models." + m) for i, m in enumerate(modules)
    ])  # fmt: skip
    (folder / "1_Pooling").mkdir()
    write("1_Pooling/config.json", dict(
        word_embedding_dimension=BERT["hidden_size"],
        pooling_mode_cls_token=case["pooling"] == "cls",
        pooling_mode_mean_tokens=case["pooling"] == "mean",
        pooling_mode_max_tokens=False,
        pooling_mode_mean_sqrt_len_tokens=False,
    ))  # fmt: skip
    (folder / "texts.txt").write_text("".join(s + "\n" for s in SENTENCE_TEXTS))

    model = load(cls, folder, torch.float64, **options)
    inputs = encode(tokenizer, SENTENCE_TEXTS, 16)
    want = outputs(model, inputs)
    found = check(cls, model, inputs, want, folder)
    pooled = pool(want["hidden_states"][-1], inputs["attention_mask"], case["pooling"])
    embeddings = torch.nn.functional.normalize(pooled) if case["normalize"] else pooled
    against_sentence_transformers(folder, embeddings)
    want = dict(pooled=pooled, embeddings=embeddings)
    save_file({**inputs, **{k: v.float().contiguous() for k, v in want.items()}}, folder / "reference.safetensors")
    print(f"{case['folder']}: embeddings {list(embeddings.shape)}; {found}")


def encode(tokenizer, texts, max_length):
    """Ids of texts, cut to max_length and padded to the longest."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    rows = [e.ids for e in tokenizer.encode_batch(texts)]
    n = max(map(len, rows))
    ids = torch.tensor([r + [0] * (n - len(r)) for r in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (n - len(r)) for r in rows])
    return dict(input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids))


def pool(states, mask, how):
    if how == "cls":
        return states[:, 0]
    m = mask[:, :, None].to(states.dtype)
    return (states * m).sum(1) / m.sum(1)


def against_sentence_transformers(folder, want):
    """Holds our pooling against the library whose folder layout this is."""
    from sentence_transformers import SentenceTransformer

    texts = (folder / "texts.txt").read_text().splitlines()
    got = torch.tensor(SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode(texts))
    worst = (got.double() - want).abs().max().item()
    assert worst < 1e-4, f"{folder.name}: sentence-transformers differs by {worst:.1e}"


def minilm(source):
    """Normalized embeddings of texts.txt by the real all-MiniLM-L6-v2."""
    from tokenizers import Tokenizer

    folder = OUT / "minilm"
    texts = (folder / "texts.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert len(texts) == 40, len(texts)
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    limit = json.loads((source / "sentence_bert_config.json").read_text())["max_seq_length"]
    inputs = encode(tokenizer, texts, limit)
    lengths = inputs["attention_mask"].sum(1)
    assert lengths.max() < limit, "a text is cut off"
    model = BertModel.from_pretrained(source, attn_implementation="eager", local_files_only=True, dtype=torch.float32).double().eval()
    with torch.no_grad():
        states = model(**inputs).last_hidden_state
    embeddings = torch.nn.functional.normalize(pool(states, inputs["attention_mask"], "mean"))
    with torch.no_grad():
        single = model.float()(**inputs).last_hidden_state
    single = torch.nn.functional.normalize(pool(single, inputs["attention_mask"], "mean"))
    save_file({"embeddings": embeddings.float().contiguous()}, folder / "embeddings.safetensors")
    print(f"minilm: {lengths.min()} to {lengths.max()} tokens, float32 is off by {(single - embeddings).abs().max():.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    r = commands.add_parser("random", help="small random models")
    r.add_argument("folders", nargs="*", help="only these cases")
    m = commands.add_parser("minilm", help="the real all-MiniLM-L6-v2")
    m.add_argument("source", type=pathlib.Path, help="its folder")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    if args.command == "random":
        random_models(set(args.folders))
    else:
        minilm(args.source)


if __name__ == "__main__":
    main()
