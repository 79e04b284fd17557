# SPDX-License-Identifier: FSL-1.1-MIT
"""Trains the default model: a vector a word piece, from pairs of questions and code.

    python -m training.train --pairs FILE… --dev FILE --start DIR --sentences FILE --out DIR [--set name=value …]

Reads what ``training.pairs`` wrote. Every document is met once a round, with one of its questions; the other documents
of a batch are the wrong answers, and batches are made of groups from one package each, so that some wrong answers are
hard: they come from the same code base, as those of a search do. ``Recipe`` has every setting, ``README.md`` what each
brings.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse  # type: ignore[import-untyped]

from conexus.adapters.model_files import read_model
from conexus.adapters.word_pieces import CONTINUED, UNKNOWN, word_parts, word_pieces
from conexus.lexical import BM25_B, BM25_K1, words
from training import sentences
from training.bag import Pieces
from training.fetch import LIST, read_list

Floats = npt.NDArray[np.float32]

_ASKING: Final = (
    "how is",
    "how does",
    "how are",
    "where is",
    "where are",
    "what",
    "which code",
    "how to",
    "function that",
    "class for",
    "code that",
    "where does",
    "how do we",
    "implementation of",
    "logic for",
    "find",
    "handling of",
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the vectors, apart from the pairs."""

    seed: int = 7
    pieces: int = 40_000
    dim: int = 256
    dims: str = "64,128,256"
    """Lengths at which the loss is taken (Matryoshka): at each step the last, and one of the others in turn."""
    batch: int = 512
    group: int = 32
    """Documents of one package that stand together in a batch."""
    near: float = 0.0
    """Share of the packages, anew each round, whose groups are made of documents that are near each other by BM25."""
    questions: int = 1
    """Of each document in a batch, as far as it has so many: all of them are right answers of it."""
    rounds: int = 2
    rate: float = 4e-3
    temperature: float = 0.07
    warm_up: float = 0.05
    runs: int = 4
    """Trainings from one start, each with another seed, of which the mean is kept: what they learnt by chance goes."""
    later: float = 0.6
    """What the numbers after the last length but one are multiplied by at the end: they hold most of what is chance."""
    average: float = 0.98
    """Of the running mean of the weights, which is what is kept; 0 keeps the last."""
    start: str = "sentences"
    """``distilled``, ``random``, or ``sentences``: distilled, then fitted to what the teacher makes of questions."""
    document_pieces: int = 128
    """Pieces of a document that are read at a time, from anywhere in it."""
    drop: float = 0.1
    """Share of the pieces left out of a question."""
    no_head: float = 0.15
    mask_name: float = 0.5
    """How often a document loses the name that is asked for."""
    other_docs: float = 0.4
    asking: float = 0.2
    docs: float = 1.0
    comments: float = 0.6
    calls: float = 0.4
    names: float = 0.6
    paths: float = 0.4
    siblings: float = 0.2
    package_limit: int = 250
    language_limit: int = 40_000


def recipe_of(settings: Sequence[str]) -> Recipe:
    """Return the recipe with settings as ``name=value`` changed."""
    kinds = {field.name: type(getattr(Recipe(), field.name)) for field in fields(Recipe)}
    changed = dict(setting.split("=", 1) for setting in settings)
    return replace(Recipe(), **{name: kinds[name](value) for name, value in changed.items()})


# ------------------------------------------------------------------ pairs


def rows(paths: Sequence[Path], recipe: Recipe) -> list[dict[str, Any]]:
    """Read documents that can be asked for: each text once, and not too many of a package or a language."""
    listed = {f"{registry}/{name.replace('/', '+')}" for registry, name, _ in read_list(LIST)}
    seen: set[bytes] = set()
    packages: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    found = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            for line in handle:
                row = json.loads(line)
                if row["package"] not in listed:
                    continue
                mark = hashlib.blake2b(row["text"].encode("utf-8", "replace"), digest_size=8).digest()
                if mark in seen or not (row["docs"] or row["comments"] or row["calls"] or row["names"]):
                    continue
                if (
                    packages[row["package"]] >= recipe.package_limit
                    or languages[row["language"]] >= recipe.language_limit
                ):
                    continue
                seen.add(mark)
                packages[row["package"]] += 1
                languages[row["language"]] += 1
                found.append(row)
    print(f"{len(found)} documents, {len(packages)} packages, {dict(languages.most_common(24))}", flush=True)
    return found


