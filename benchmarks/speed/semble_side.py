# SPDX-License-Identifier: FSL-1.1-MIT
"""Runs semble as its own interface does. Started with the Python of semble's environment; prints JSON.

build DIR             index a folder, or load what its cache has, and save it
search DIR QUESTIONS  load the cached index and ask every question of a JSON file
model FROM TO         make a folder as semble reads it of the files of Conexus's model
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

_WARM_UP = 10


def build(folder: str) -> dict[str, float]:
    """Index a folder and save the index to semble's cache."""
    started = time.perf_counter()
    from semble.cache import save_index_to_cache  # type: ignore[import-not-found]  # noqa: PLC0415 -- it is measured
    from semble.index import SembleIndex  # type: ignore[import-not-found]  # noqa: PLC0415

    imported = time.perf_counter()
    index = SembleIndex.from_path(folder)
    built, used = time.perf_counter(), _cpu_s()
    save_index_to_cache(index, folder)
    return {
        "import_s": imported - started,
        "build_s": built - imported,
        "build_cpu_s": used,
        "save_s": time.perf_counter() - built,
        "files": float(index.stats.indexed_files),
        "chunks": float(index.stats.total_chunks),
    }


def search(folder: str, questions: str) -> dict[str, Any]:
    """Ask questions of a cached index; times in ms."""
    from semble.index import SembleIndex  # noqa: PLC0415

    asked = json.loads(Path(questions).read_text(encoding="utf-8"))
    started = time.perf_counter()
    index = SembleIndex.from_path(folder)
    loaded = time.perf_counter() - started
    for question in asked[:_WARM_UP]:
        index.search(question, top_k=10)
    times = []
    for question in asked:
        started = time.perf_counter()
        index.search(question, top_k=10)
        times.append((time.perf_counter() - started) * 1000)
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines() if _has_proc() else []
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
    return {
        "load_s": loaded,
        "times_ms": times,
        "chunks": index.stats.total_chunks,
        "memory_bytes": sizes.get("Pss", 0),
        "private_bytes": sizes.get("Pss_Anon", 0),
    }


def model(source: str, target: str) -> dict[str, int]:
    """Write the vectors and the vocabulary of Conexus's model as a folder of model2vec, to be split as semble's own is.

    Conexus's folder could be loaded as it is, but its rules for words take longer than those of BERT.
    """
    import numpy as np  # noqa: PLC0415
    from safetensors.numpy import load_file, save_file  # noqa: PLC0415
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers  # noqa: PLC0415

    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    vectors = load_file(Path(source, "model.safetensors"))["embeddings"].astype(np.float32)
    pieces = json.loads(Path(source, "tokenizer.json").read_text(encoding="utf-8"))["model"]
    tokenizer = Tokenizer(
        models.WordPiece(pieces["vocab"], unk_token=pieces["unk_token"], max_input_chars_per_word=100)
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file({"embeddings": vectors}, folder / "model.safetensors")
    settings = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "tokenizer_name": "conexus",
        "hidden_dim": int(vectors.shape[1]),
        "seq_length": 1_000_000,
        "normalize": True,
    }
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return {"rows": int(vectors.shape[0])}


def _cpu_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _has_proc() -> bool:
    return Path("/proc/self/smaps_rollup").exists()


if __name__ == "__main__":
    # As its command line does, which is twice as fast as its default; only a guarded script may.
    os.environ.setdefault("SEMBLE_INDEX_WORKERS", "4")
    command, *arguments = sys.argv[1:]
    if command == "build":
        print(json.dumps(build(*arguments)))
    elif command == "search":
        print(json.dumps(search(*arguments)))
    else:
        print(json.dumps(model(*arguments)))
