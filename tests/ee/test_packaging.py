# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What is in the wheel, and the tools that keep both licences apart."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from conexus_ee.licensing import main

ROOT = Path(__file__).parents[2]


def tool(name: str) -> ModuleType:
    """A program of ``tools``."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_wheel_has_both_packages_their_licences_and_their_data(tmp_path: Path) -> None:
    """Each licence beside its package and among the files of the distribution; the limits; the entry point."""
    from hatchling.builders.wheel import WheelBuilder  # noqa: PLC0415 -- only here

    [path] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        [entries] = [name for name in names if name.endswith(".dist-info/entry_points.txt")]
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        assert "conexus_ee = conexus_ee.edition:PACKAGE" in wheel.read(entries).decode()
        said = wheel.read(metadata).decode()
    assert "License-Expression: FSL-1.1-MIT AND LicenseRef-Conexus-Commercial" in said
    assert {"conexus_ee/LICENSE", "conexus_ee/keys.py", "conexus_ee/README.md"} <= names
    assert {f"conexus/editions/{plan}.toml" for plan in ("community", "pro", "enterprise")} <= names
    folder = entries.partition("/")[0]
    for file in ("LICENSE.FSL", "NOTICE", "conexus_ee/LICENSE"):
        assert f"{folder}/licenses/{file}" in names
    assert not [name for name in names if "private" in name or name.endswith((".pem", ".jwt"))]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("from conexus_ee.access import GroupPolicy", "imports conexus_ee"),
        ("import conexus_ee", "imports conexus_ee"),
        ('import importlib\nMODULE = importlib.import_module("conexus_ee.access")', "names a module of conexus_ee"),
        ('__import__("conexus_ee")', "names a module of conexus_ee"),
    ],
)
def test_a_core_that_leans_on_the_paid_package_is_found(tmp_path: Path, line: str, what: str) -> None:
    """By an ordinary import, a late one, and a name in a text."""
    check = tool("check_editions")
    (tmp_path / "conexus").mkdir()
    (tmp_path / "conexus" / "leaning.py").write_text(f'"""Nothing."""\n\n\ndef f():\n    pass\n\n{line}\n')
    found = check.findings(tmp_path)
    assert len(found) == 1
    assert what in found[0]


def test_code_that_was_copied_is_found(tmp_path: Path) -> None:
    """A function of the paid package in the core, also under another name of the file and with other comments."""
    check = tool("check_editions")
    for name in ("conexus", "conexus_ee"):
        (tmp_path / name).mkdir()
    source = (ROOT / "conexus_ee" / "rights.py").read_text(encoding="utf-8")
    (tmp_path / "conexus_ee" / "rights.py").write_text(source, encoding="utf-8")
    start = source.index("def subjects_of")
    copied = source[start : source.index("def groups_of")].replace('"""Return all', '"""Give all')
    (tmp_path / "conexus" / "people.py").write_text(f'"""People."""\n\n\n{copied}', encoding="utf-8")
    found = check.findings(tmp_path)
    assert found
    assert all("conexus/people.py" in line and "the same code as conexus_ee/rights.py" in line for line in found)


def test_licence_lines_are_written_and_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each file gets the line of its folder, once; one of another licence is corrected; what is generated stays."""
    spdx = tool("spdx")
    monkeypatch.setattr(spdx, "ROOT", tmp_path)
    files = {
        "conexus/a.py": '"""A."""\n',
        "conexus/b.py": "# SPDX-License-Identifier: MIT\nB = 1\n",
        "conexus/v1/c.py": "C = 1\n",
        "conexus/empty.py": "",
        "conexus_ee/d.py": "D = 1\n",
        "tests/ee/e.py": "E = 1\n",
        "tools/f.sh": "#!/bin/sh\necho f\n",
        "clients/g.ts": "export {};\n",
        "proto/h.proto": 'syntax = "proto3";\n',
        "tests/golden/samples/i.py": "I = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert spdx.main([]) == 1
    assert spdx.main(["--fix"]) == 0
    once = {name: (tmp_path / name).read_text(encoding="utf-8") for name in files}
    assert spdx.main([]) == 0
    assert spdx.main(["--fix"]) == 0
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in files} == once
    core, paid = "SPDX-License-Identifier: FSL-1.1-MIT\n", "SPDX-License-Identifier: LicenseRef-Conexus-Commercial\n"
    assert once["conexus/a.py"] == f'# {core}"""A."""\n'
    assert once["conexus/b.py"] == f"# {core}B = 1\n"
    assert once["conexus_ee/d.py"] == f"# {paid}D = 1\n"
    assert once["tests/ee/e.py"] == f"# {paid}E = 1\n"
    assert once["tools/f.sh"] == f"#!/bin/sh\n# {core}echo f\n"
    assert once["clients/g.ts"] == f"// {core}export {{}};\n"
    for name in ("conexus/v1/c.py", "conexus/empty.py", "tests/golden/samples/i.py"):
        assert once[name] == files[name]


def test_the_vendors_tool_makes_keys_and_licences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A private key for its owner alone, a licence signed with it, and what it says; a key that is not ours is told."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as exc:  # how argparse ends
            code = cast("int", exc.code)
        told = capsys.readouterr()
        return code, told.out, told.err

    code, out, err = run("keygen", "--out", str(tmp_path / "keys"))
    assert code == 0
    [key] = (tmp_path / "keys").iterdir()
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.name.split(".")[0] in out
    assert "PRIVATE" not in out + err
    limits = ("--customer", "Acme", "--tier", "pro", "--repos", "20", "--days", "30")
    code, _, err = run("issue", "--key", str(key), *limits, "--out", str(tmp_path / "acme.jwt"))
    assert (code, "does not know the key" in err) == (0, True)
    code, out, err = run("inspect", str(tmp_path / "acme.jwt"))
    assert (code, "foreign" in err, '"customer": "Acme"' in out) == (1, True, True)
    begins = ("--not-before", "2099-01-31", "--out", str(tmp_path / "test.jwt"))
    assert run("issue", "--test", *limits, *begins)[0] == 0
    assert '"nbf": 4073500800' in run("inspect", "--test", str(tmp_path / "test.jwt"))[1]
    for wrong in (("issue", "--key", "nowhere", *limits), ("issue", "--test", *limits[:-1], "-1"), ("inspect", "no")):
        assert run(*wrong)[0] == 2
    enterprise = ("--customer", "Acme", "--tier", "enterprise", "--repos", "50")
    for asked, said in {
        (*enterprise, "--features", "audit_log,beer"): "enterprise has no feature beer",
        (*enterprise, "--features", ", ,"): "no feature is named",
        (*limits, "--features", "directory"): "pro has no feature directory",
        ("--customer", "Acme", "--tier", "pro", "--repos", "21"): "pro has 20 repositories at most",
        (*enterprise, "--repos", "0"): "argument --repos: '0' is no whole number",
        (*enterprise, "--customer", "a\tb"): "argument --customer",
        (*enterprise, "--not-before", "2001-01-31", "--days", "5"): "would be over already",
    }.items():
        code, out, err = run("issue", "--test", *asked)
        assert (code, out, said in err) == (2, "", True), err
    code, out, err = run("issue", "--test", *enterprise, "--out", str(tmp_path / "no" / "folder.jwt"))
    assert (code, "enterprise for Acme" in err) == (2, False)
    assert "inspect --test" in run("inspect", str(tmp_path / "test.jwt"))[2]