def vocabulary_of(found: Sequence[dict[str, Any]], size: int) -> list[str]:
    """Train a WordPiece vocabulary on the parts of the words of all documents and questions."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: PLC0415

    known: dict[str, list[str]] = {}

    def texts() -> Iterator[str]:
        for row in found:
            parts = []
            for word in words(f"{row['head']} {row['text']} {' '.join(row['docs'])} {' '.join(row['comments'])}"):
                if word not in known:
                    known[word] = [part for part in word_parts(word) if len(part) <= 24]
                parts += known[word]
            yield " ".join(parts)

    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    alphabet = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[UNKNOWN],
        min_frequency=5,
        limit_alphabet=600,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    pieces = tokenizer.get_vocab()
    listed = sorted(pieces, key=lambda piece: pieces[piece])
    missing = [f"##{letter}" for letter in alphabet if f"##{letter}" not in pieces]
    return listed + missing


class Pairs:
    """All texts as rows of the vocabulary, ready to be put into batches."""

    def __init__(self, found: Sequence[dict[str, Any]], pieces: Pieces, recipe: Recipe) -> None:
        self._recipe = recipe
        self._asking = [pieces.of(text) for text in _ASKING]
        self.heads: list[npt.NDArray[np.int32]] = []
        self.texts: list[npt.NDArray[np.int32]] = []
        self.questions: list[list[tuple[str, npt.NDArray[np.int32]]]] = []
        self.packages: list[str] = []
        self._names: list[npt.NDArray[np.int32]] = []
        self._docs: list[npt.NDArray[np.int32]] = []
        self._next: list[int] = []

        def ids(text: str) -> npt.NDArray[np.int32]:
            return np.array(pieces.of(text), dtype=np.int32)

        last: tuple[str, str] = ("", "")
        for row in found:
            asked = []
            asked += [("docs", ids(text)) for text in row["docs"][:3]]
            asked += [("comments", ids(text)) for text in row["comments"]]
            asked += [("calls", ids(text)) for text in row["calls"]]
            symbol = row["head"].split("\n")[1] if row["head"].count("\n") > 1 else ""
            if row["names"]:
                name = ids(row["names"][0])
                if len(name) > 1:
                    asked.append(("names", name))
                if "." in symbol:
                    asked.append(("names", ids(" ".join(symbol.split(".")[-2:]))))
            if len(stem := ids(row["path"].rpartition(".")[0])) > 1:
                asked.append(("paths", stem[-8:]))
            asked = [(kind, rows) for kind, rows in asked if len(rows)]
            text = ids(row["text"])
            if not asked or len(text) < 8:
                continue
            here = (row["package"], row["path"])
            self._next.append(len(self.texts) - 1 if here == last else -1)
            last = here
            self.heads.append(ids(row["head"]))
            self.texts.append(text)
            self.questions.append(asked)
            self.packages.append(row["package"])
            self._names.append(ids(" ".join(row["names"][:1])))
            self._docs.append(ids(" ".join(row["docs"][:2])))
        self.use(recipe)

    def use(self, recipe: Recipe) -> None:
        """Draw by another recipe from now on."""
        self._recipe = recipe
        self._weights = {kind: getattr(recipe, kind) for kind in ("docs", "comments", "calls", "names", "paths")}

    def __len__(self) -> int:
        return len(self.texts)

    def order(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return all documents, those of a package in groups that stand anywhere."""
        by_package: dict[str, list[int]] = {}
        for at, package in enumerate(self.packages):
            by_package.setdefault(package, []).append(at)
        groups = []
        for members in by_package.values():
            mixed = random.permutation(members)
            if self._recipe.near and random.random() < self._recipe.near:
                mixed = mixed[self._chain(mixed)]
            groups += [mixed[at : at + self._recipe.group] for at in range(0, len(mixed), self._recipe.group)]
        return np.concatenate([groups[at] for at in random.permutation(len(groups))])

    def _chain(self, members: npt.NDArray[np.int64]) -> list[int]:
        """Order documents so that each is followed by the one left that BM25 finds first with its question.

        What stands together is what a search by words would mix up.
        """
        questions = [np.unique(self.questions[at][0][1]) for at in members]
        texts = [self.texts[at] for at in members]
        _, known = np.unique(np.concatenate([*questions, *texts]), return_inverse=True)
        split = np.cumsum([len(one) for one in (*questions, *texts)])[:-1]
        parts = np.split(known.astype(np.int32), split)
        count, width = len(members), int(known.max()) + 1
        asked, counts = bag_of(parts[:count], width), bag_of(parts[count:], width)
        lengths = np.array([len(part) for part in parts[count:]], dtype=np.float32)
        rows = np.repeat(np.arange(count), np.diff(counts.indptr))
        often = counts.data * lengths[rows]
        spread = BM25_K1 * (1 - BM25_B + BM25_B * lengths / lengths.mean())
        holding = np.bincount(counts.indices, minlength=width)
        rarity = np.log1p((count - holding + 0.5) / (holding + 0.5)).astype(np.float32)
        counts.data = often * (BM25_K1 + 1) / (often + spread[rows]) * rarity[counts.indices]
        scores = (asked @ counts.T).toarray()
        chain, left = [0], np.ones(count, dtype=np.bool_)
        left[0] = False
        while len(chain) < count:
            following = int(np.where(left, scores[chain[-1]], -1.0).argmax())
            left[following] = False
            chain.append(following)
        return chain

    def pair(self, at: int, random: np.random.Generator) -> tuple[list[npt.NDArray[np.int32]], npt.NDArray[np.int32]]:
        """Return questions about a document, one as a rule, and the document as it is met with them."""
        recipe = self._recipe
        asked = self.questions[at]
        weights = np.array([self._weights[kind] for kind, _ in asked])
        draw = random.random(8)
        if self._next[at] >= 0 and draw[0] < recipe.siblings * 0.5:
            kind, question = "siblings", self.texts[self._next[at]]
        elif weights.sum() <= 0:
            kind, question = asked[0]
        else:
            kind, question = asked[int(np.searchsorted(np.cumsum(weights), draw[1] * weights.sum()))]
        document = self.texts[at]
        if kind in {"names", "calls"} and draw[2] < recipe.mask_name and len(self._names[at]):
            left = document[~np.isin(document, self._names[at])]
            document = left if len(left) > 8 else document
        if len(document) > recipe.document_pieces:
            start = int(draw[7] * (len(document) - recipe.document_pieces))
            document = document[start : start + recipe.document_pieces]
        parts = [document]
        if (
            kind not in {"paths", "siblings"}
            and draw[3] >= recipe.no_head
            and not (kind == "names" and draw[2] < recipe.mask_name)
        ):
            parts.append(self.heads[at])
        if kind not in {"docs", "siblings"} and draw[4] < recipe.other_docs and len(self._docs[at]):
            parts.append(self._docs[at])
        if kind == "siblings" and len(question) > 48:
            question = question[:48]
        questions = [self._asked(kind, question, draw, random)]
        allowed = {other for other, weight in self._weights.items() if weight > 0}
        if kind != "docs":  # its documentation may be in it, and would answer what was taken from there by rote
            allowed.discard("docs")
        others = [one for one in asked if one[1] is not question and one[0] in allowed]
        for _ in range(min(recipe.questions - 1, len(others)) if kind != "siblings" else 0):
            other = others.pop(int(random.integers(len(others))))
            questions.append(self._asked(*other, random.random(8), random))
        return questions, np.concatenate(parts)

    def _asked(
        self, kind: str, question: npt.NDArray[np.int32], draw: npt.NDArray[np.float64], random: np.random.Generator
    ) -> npt.NDArray[np.int32]:
        """Return a question as it is met: without some of its pieces, or in other words."""
        recipe = self._recipe
        if recipe.drop and len(question) > 3:
            kept = question[random.random(len(question)) >= recipe.drop]
            question = kept if len(kept) else question
        if kind in {"docs", "comments", "names", "paths"} and draw[5] < recipe.asking:
            ask = self._asking[int(draw[6] * len(self._asking))]
            question = np.concatenate((question, np.array(ask, dtype=np.int32)))
        return question


