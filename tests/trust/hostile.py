# SPDX-License-Identifier: FSL-1.1-MIT
"""Builds trees that were made to do harm, and the files outside of them that they try to have read.

Every text outside holds words that stand nowhere else, canaries: one that shows up in an index or an answer was read.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from attacks import SEED
from program import commit, git, write

DEEP = 4_096
PROGRAMS = ("git", "sh", "bash", "ssh", "less", "cat", "python", "env", "touch", "curl", "node", "make", "gpg", "hook")
CONTROLS = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b5n\x7f\u202e\u2066\u200b"


@dataclass
class Grounds:
    """A folder with a tree, and what lies around it."""

    folder: Path
    dice: random.Random
    words: list[str] = field(default_factory=list)
    """The canaries."""
    stray: str = ""
    """A commit of the private repository."""

    @property
    def root(self) -> Path:
        """The hostile tree."""
        return self.folder / "root"

    @property
    def outside(self) -> Path:
        """Where it must not read."""
        return self.folder / "outside"

    @property
    def victim(self) -> Path:
        """A repository of somebody else's."""
        return self.folder / "victim"

    @property
    def mark(self) -> Path:
        """What a program makes that the tree has started."""
        return self.folder / "started"

    def canary(self) -> str:
        """A word that stands nowhere else."""
        self.words.append(f"zqx{self.dice.getrandbits(64):016x}")
        return self.words[-1]

    def code(self) -> str:
        """Code with canaries, that is worth indexing."""
        return f"def {self.canary()}(value):\n    '''Weighs {self.canary()}.'''\n    return value\n"


@contextmanager
def made(folder: Path, dice: random.Random, ingredients: list[str], git_form: str) -> Iterator[Grounds]:
    """A tree of some ingredients, and what lies outside of it, until the end of the block."""
    grounds = Grounds(folder, dice)
    grounds.root.mkdir(parents=True)
    _plant(grounds)
    GIT_FORMS[git_form](grounds)
    for name in ingredients:
        INGREDIENTS[name](grounds)
    try:
        yield grounds
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)  # the only thing that removes a tree however deep


def _plant(grounds: Grounds) -> None:
    """Lay out what must not be read."""
    c = grounds.canary
    rules = f"[{c()}iot]*.py\n!{c()}\n*.{c()}\n"
    write(
        grounds.outside,
        {
            "secret.py": grounds.code(),
            "passwd": f"root:x:0:0:{c()}:/root:/bin/sh\n{c()}\n",
            "rules": rules,
            "attributes": f"[{c()}ti]*.py linguist-generated\n",
            "config": f'[remote "origin"]\n\turl = https://example.org/team/{c()}.git\n',
            "broken.toml": f"[index\n{c()} = \n",
            f"box/{c()}.py": grounds.code(),
            f"box/{c()}/deeper.py": grounds.code(),
            "box/.gitignore": rules,
            "box/package.json": f'{{"name": "{c()}", "dependencies": {{"{c()}": "1"}}}}\n',
            "box/Cargo.toml": f'[package]\nname = "{c()}"\nversion = "1.0.0"\n',
            "box/tsconfig.json": f'{{"compilerOptions": {{"paths": {{"{c()}/*": ["./*"]}}}}}}\n',
            "box/composer.json": f'{{"name": "acme/{c()}"}}\n',
            "box/requirements.txt": f"{c()}==1.0\n",
            "box/go.mod": f"module example.org/{c()}\n",
            "box/pom.xml": f"<project><groupId>{c()}</groupId><artifactId>{c()}</artifactId></project>\n",
            "box/env": f"SECRET={c()}\n",
        },
    )
    (grounds.outside / "alias").symlink_to(grounds.outside / "box" / grounds.canary())
    (grounds.folder / "root-evil").mkdir()
    write(grounds.folder / "root-evil", {"x.py": grounds.code(), f"{grounds.canary()}.py": grounds.code()})
    os.link(_plain(grounds), grounds.root / "hard_link.py")


