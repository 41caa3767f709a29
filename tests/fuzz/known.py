"""Findings that are not mended yet, by kind and outcome: they are counted, and fail nothing."""

_ARROW = ("arrow", "arrow-stream", "arrow-lists", "feather", "parquet", "saved-dataset", "saved-sequences")
_RESULTS = ("curve", "curve-parquet", "fit", "uniformity", "drift", "reach", "couplings", "record", "counts", "report")

KNOWN: dict[tuple[str, str], str] = {
    **{(kind, outcome): "Arrow is not validated" for kind in _ARROW for outcome in ("crash", "changed", "accepted")},
    **{(kind, outcome): "Arrow is not validated" for kind in _ARROW for outcome in ("traceback", "memory", "hang")},
    **{(kind, "changed"): "no digest" for kind in (*_RESULTS, "report-models", "saved-sequences")},
    **{(kind, "traceback"): "deep JSON, large numbers" for kind in (*_RESULTS, "report-models", "jsonl")},
    **{(kind, "traceback"): "deep JSON" for kind in ("classes.json", "commands", "hugging-face-model", "model")},
    ("unfinished-counts", "changed"): "pieces without a digest",
    ("unfinished-counts", "traceback"): "pieces without a digest",
}