def bag_of(texts: Sequence[npt.NDArray[np.int32]], width: int) -> sparse.csr_matrix:
    """Count the pieces of each text: a row a text, the share of each piece."""
    lengths = np.array([len(text) for text in texts])
    keys = np.repeat(np.arange(len(texts), dtype=np.int64), lengths) * width + np.concatenate(texts)
    keys, counts = np.unique(keys, return_counts=True)
    of = keys // width
    ends = np.searchsorted(of, np.arange(len(texts) + 1))
    shares = (counts / lengths[of]).astype(np.float32)
    return sparse.csr_matrix(
        (shares, (keys % width).astype(np.int32), ends.astype(np.int32)), shape=(len(texts), width)
    )


# --------------------------------------------------------------- training


class Table:
    """A vector and a weight a piece, with the way back through means and weights written out.

    The means are products with a sparse matrix; those of scipy are far faster here than an embedding bag.
    """

    def __init__(self, vectors: Floats, weights: Floats, rate: float) -> None:
        self.vectors = torch.from_numpy(vectors.copy()).requires_grad_()
        self.weights = torch.from_numpy(np.log(weights)).requires_grad_()
        self.optimizer = torch.optim.Adam(
            [self.vectors, self.weights], lr=rate, betas=(0.9, 0.98), eps=1e-10, fused=True
        )

    def folded(self) -> Floats:
        """Return the vectors with their weights multiplied in."""
        with torch.no_grad():
            found: Floats = (self.vectors * torch.exp(self.weights)[:, None]).numpy()
        return found

    def learn(self, folded: Floats, gradient: Floats) -> None:
        """Take one step, given the gradient of the folded vectors."""
        with torch.no_grad():
            slope = torch.from_numpy(gradient)
            self.weights.grad = (slope * torch.from_numpy(folded)).sum(1)
            self.vectors.grad = slope.mul_(torch.exp(self.weights)[:, None])
        self.optimizer.step()