def _plain(grounds: Grounds) -> Path:
    """A file outside without a canary: another name of it is a file of the tree as any other."""
    place = grounds.outside / "plain.py"
    place.write_text("def of_a_hard_link():\n    return 1\n")
    return place


# ----------------------------------------------------------------------------------------------- ingredients


def _links(grounds: Grounds) -> None:
    root, outside = grounds.root, grounds.outside
    targets = {
        "relative.py": "../outside/secret.py",
        "absolute.py": str(outside / "secret.py"),
        "folder": str(outside / "box"),
        "sub/folder": "../../outside/box",
        "alias.py": str(outside / "alias"),
        "dots.py": f"{root}/../outside/secret.py",
        "up.py": "sub/../../outside/secret.py",
        "passwd.txt": "../outside/passwd",
        "disk": "/",
        "evil": "../root-evil",
        "evil.py": f"{root}-evil/x.py",
        "nothing.py": f"{outside}/not_there.py",
    }
    for name, target in targets.items():
        _link(root / name, target)


def _chains(grounds: Grounds) -> None:
    root = grounds.root
    for number in range(5):
        _link(root / "chain" / f"link{number}.py", f"link{number + 1}.py")
    _link(root / "chain" / "link5.py", "../../outside/secret.py")
    _link(root / "hop", "chain/../../outside")
    _link(root / "through.py", "hop/secret.py")
    _link(root / "through", "hop/box")


def _loops(grounds: Grounds) -> None:
    root = grounds.root
    for name, target in {"self": "self", "one": "two", "two": "one", "here": ".", "sub/above": ".."}.items():
        _link(root / name, target)


def _proc(grounds: Grounds) -> None:
    targets = {
        "environ.txt": "/proc/self/environ",
        "root.py": f"/proc/self/root{grounds.outside}/secret.py",
        "folder": f"/proc/self/root{grounds.outside}/box",
        "maps.txt": "/proc/self/maps",
        "fd": "/proc/self/fd",
        "cwd": "/proc/self/cwd",
        "parent.txt": f"/proc/{os.getpid()}/environ",
    }
    for name, target in targets.items():
        _link(grounds.root / "proc" / name, target)


