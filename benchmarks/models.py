"""How fast models learn and are drawn from, against transformers' GPT-2 of the same size, side by side in one run.

python benchmarks/models.py [--write] [--quick]      # --write: as a section of benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
import transformers
from run import Table
from samplers import write
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel

from miscope.models.recurrent import LSTM
from miscope.models.sampling import sample
from miscope.models.state_space import LRU, GatedLRU
from miscope.models.transformer import Transformer
from miscope.probing import probe

TITLE = "Models: a step of training, and drawing from them"
KINDS, CONTEXT = 65, 512
LEAST, LEAST_RATE = 3.0, 3e6
ROUNDS = 4


def gpt2(dropout: float) -> GPT2LMHeadModel:
    """Its own defaults but for the size; 0.1 is its default of all three dropouts."""
    torch.manual_seed(0)
    dropouts = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), dropout)
    shape = {"vocab_size": KINDS, "n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": CONTEXT}
    # Nothing ends a document before its length.
    return GPT2LMHeadModel(GPT2Config(**shape, **dropouts, bos_token_id=0, eos_token_id=None, pad_token_id=0)).train()


def ours(**arguments: object) -> Transformer:
    return Transformer(KINDS, width=64, depth=2, heads=2, context=CONTEXT, **arguments).train()  # type: ignore[arg-type]


def step(model: torch.nn.Module, codes: torch.Tensor, autocast: bool = False) -> Callable[[], object]:
    """One step of training: forward, cross-entropy, backward, AdamW."""
    theirs = isinstance(model, GPT2LMHeadModel)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=not theirs)

    def once() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            if theirs:
                loss = model(codes, labels=codes).loss
            else:
                loss = cross_entropy(model(codes).flatten(0, 1), codes.flatten())
        loss.backward()
        optimizer.step()

    return once


def generate(documents: int) -> Callable[[], object]:
    """Documents from GPT-2, one symbol after the other, with its cache."""
    model, first = gpt2(0.1).eval(), torch.zeros(documents, 1, dtype=torch.int64)
    mask = torch.ones_like(first)

    def once() -> None:
        with torch.inference_mode():
            # A symbol is given, since it has no start symbol: 511 are drawn.
            made = model.generate(first, attention_mask=mask, do_sample=True, top_k=0, max_length=CONTEXT)
        assert made.shape == (documents, CONTEXT)

    return once


def shortest(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The shortest of a few runs of each; in turns, so that what else the machine does falls on all alike."""
    seconds = dict.fromkeys(tasks, float("inf"))
    for turn in range(rounds):
        for what, task in tasks.items():
            start = time.perf_counter()
            task()
            if turn:  # the first is for warming up
                seconds[what] = min(seconds[what], time.perf_counter() - start)
    return seconds


def training(table: Table, documents: int) -> None:
    """A step of training, all models on the same codes."""
    codes = torch.randint(KINDS, (documents, CONTEXT), generator=torch.Generator().manual_seed(0))
    tasks = {
        "GPT-2": step(gpt2(0.1), codes),
        "GPT-2 without dropout": step(gpt2(0.0), codes),
        "Transformer, rotary": step(ours(), codes),
        "Transformer, learned": step(ours(positions="learned"), codes),
        "Transformer, rotary, bfloat16": step(ours(), codes, autocast=True),
    }
    tasks |= {kind.__name__: step(kind(KINDS, 64, 2).train(), codes) for kind in (LRU, GatedLRU)}
    seconds = shortest(tasks, ROUNDS)
    for what, value in seconds.items():
        table.row(f"training: {what}", value, "s a step")
    us = seconds["Transformer, rotary"]
    table.row("training: GPT-2, with its dropout of 0.1, over Transformer", seconds["GPT-2"] / us, "times", least=LEAST)
    table.row("training: GPT-2 without dropout over Transformer", seconds["GPT-2 without dropout"] / us, "times")


def drawing(table: Table, documents: int) -> None:
    """Documents of 512 symbols, drawn from the start at temperature 1."""
    what = {"GPT-2": generate(documents)}
    for positions in ("rotary", "learned"):
        model = ours(positions=positions).eval()
        what[f"Transformer, {positions}"] = lambda model=model: sample(model, documents, CONTEXT, seed=0)
    seconds = shortest(what, 3)
    for name, value in seconds.items():
        table.row(f"drawing: {name}", value, "s")
    ratio = seconds["GPT-2"] / seconds["Transformer, rotary"]
    table.row("drawing: GPT-2's generate() over Transformer", ratio, "times", least=LEAST)


def rates(table: Table, length: int) -> None:
    """Symbols a second, in documents drawn side by side."""
    for model, least in ((LSTM(2, 16), LEAST_RATE), (LRU(2, 16), None), (GatedLRU(2, 16), None)):
        seconds = shortest({"": lambda model=model: sample(model, 4096, length, seed=0)}, 3)[""]
        table.row(f"drawing: {model.label}, 2 symbols", 4096 * length / seconds, "symbols/s", least=least)


def probing(table: Table, length: int) -> None:
    """What a curve costs beside drawing the same documents."""
    model, how = LSTM(2, 16), {"n_documents": 2048, "length": length, "seed": 0}
    tasks = {
        "drawing": lambda: sample(model, **how),
        "probing": lambda: probe(model, f"1:{length // 4}", discard=0, **how),
    }
    seconds = shortest(tasks, 3)
    table.row(
        "probing: a curve over drawing its documents, LSTM 16",
        seconds["probing"] / seconds["drawing"],
        "times",
        most=1.2,
    )


def measured(quick: bool) -> list[str]:
    """The section, line by line."""
    documents = 16 if quick else 64
    table = Table()
    table.head(TITLE)
    training(table, documents)
    drawing(table, documents)
    rates(table, 256 if quick else 2048)
    probing(table, 512 if quick else 4096)
    table.text(
        f"All have width 64, 2 layers, 2 heads, {KINDS} symbols and {documents} documents of {CONTEXT}, in single "
        f"precision on {torch.get_num_threads()} threads; torch {torch.__version__}, transformers "
        f"{transformers.__version__}. GPT-2 in its default settings drops out a tenth of embeddings, of what layers "
        "add and of attention's weights, and with the last of these gives up fused attention; ours drops out nothing "
        "by default. The second ratio is between models that both drop nothing. LSTM and the state-space models of "
        f"width 16 are drawn in 4096 documents of {256 if quick else 2048:,} symbols."
    )
    return table.lines


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument("--quick", action="store_true", help="a quarter of the documents, an eighth of the symbols")
    options = parser.parse_args()
    lines = measured(options.quick)
    if options.write:
        write(lines, TITLE)


if __name__ == "__main__":
    main()