def contrast(
    left: torch.Tensor, right: torch.Tensor, temperature: float, of: torch.Tensor
) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Return the InfoNCE loss of rows against rows, and its gradients: both ways, the other way at half the weight.

    ``of`` says which row of ``right`` each of ``left`` belongs to. Where several belong to one, none of them is a wrong
    answer for another. Scores are at most e^20 at a temperature of 0.05, so that nothing has to be taken off before the
    exponential.
    """
    one, first = _unit(left)
    other, second = _unit(right)
    every = torch.arange(len(left))
    scores = (one @ other.T).mul_(1 / temperature).exp_()
    wanted = scores[every, of]
    rows, columns = scores.sum(1), scores.sum(0)
    own = torch.zeros_like(columns).index_add_(0, of, wanted)
    beside = columns[of] - own[of] + wanted
    loss = ((rows.log() - wanted.log()).mean() + 0.5 * (beside.log() - wanted.log()).mean()) / 1.5
    shares = torch.zeros_like(columns).index_add_(0, of, 1 / beside)
    scores.mul_((1 / rows)[:, None] + (0.5 * shares)[None, :])
    scores[every, of] += 0.5 * wanted * (1 / beside - shares[of]) - 1.5
    scores.mul_(1 / (1.5 * temperature * len(left)))
    return loss.item(), _through(one, first, scores @ other), _through(other, second, scores.T @ one)


def _nested(
    left: torch.Tensor, right: torch.Tensor, of: torch.Tensor, dims: Sequence[int], temperature: float
) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Return the mean loss over lengths of the vectors, and its gradients."""
    back_left, back_right = torch.zeros_like(left), torch.zeros_like(right)
    total = 0.0
    for dim in dims:
        loss, one, other = contrast(left[:, :dim], right[:, :dim], temperature, of)
        back_left[:, :dim] += one / len(dims)
        back_right[:, :dim] += other / len(dims)
        total += loss / len(dims)
    return total, back_left, back_right


