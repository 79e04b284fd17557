# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus model``."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from conexus import bootstrap
from conexus.adapters import config_files
from conexus.cli import console
from conexus.cli.eval_command import DEFAULT_QUESTIONS, MAX_QUESTIONS, SetChoice
from conexus.cli.eval_command import in_force as in_force_at
from conexus.cli.examples import CommandWithExamples
from conexus.cli.index_command import prepared, run_index
from conexus.cli.ledgers import table
from conexus.cli.model_info import ModelInfo, describe, folder_of
from conexus.cli.progress import cancel_on_interrupt
from conexus.cli.records import on_record
from conexus.cli.session import USER, checkout_at, given_path, open_session
from conexus.errors import Cancelled, ConfigError, EmbeddingError
from conexus.ports import Embedder
from conexus.types import ViewStatus

app = typer.Typer(help="See, choose and measure embedding models.", no_args_is_help=True)

SETTING = "index.model"
EXIT_FOUND = 1

_MODEL_HELP = "'default', or the folder of a model: Conexus's own format, model2vec or sentence-transformers."


@app.command("list", cls=CommandWithExamples)
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models that are known: the shipped one, that of your settings, those of your indexes.

    Examples:
        conexus model list
        conexus model list --json
    """
    in_force = _in_force()
    indexed = _indexed()
    own = (status.model for status in indexed if Path(status.model).is_absolute())
    found = list(map(describe, dict.fromkeys((bootstrap.DEFAULT_MODEL, in_force, *own))))
    if as_json:
        models = [_as_json(info, in_force, indexed) for info in found]
        console.out(json.dumps({"schema": "conexus.models/1", "models": models}, indent=2))
        return
    rows = [
        (
            ("* " if info.model == in_force else "  ") + console.one_line(info.name),
            info.kind,
            _dim(info),
            console.size(info.size_bytes),
            info.digest if info.problem == "" or info.digest == "damaged" else "unusable",
            console.count(len(info.used_by(indexed)), "repository"),
            console.one_line(str(folder_of(info.model))),
        )
        for info in found
    ]
    for line in table([("  NAME", "KIND", "DIMS", "SIZE", "DIGEST", "USED BY", "FOLDER"), *rows]):
        console.out(line)


@app.command("show", cls=CommandWithExamples)
def show(
    model: Annotated[str, typer.Argument(metavar="[PATH]", help=_MODEL_HELP + " Empty: the one in force.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show all about a model, and whether its files are as they were made. Exit code 1 if they are not.

    Examples:
        conexus model show
        conexus model show default --json
        conexus model show ~/models/my-model
    """
    in_force = _in_force()
    info = describe(_existing(model) if model else in_force)
    indexed = _indexed()
    if as_json:
        console.out(json.dumps({"schema": "conexus.model/1", **_as_json(info, in_force, indexed)}, indent=2))
    else:
        for line in _described(info, in_force, indexed):
            console.out(line)
    if info.problem:
        raise typer.Exit(EXIT_FOUND)