def _specials(grounds: Grounds) -> None:
    folder = grounds.root / "special"
    folder.mkdir()
    os.mkfifo(folder / "pipe.py")
    opened = os.open(folder, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{opened}/socket.py")  # a socket's name has to be short
    os.close(opened)
    if os.geteuid() == 0:
        os.mknod(folder / "zero.py", stat.S_IFCHR | 0o644, os.makedev(1, 5))
        os.mknod(folder / "tty.py", stat.S_IFCHR | 0o644, os.makedev(5, 0))
        os.mknod(folder / "disk.py", stat.S_IFBLK | 0o644, os.makedev(7, 0))


def _names(grounds: Grounds) -> None:
    (grounds.root / "names").mkdir()
    folder = os.fsencode(grounds.root / "names")
    dice = grounds.dice
    names = [
        *(b"new\nline.py", b"\x1b[31mred.py", b"\xff\xfe\x80.py", CONTROLS.encode().replace(b"/", b"") + b".py"),
        *(b"-rf", b"--help.py", b"$(touch x).py", b"`id`.py", b"a;b.py", b"..py", b"...", b" ", b"%s%n.py"),
        b"\\..\\x.py",
        *(b"x" * 252 + b".py", "é".encode() * 126 + b".py", b"\xe2\x80\xae" + b"yp.exe", b"CON", b"nul.py", b"a\tb.py"),
        *(bytes(dice.choices([*range(1, 47), *range(48, 256)], k=dice.randint(1, 60))) for _ in range(10)),
    ]
    for name in {*names} - {b".", b".."}:
        with open(folder + b"/" + name, "wb") as stream:  # noqa: PTH123 -- a name of bytes
            stream.write(b"def named():\n    return 1\n")


def _deep(grounds: Grounds) -> None:
    descriptor = os.open(grounds.root, os.O_RDONLY)
    name = "d" * grounds.dice.choice((1, 2, 7))
    for _ in range(DEEP):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("bottom.py", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)


def _rule_links(grounds: Grounds) -> None:
    outside = grounds.outside
    for folder in ("", "below/"):
        _link(grounds.root / f"{folder}.gitignore", outside / "rules")
        _link(grounds.root / f"{folder}.conexusignore", outside / "rules")
        _link(grounds.root / f"{folder}.gitattributes", outside / "attributes")
    write(grounds.root, {"iotbait.py": "bait = 1\n", "below/tibait.py": "bait = 2\n"})
    _link(grounds.root / "CODEOWNERS", outside / "passwd")


def _manifests(grounds: Grounds) -> None:
    box = "../outside/box"
    write(
        grounds.root,
        {
            "package.json": f'{{"name": "web", "workspaces": ["{box}", "../../../*", "../outside/*"], '
            f'"dependencies": {{"x": "file:{box}", "y": "link:{box}"}}}}\n',
            "pnpm-workspace.yaml": f"packages:\n  - '{box}'\n  - '../../**'\n",
            "Cargo.toml": f'[workspace]\nmembers = ["{box}"]\n[dependencies]\na = {{ path = "{box}" }}\n',
            "tsconfig.json": f'{{"extends": "{box}/tsconfig.json", "references": [{{"path": "{box}"}}], '
            f'"compilerOptions": {{"baseUrl": "../outside", "paths": {{"@/*": ["{box}/*", "/etc/*"]}}}}}}\n',
            "sub/tsconfig.json": '{"extends": "/etc/passwd"}\n',
            "composer.json": f'{{"repositories": [{{"type": "path", "url": "{box}"}}], "require": {{"a/x": "*"}}}}\n',
            "requirements.txt": f"-r {box}/requirements.txt\n-r /etc/passwd\n-c {box}/requirements.txt\n-e {box}\n",
            "pyproject.toml": f'[project]\nname = "p"\ndynamic = ["version", "readme", "dependencies"]\n'
            f'[tool.setuptools.dynamic]\ndependencies = {{ file = ["{box}/requirements.txt"] }}\n'
            f'readme = {{ file = ["{box}/env"] }}\n[tool.uv.sources]\nq = {{ path = "{box}" }}\n',
            "setup.cfg": f"[metadata]\nname = s\nlong_description = file: {box}/env\n[options]\n"
            f"install_requires = file: {box}/requirements.txt\n",
            "go.mod": f"module example.org/m\nreplace example.org/x => {box}\n",
            "go.work": f"go 1.22\nuse {box}\n",
            "pom.xml": f"<!DOCTYPE p [<!ENTITY e SYSTEM 'file://{grounds.outside}/passwd'>]><project><parent>"
            f"<groupId>g</groupId><artifactId>a</artifactId><relativePath>{box}/pom.xml</relativePath></parent>"
            f"<artifactId>&e;</artifactId><modules><module>{box}</module></modules></project>\n",
            "settings.gradle": f"includeBuild '{box}'\napply from: '{box}/env'\n",
            "Gemfile": f"gem 'x', path: '{box}'\neval_gemfile '{box}/env'\ngemspec path: '{box}'\n",
            "mix.exs": f'defmodule M.MixProject do\n  def project, do: [app: :m, deps: [{{:x, path: "{box}"}}]]\nend\n',
            "Package.swift": f'let package = Package(name: "P", dependencies: [.package(path: "{box}")])\n',
            "a.csproj": f'<Project><Import Project="{box}/pom.xml" /><ItemGroup><ProjectReference '
            f'Include="{box}/x.csproj" /></ItemGroup></Project>\n',
            "docker-compose.yml": f"include:\n  - {box}/env\nservices:\n  a:\n    env_file: {box}/env\n",
            "Dockerfile": f"FROM scratch\nCOPY {box} /x\n",
            "main.tf": f'module "m" {{\n  source = "{box}"\n  x = file("{box}/env")\n}}\n',
            ".github/workflows/a.yml": f"jobs:\n  a:\n    uses: ./{box}/env\n    steps:\n      - uses: {box}\n",
            "CMakeLists.txt": f"include({box}/env)\nadd_subdirectory({box})\n",
            "main.c": f'#include "{box}/env"\n#include "/etc/passwd"\nint main(void) {{ return 0; }}\n',
            "index.ts": f"import x from '{box}/tsconfig.json';\nimport '/etc/passwd';\n",
        },
    )


def _git_programs(grounds: Grounds) -> None:
    """What git would run, were it run; also without a repository."""
    start = f"touch {grounds.mark}"
    write(
        grounds.root,
        {
            ".gitattributes": "* filter=evil diff=evil merge=evil\n*.py ident eol=crlf working-tree-encoding=UTF-16\n",
            ".gitmodules": f'[submodule "a"]\n\tpath = ../../outside\n\turl = ext::sh -c {start}\n\tupdate = !{start}\n'
            '[submodule "../../x"]\n\tpath = --upload-pack=x\n\turl = -u./x\n',
            ".lfsconfig": f"[lfs]\n\turl = ext::{start}\n",
            ".envrc": start + "\n",
            ".vscode/settings.json": f'{{"git.path": "{grounds.root}/git"}}\n',
            "conftest.py": f"import os\nos.system('{start}')\n",
            "sitecustomize.py": f"import os\nos.system('{start}')\n",
            "conexus/__init__.py": f"import os\nos.system('{start}')\n",
            "conexus/worker.py": f"import os\nos.system('{start}')\n",
            "git": f"#!/bin/sh\n{start}\n",
        },
    )
    (grounds.root / "git").chmod(0o755)


INGREDIENTS: dict[str, Callable[[Grounds], None]] = {
    "links": _links,
    "chains": _chains,
    "loops": _loops,
    "proc": _proc,
    "specials": _specials,
    "names": _names,
    "deep": _deep,
    "rule links": _rule_links,
    "manifests": _manifests,
    "programs": _git_programs,
}


def _link(place: Path, target: str | Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink() and not place.exists():
        place.symlink_to(target)


# ------------------------------------------------------------------------------------------------------- git


def _no_git(grounds: Grounds) -> None:
    pass


def _ordinary(grounds: Grounds) -> None:
    write(grounds.root, {"tracked.py": "def tracked():\n    return 1\n"})
    commit(grounds.root, f"https://example.org/team/hostile{grounds.dice.getrandbits(40)}.git")


def _victim(grounds: Grounds) -> None:
    """A private repository, of which the hostile one knows a commit."""
    write(grounds.victim, {f"{grounds.canary()}.py": grounds.code(), "b.py": grounds.code()})
    commit(grounds.victim, f"https://example.org/private/{grounds.canary()}.git")
    git(grounds.victim, "checkout", "--quiet", "-b", grounds.canary())
    grounds.stray = git(grounds.victim, "rev-parse", "HEAD").strip()
    write(grounds.victim, {".git/info/exclude": (grounds.outside / "rules").read_text()})
    write(grounds.victim, {".git/info/attributes": (grounds.outside / "attributes").read_text()})
    write(grounds.root, {"iotbait.py": "bait = 1\n", "tibait.py": "bait = 2\n"})


def _hooks(grounds: Grounds) -> None:
    _ordinary(grounds)
    start = f"touch {grounds.mark}"
    folder = grounds.root / ".git"
    names = ("fsmonitor", "editor", "pager", "sshCommand", "askPass", "gitProxy", "alternateRefsCommand", "hooksPath")
    core = "".join(f"\t{name} = {grounds.root}/.git/hooks/run\n" for name in names)
    write(
        folder,
        {
            "config": f'{(folder / "config").read_text()}[core]\n{core}[filter "evil"]\n\tclean = {start}\n\t'
            f'smudge = {start}\n\tprocess = {start}\n\trequired = true\n[diff "evil"]\n\ttextconv = {start}\n\t'
            f"command = {start}\n[diff]\n\texternal = {start}\n[credential]\n\thelper = !{start}\n[gpg]\n\t"
            f'program = {start}\n[merge "evil"]\n\tdriver = {start}\n[uploadpack]\n\tpackObjectsHook = {start}\n',
        },
    )
    hooks = "run pre-commit post-checkout post-index-change fsmonitor-watchman reference-transaction".split()
    for name in hooks:
        write(folder, {f"hooks/{name}": f"#!/bin/sh\n{start}\n"})
        (folder / "hooks" / name).chmod(0o755)


def _settings(grounds: Grounds) -> None:
    """Settings of a repository that name files elsewhere."""
    _ordinary(grounds)
    outside = grounds.outside
    place = grounds.root / ".git" / "config"
    kept = place.read_text().split("[remote")[0]
    place.write_text(
        f"{kept}[include]\n\tpath = {outside}/config\n\tpath = ../../outside/config\n"
        f'[includeIf "gitdir:/"]\n\tpath = {outside}/config\n[core]\n\tworktree = {outside}\n'
        f"\texcludesFile = {outside}/rules\n\tattributesFile = {outside}/attributes\n"
    )
    write(grounds.root, {"iotbait.py": "bait = 1\n", "tibait.py": "bait = 2\n"})


def _borrowed(grounds: Grounds) -> None:
    """Objects of the private repository."""
    _ordinary(grounds)
    _victim(grounds)
    objects = grounds.root / ".git" / "objects"
    write(objects, {"info/alternates": f"{grounds.victim}/.git/objects\n../../../victim/.git/objects\n"})
    write(grounds.root, {".git/refs/heads/stray": grounds.stray + "\n"})
    write(grounds.root, {".git/packed-refs": f"{grounds.stray} refs/heads/main\n"})


def _linked_objects(grounds: Grounds) -> None:
    _borrowed(grounds)
    objects = grounds.root / ".git" / "objects"
    shutil.rmtree(objects)
    if grounds.dice.random() < 0.5:
        objects.symlink_to(grounds.victim / ".git" / "objects")
    else:
        (objects / "pack").mkdir(parents=True)
        for place in (grounds.victim / ".git" / "objects").iterdir():
            if len(place.name) == 2:
                (objects / place.name).symlink_to(place)


def _pointer_out(grounds: Grounds) -> None:
    _victim(grounds)
    target = grounds.dice.choice((f"{grounds.victim}/.git", "../victim/.git", "x/../../victim/.git"))
    write(grounds.root, {".git": f"gitdir: {target}\n"})


def _link_out(grounds: Grounds) -> None:
    _victim(grounds)
    (grounds.root / ".git").symlink_to(grounds.dice.choice((f"{grounds.victim}/.git", "../victim/.git")))


def _common_out(grounds: Grounds) -> None:
    _victim(grounds)
    write(grounds.root, {".git": "gitdir: mine/worktrees/x\n"})
    write(
        grounds.root / "mine" / "worktrees" / "x",
        {"HEAD": "ref: refs/heads/main\n", "commondir": f"{grounds.victim}/.git\n", "gitdir": f"{grounds.root}/.git\n"},
    )


def _worktree_of_another(grounds: Grounds) -> None:
    _victim(grounds)
    git(grounds.victim, "worktree", "add", "--quiet", "--detach", str(grounds.folder / "theirs"))
    write(grounds.root, {".git": f"gitdir: {grounds.victim}/.git/worktrees/theirs\n"})


def _links_inside(grounds: Grounds) -> None:
    """Single files of git's that are links."""
    _ordinary(grounds)
    _victim(grounds)
    theirs, mine = grounds.victim / ".git", grounds.root / ".git"
    names = ["HEAD", "config", "index", "packed-refs", "info/exclude", "info/attributes", "refs/heads"]
    for name in grounds.dice.sample(names, grounds.dice.randint(3, len(names))):
        place = mine / name
        if place.is_dir():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(theirs / name)


def _damaged(grounds: Grounds) -> None:
    _ordinary(grounds)
    for name in ("index", "packed-refs", "HEAD", "config", "info/exclude"):
        place = grounds.root / ".git" / name
        data = bytearray(place.read_bytes() if place.exists() else b"")
        for _ in range(grounds.dice.randint(0, 8)):
            if data:
                data[grounds.dice.randrange(len(data))] = grounds.dice.randrange(256)
        place.write_bytes(bytes(data) + grounds.dice.randbytes(grounds.dice.choice((0, 0, 300))))
    for place in (grounds.root / ".git" / "objects").glob("??/*"):
        if grounds.dice.random() < 0.3:
            place.chmod(0o644)
            place.write_bytes(grounds.dice.randbytes(50))


def _hostile_objects(grounds: Grounds) -> None:
    """Trees with names that lead out, and links among the files of a commit."""
    _ordinary(grounds)
    root = grounds.root
    blob = _stored(root, "blob", str(grounds.outside / "secret.py").encode())
    entries = b"".join(
        mode + b" " + name + b"\0" + bytes.fromhex(blob)
        for mode, name in (
            (b"100644", b".."),
            (b"100644", b"../outside/written.py"),
            (b"100644", b".git"),
            (b"100644", b"/etc/written.py"),
            (b"120000", b"link.py"),
            (b"160000", b"module"),
            (b"100644", b"good.py"),
            (b"10000", b"fifo.py"),
        )
    )
    tree = _stored(root, "tree", entries)
    made_of = f"tree {tree}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n"
    write(root, {".git/refs/heads/stray": _stored(root, "commit", made_of.encode()) + "\n"})


def _modules(grounds: Grounds) -> None:
    """Submodules that lie elsewhere, by the index and by their own files."""
    _ordinary(grounds)
    _victim(grounds)
    zeros = "1" * 40
    for path in ("sub", "deep/sub"):
        git(grounds.root, "update-index", "--add", "--cacheinfo", f"160000,{zeros},{path}")
        write(grounds.root, {f"{path}/.git": f"gitdir: {grounds.victim}/.git\n", f"{path}/a.py": "a = 1\n"})
    place = grounds.root / ".git" / "index"
    place.write_bytes(place.read_bytes().replace(b"deep/sub", b"../../xx"))
    write(grounds.root, {".git/modules/sub/config": f"[core]\n\tworktree = {grounds.outside}\n"})


def _stored(root: Path, kind: str, data: bytes) -> str:
    done = subprocess.run(
        ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"],
        cwd=root,
        input=data,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


GIT_FORMS: dict[str, Callable[[Grounds], None]] = {
    "none": _no_git,
    "ordinary": _ordinary,
    "hooks": _hooks,
    "settings": _settings,
    "borrowed": _borrowed,
    "linked objects": _linked_objects,
    "pointer out": _pointer_out,
    "link out": _link_out,
    "common out": _common_out,
    "worktree of another": _worktree_of_another,
    "links inside": _links_inside,
    "damaged": _damaged,
    "hostile objects": _hostile_objects,
    "modules": _modules,
}


def recipes(number: int, rounds: int, dice: random.Random) -> tuple[list[str], str]:
    """What goes into a tree: each ingredient once in all rounds, and what chance adds; a few rounds have some forms."""
    forms, names = list(GIT_FORMS), list(INGREDIENTS)
    form = forms[(number + SEED) % len(forms)]
    own = names[number % len(names) :: max(1, min(rounds, len(names)))]
    return sorted({*own, *(name for name in names if name != "deep" and dice.random() < 0.4)}), form


def programs_that_mark(folder: Path, mark: Path) -> Path:
    """A folder for PATH, of programs that leave a mark when they are run."""
    folder.mkdir()
    for name in PROGRAMS:
        place = folder / name
        place.write_text(f"#!/bin/sh\n: > '{mark}'\n")
        place.chmod(0o755)
    return folder


def files_below(*folders: Path) -> Iterator[bytes]:
    """What is in all files below some folders, and their paths."""
    for folder in folders:
        for place in folder.rglob("*"):
            yield os.fsencode(place)
            if place.is_file():
                yield place.read_bytes()