def _unit(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = rows.norm(dim=1, keepdim=True).clamp(min=1e-9)
    return rows / lengths, lengths


def _through(unit: torch.Tensor, lengths: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Return the gradient of rows, given that of the same rows at unit length."""
    return (gradient - unit * (unit * gradient).sum(1, keepdim=True)) / lengths


def first_weights(pairs: Pairs, width: int) -> Floats:
    """Return weights by how rare a piece is among documents: a / (a + share)."""
    counts = np.zeros(width)
    for text in pairs.texts:
        counts[np.unique(text)] += 1
    share = (counts + 1) / (len(pairs) + 1)
    found: Floats = (0.02 / (0.02 + share)).astype(np.float32)
    return found


@dataclass(frozen=True, slots=True)
class Step:
    """One point of the training curve."""

    step: int
    seconds: float
    loss: float
    chunks: float
    files: float


def fit(
    pairs: Pairs,
    vectors: Floats,
    recipe: Recipe,
    measure: Callable[[Floats], tuple[float, float]],
    every: int,
    limit_s: float = math.inf,
) -> tuple[Floats, list[Step]]:
    """Train a table.

    Args:
        pairs: What to train on.
        vectors: Where to start.
        recipe: How.
        measure: Gives NDCG@10 of a table twice: of chunks, and of one result a file.
        every: Steps between two measurements.
        limit_s: The rate falls to nothing within this time, if the rounds take longer.

    Returns:
        The vectors, weights multiplied in, and the curve.
    """
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    width = len(vectors)
    table = Table(vectors, first_weights(pairs, width), recipe.rate)
    dims = [int(dim) for dim in recipe.dims.split(",")]
    steps = max(1, recipe.rounds * (len(pairs) // recipe.batch))
    mean: Floats | None = None
    curve: list[Step] = []
    started = time.time()
    step, losses = 0, []
    while step < steps:
        order = pairs.order(random)
        for at in range(0, len(order) - recipe.batch + 1, recipe.batch):
            done = max(step / steps, (time.time() - started) / limit_s)
            factor = min(1.0, (step + 1) / (recipe.warm_up * steps + 1)) * max(0.01, 1 - done)
            for group in table.optimizer.param_groups:
                group["lr"] = recipe.rate * factor
            met = [pairs.pair(int(one), random) for one in order[at : at + recipe.batch]]
            asked = bag_of([question for questions, _ in met for question in questions], width)
            of = torch.from_numpy(np.repeat(np.arange(len(met)), [len(questions) for questions, _ in met]))
            found = bag_of([document for _, document in met], width)
            folded = table.folded()
            lengths = dims if len(dims) < 3 else [dims[step % (len(dims) - 1)], dims[-1]]
            left, right = torch.from_numpy(asked @ folded), torch.from_numpy(found @ folded)
            loss, back_left, back_right = _nested(left, right, of, lengths, recipe.temperature)
            losses.append(loss)
            both = sparse.vstack((asked, found), format="csr")
            table.learn(folded, both.T.tocsr() @ torch.cat((back_left, back_right)).numpy())
            step += 1
            if recipe.average and step % 4 == 0 and done > 0.3:
                folded = table.folded()
                mean = folded if mean is None else mean + (1 - recipe.average) * (folded - mean)
            if step % every == 0 or step == steps or done >= 1:
                scores = measure(mean if mean is not None else table.folded())
                curve.append(Step(step, round(time.time() - started, 1), float(np.mean(losses)), *scores))
                print(f"{step}/{steps} {curve[-1]}", flush=True)
                losses = []
            if done >= 1 or step >= steps:
                return (mean if mean is not None else table.folded()), curve
    return table.folded(), curve


def train(
    pairs: Pairs,
    vectors: Floats,
    recipe: Recipe,
    measure: Callable[[Floats], tuple[float, float]],
    every: int,
    limit_s: float = math.inf,
) -> tuple[Floats, list[list[Step]]]:
    """Train as often as the recipe says; see :func:`fit`.

    Returns:
        The vectors, and the curve of each run.
    """
    tables, curves = [], []
    for number in range(recipe.runs):
        one = replace(recipe, seed=recipe.seed + number)
        pairs.use(one)
        table, curve = fit(pairs, vectors, one, measure, every, limit_s / recipe.runs)
        tables.append(table)
        curves.append(curve)
    mean: Floats = np.mean(tables, axis=0)
    dims = [int(dim) for dim in recipe.dims.split(",")]
    mean[:, dims[-2] if len(dims) > 1 else dims[-1] :] *= recipe.later
    return mean, curves


def main(arguments: Sequence[str] | None = None) -> int:
    from training.devset import read  # noqa: PLC0415
    from training.score import Development, summary  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, nargs="+", required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True, help="the distilled model, which training.distill makes")
    parser.add_argument("--sentences", type=Path, help="what training.sentences wrote; for start=sentences")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--limit", type=float, default=math.inf, metavar="SECONDS")
    options = parser.parse_args(arguments)
    recipe = recipe_of(options.set)
    torch.set_num_threads(2)
    options.out.mkdir(parents=True, exist_ok=True)
    started = time.time()
    prepared = prepare(options.pairs, recipe, options.start)
    vectors = prepared.start(recipe, options.sentences)
    pieces = Pieces(prepared.vocabulary)
    development = Development(read(options.dev), pieces, len(prepared.vocabulary))
    print(f"{len(prepared.vocabulary)} pieces; ready after {time.time() - started:.0f} s", flush=True)
    weighted = vectors * first_weights(prepared.pairs, len(vectors))[:, None]
    print(f"start: {summary(development.results(weighted))}", flush=True)
    table, curves = train(
        prepared.pairs,
        vectors,
        recipe,
        lambda table: summary(development.results(table)),
        options.every,
        options.limit,
    )
    chunks, files = summary(development.results(table))
    print(f"kept: {chunks:.4f}, one a file {files:.4f}", flush=True)
    np.save(options.out / "table.npy", table.astype(np.float32))
    (options.out / "vocabulary.txt").write_text("\n".join(prepared.vocabulary) + "\n", encoding="utf-8")
    found = {
        "recipe": asdict(recipe),
        "kept": {"chunks": chunks, "files": files},
        "runs": [[asdict(step) for step in curve] for curve in curves],
    }
    (options.out / "curve.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What training starts from."""

    pairs: Pairs
    vocabulary: list[str]
    distilled: Floats
    """First vectors, by the distilled model."""

    def start(self, recipe: Recipe, read_by_teacher: Path | None) -> Floats:
        """Return the vectors that a recipe starts from.

        Raises:
            ValueError: It wants the teacher's sentences, and there are none.
        """
        if recipe.start == "random":
            return _by_chance(len(self.vocabulary), recipe)
        if recipe.start != "sentences":
            return self.distilled
        if read_by_teacher is None:
            raise ValueError("start=sentences needs --sentences")
        texts, wanted = sentences.read(read_by_teacher)
        pieces, width = Pieces(self.vocabulary), len(self.vocabulary)
        cut = [np.array(pieces.of(text), dtype=np.int32) for text in texts]
        kept = [at for at, rows in enumerate(cut) if len(rows)]
        bags = bag_of([cut[at] for at in kept], width)
        return sentences.fitted(self.distilled, first_weights(self.pairs, width), bags, wanted[kept])


def prepare(paths: Sequence[Path], recipe: Recipe, distilled: Path) -> Prepared:
    """Read pairs, and find the vocabulary and the first vectors."""
    found = rows(paths, recipe)
    vocabulary = vocabulary_of(found, recipe.pieces)
    print(f"vocabulary: {len(vocabulary)} pieces", flush=True)
    return Prepared(Pairs(found, Pieces(vocabulary), recipe), vocabulary, _start(vocabulary, recipe, distilled))


def _by_chance(count: int, recipe: Recipe) -> Floats:
    spread = 1 / math.sqrt(recipe.dim)
    return np.random.default_rng(recipe.seed).normal(0, spread, (count, recipe.dim)).astype(np.float32)


def _start(vocabulary: Sequence[str], recipe: Recipe, distilled: Path) -> Floats:
    """Return first vectors: of each piece what the distilled model makes of it, or chance."""
    files = read_model(distilled)
    found = np.zeros((len(vocabulary), recipe.dim), dtype=np.float32)
    for row, piece in enumerate(vocabulary):
        cut = (
            [files.vocabulary[piece]]
            if piece in files.vocabulary
            else word_pieces(piece.removeprefix(CONTINUED), files.vocabulary)
        )
        if cut:
            found[row] = files.vectors[cut].astype(np.float32).mean(axis=0)[: recipe.dim]
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    made: Floats = np.where(lengths > 0, found / np.maximum(lengths, 1e-9), _by_chance(len(vocabulary), recipe))
    return made


if __name__ == "__main__":
    sys.exit(main())