@app.command("use", cls=CommandWithExamples)
def use(
    model: Annotated[str, typer.Argument(metavar="PATH", help=_MODEL_HELP)],
    project: Annotated[
        bool,
        typer.Option("--project", help="For the repository you are in alone: build its index anew with it, now."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Make a model the one that code is indexed with.

    It is loaded and tried first: one that is damaged or cannot be used is refused, and nothing changes. Your
    settings file gets it, and the indexes that were built with another one are named: until `conexus index`
    has built such an index anew, it goes on answering with its own model.

    Examples:
        conexus model use ~/models/my-model
        conexus model use default
        conexus model use ~/models/my-model --project
    """
    chosen = _existing(model)
    embedder = tried(chosen)
    if project:
        _use_here(chosen, as_json=as_json, quiet=quiet)
        return
    environ = config_files.current_environ()
    path = config_files.user_config_path(environ)
    with on_record("set_setting", {"setting": SETTING, "value": chosen}):
        config_files.set_value(path, SETTING, chosen)
    loaded = config_files.load(environ, None, {})
    rebuilt = [status for status in _indexed() if status.model != embedder.name]
    notices = _notices(loaded, chosen)
    if as_json:
        found = {
            "schema": "conexus.model-use/1",
            "model": chosen,
            "name": embedder.name,
            "dim": embedder.dim,
            "fingerprint": embedder.fingerprint,
            "file": str(path),
            "rebuild": [{"name": status.name, "root": status.root, "model": status.model} for status in rebuilt],
            "notices": notices,
        }
        console.out(json.dumps(found, indent=2))
        return
    console.out(f"{SETTING} = {console.one_line(chosen)}  ({console.one_line(str(path))})")
    if not rebuilt:
        console.out("no index has to be built anew")
    for status in rebuilt:
        command = f"conexus index {shlex.quote(status.root)}"
        console.out(f"to be built anew: {console.one_line(status.name)}  ({console.one_line(command)})")
    for notice in notices:
        console.err(f"note: {console.one_line(notice)}")


@app.command("bench", cls=CommandWithExamples)
def bench(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]...", help=_MODEL_HELP + " Empty: the one in force.")
    ] = None,
    repo: Annotated[
        Path, typer.Option("--repo", parser=given_path, metavar="FOLDER", help="Repository to measure on.")
    ] = Path(),
    questions: Annotated[
        int, typer.Option("-n", "--questions", metavar="N", help="Most questions of each set; 0 for speed alone.")
    ] = DEFAULT_QUESTIONS,
    chosen: Annotated[SetChoice, typer.Option("--set", help="Which questions to ask.")] = SetChoice.ALL,
    seed: Annotated[int, typer.Option("--seed", help="Draw other questions from the documentation.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Measure models on a repository: how fast, how large, and how well search answers with each.

    Speed and memory are those of a process of its own for each model. Quality is that of `conexus eval`, with
    questions from the repository's documentation and history, asked of temporary copies. Nothing is changed.

    Examples:
        conexus model bench
        conexus model bench default ~/models/my-model --repo ~/src/flask
        conexus model bench ~/models/my-model --questions 0 --json
    """
    if not 0 <= questions <= MAX_QUESTIONS:
        raise ConfigError(f"--questions is {questions}; it must be between 0 and {MAX_QUESTIONS:,}")
    from conexus.cli.model_bench import measured, report_json, report_lines  # noqa: PLC0415 -- not for other commands

    checkout = checkout_at(repo)
    names = list(dict.fromkeys(map(_existing, models or []))) or [in_force_at(checkout).index.model]
    for name in names:
        bootstrap.embedder(name)  # a model that cannot be used is refused before the work
    report = measured(checkout, names, (questions, seed, chosen), quiet=quiet or as_json)
    if as_json:
        console.out(json.dumps(report_json(report, seed), indent=2))
        return
    for line in report_lines(report, seed):
        console.out(line)
    for notice in report.notices:
        console.err(f"note: {console.one_line(notice)}")


def tried(model: str) -> Embedder:
    """Load a model and embed with it.

    Raises:
        EmbeddingError: It cannot be loaded, or gives no vector.
    """
    embedder = bootstrap.embedder(model)
    if not embedder.embed_documents(["def read_file(path): return open(path).read()"]).any():
        raise EmbeddingError(
            f"the model {model} knows no word of a line of code", hint="choose a model that was made for text or code"
        )
    return embedder


def _use_here(model: str, *, as_json: bool, quiet: bool) -> None:
    """Build the index of the present repository anew with a model, which it then keeps.

    Raises:
        ConfigError: The settings name a model for all repositories, which would replace it at the next run.
    """
    checkout = checkout_at(Path())
    loaded = config_files.load(config_files.current_environ(), checkout.root, {})
    origin = loaded.origins[SETTING]
    if origin != "default" and loaded.config.index.model != model:
        raise ConfigError(
            f"{SETTING} is set for every repository ({origin}), so that one repository cannot have a model of its own",
            hint=f"take {SETTING} out there first, or leave --project out",
        )
    with prepared(checkout, model) as session, cancel_on_interrupt() as asked:
        report = run_index(session, checkout, asked, quiet=quiet or as_json)
    if as_json:
        found = {
            "schema": "conexus.model-use/1",
            "model": model,
            "project": str(checkout.root),
            "rebuilt": report.rebuilt,
            "files_indexed": report.files_indexed,
            "cancelled": report.cancelled,
        }
        console.out(json.dumps(found, indent=2))
    elif not report.cancelled:
        count = console.count(report.files_total, "file")
        console.out(f"{console.one_line(report.name)} is indexed with {console.one_line(model)}: {count}")
    if report.cancelled:
        raise Cancelled("stopped before the end", hint="run the same command again to go on from here")


def _existing(model: str) -> str:
    """Return the value of the setting for what was typed.

    Raises:
        EmbeddingError: There is no such folder.
    """
    if model == bootstrap.DEFAULT_MODEL:
        return model
    folder = Path(os.path.normpath(given_path(model).expanduser().absolute()))
    if not folder.is_dir():
        raise EmbeddingError(
            f"{model} is no folder", hint="name the folder of a model, or 'default' for the one that comes with Conexus"
        )
    return str(folder)


def _in_force() -> str:
    return config_files.load(config_files.current_environ(), None, {}).config.index.model


def _indexed() -> list[ViewStatus]:
    with open_session() as session:
        return session.service.status(USER)


def _notices(loaded: config_files.Loaded, chosen: str) -> list[str]:
    """Say what keeps the choice from taking effect at once."""
    from conexus.daemon import discovery  # noqa: PLC0415 -- not for other commands

    found = []
    if loaded.config.index.model != chosen:
        found.append(f"{SETTING} is also set by {loaded.origins[SETTING]}, which goes over your file")
    if loaded.config.store.path != config_files.MEMORY and discovery.is_running(config_files.data_dir(loaded.config)):
        found.append("the daemon that runs has the former model; restart it: conexus daemon restart")
    return found


def _dim(info: ModelInfo) -> str:
    return "?" if info.dim is None else str(info.dim)


def _described(info: ModelInfo, in_force: str, indexed: list[ViewStatus]) -> list[str]:
    digest = {"ok": "ok: all files are as they were made", "none": "none: nothing says what the files must be"}
    pieces = "" if info.pieces is None else f", {info.pieces:,} pieces"
    used = [f"{console.one_line(status.name)} ({console.one_line(status.root)})" for status in info.used_by(indexed)]
    lines = [
        console.one_line(info.name) + ("  (in force)" if info.model == in_force else ""),
        f"  folder       {console.one_line(str(folder_of(info.model)))}",
        f"  kind         {info.kind}",
        f"  dimensions   {_dim(info)}{pieces}",
        f"  size         {console.size(info.size_bytes)}",
        f"  languages    {console.one_line(info.languages) or 'not said'}",
        f"  licence      {console.one_line(info.licence) or 'not said'}",
        f"  fingerprint  {info.fingerprint or 'none'}",
        f"  digest       {digest.get(info.digest, info.digest)}",
        f"  used by      {', '.join(used) or 'no index'}",
    ]
    if info.problem:
        lines.append(f"  problem      {console.one_line(info.problem)}")
        lines.append(f"  hint         {console.one_line(info.hint)}")
    return lines


def _as_json(info: ModelInfo, in_force: str, indexed: list[ViewStatus]) -> dict[str, object]:
    found = dataclasses.asdict(info)
    del found["known_as"]
    return {
        **found,
        "folder": str(folder_of(info.model)),
        "in_force": info.model == in_force,
        "used_by": [{"name": status.name, "root": status.root} for status in info.used_by(indexed)],
    }
