# SPDX-License-Identifier: FSL-1.1-MIT
"""The languages Conexus knows: how to tell them, and which grammar and queries they use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from conexus.values import dataclass

_SHEBANG = re.compile(rb"^#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*)?([\w.+-]+)")


@dataclass(frozen=True, slots=True)
class Language:
    """One language."""

    name: str
    grammar: str = ""
    """Name in tree-sitter-language-pack; empty for languages that are cut by lines."""
    extensions: tuple[str, ...] = ()
    """Lower case, with the dot."""
    filenames: tuple[str, ...] = ()
    """Whole names, lower case."""
    interpreters: tuple[str, ...] = ()
    """Names after ``#!``, without a version."""
    is_data: bool = False
    """Whether files are data rather than code or prose: they have a smaller size limit."""
    queries: str = ""
    """Name of its query file, where that is not ``<name>.scm``; several are joined by ``+``."""
    embedded: tuple[tuple[str, str], ...] = ()
    """(node type, language) of parts in another language, as ``("script_element", "typescript")``."""


LANGUAGES: tuple[Language, ...] = (
    Language("python", "python", (".py", ".pyi", ".pyw"), ("sconstruct", "sconscript", "wscript"), ("python", "pypy")),
    Language(
        "javascript",
        "javascript",
        (".js", ".mjs", ".cjs", ".jsx"),
        ("jakefile",),
        ("node", "deno", "bun"),
        queries="javascript+jsx",
    ),
    Language("typescript", "typescript", (".ts", ".mts", ".cts"), interpreters=("ts-node", "tsx")),
    Language("tsx", "tsx", (".tsx",), queries="typescript+jsx"),
    Language("go", "go", (".go",)),
    Language("rust", "rust", (".rs",)),
    Language("java", "java", (".java",)),
    Language("c", "c", (".c", ".h")),
    Language(
        "cpp",
        "cpp",
        (".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".tpp", ".inl", ".cu", ".cuh"),
        queries="cpp+c",
    ),
    Language("csharp", "csharp", (".cs", ".csx")),
    Language(
        "ruby",
        "ruby",
        (".rb", ".rake", ".gemspec", ".ru", ".podspec", ".jbuilder"),
        ("rakefile", "gemfile", "guardfile", "podfile", "capfile", "vagrantfile", "brewfile", "fastfile"),
        ("ruby", "jruby"),
    ),
    Language("php", "php", (".php", ".phtml", ".php5", ".inc"), interpreters=("php",)),
    Language("swift", "swift", (".swift",), interpreters=("swift",)),
    Language("kotlin", "kotlin", (".kt", ".kts")),
    Language("scala", "scala", (".scala", ".sc", ".sbt"), interpreters=("scala",)),
    Language("lua", "lua", (".lua", ".rockspec"), interpreters=("lua", "luajit")),
    Language("elixir", "elixir", (".ex", ".exs"), ("mix.lock",), ("elixir",)),
    Language("haskell", "haskell", (".hs", ".lhs"), interpreters=("runhaskell", "runghc")),
    Language(
        "bash",
        "bash",
        (".sh", ".bash", ".zsh", ".ksh", ".bats", ".ebuild"),
        (".bashrc", ".bash_profile", ".profile", ".zshrc", "pkgbuild"),
        ("sh", "bash", "zsh", "dash", "ksh", "bats"),
    ),
    Language("zig", "zig", (".zig", ".zon")),
    Language("dart", "dart", (".dart",), interpreters=("dart",)),
    Language("r", "r", (".r",), (".rprofile",), ("rscript",)),
    Language("julia", "julia", (".jl",), interpreters=("julia",)),
    Language("perl", "perl", (".pl", ".pm", ".t", ".psgi"), ("cpanfile",), ("perl",)),
    Language("ocaml", "ocaml", (".ml",), interpreters=("ocaml",), queries="ocaml-interface+ocaml"),
    Language("ocaml-interface", "ocaml_interface", (".mli",)),
    Language("objc", "objc", (".m", ".mm"), queries="objc+c"),
    Language("sql", "sql", (".sql", ".ddl", ".dml", ".psql")),
    Language("hcl", "hcl", (".hcl", ".tf", ".tfvars", ".nomad")),
    Language("protobuf", "proto", (".proto",)),
    Language("dockerfile", "dockerfile", (".dockerfile",), ("dockerfile", "containerfile")),
    Language(
        "html",
        "html",
        (".html", ".htm", ".xhtml"),
        embedded=(("script_element", "javascript"), ("style_element", "css")),
    ),
    Language("css", "css", (".css",)),
    Language("vue", "vue", (".vue",), embedded=(("script_element", "typescript"), ("style_element", "css"))),
    Language("svelte", "svelte", (".svelte",), embedded=(("script_element", "typescript"), ("style_element", "css"))),
    Language("markdown", "markdown", (".md", ".markdown", ".mdx", ".mkd")),
    Language(
        "json",
        "json",
        (".json", ".jsonc", ".json5", ".geojson", ".webmanifest", ".code-workspace"),
        (".babelrc", ".eslintrc", ".prettierrc", "composer.lock"),
        is_data=True,
    ),
    Language("yaml", "yaml", (".yaml", ".yml"), (".clang-format", ".clang-tidy"), is_data=True),
    Language("toml", "toml", (".toml",), ("cargo.lock", "poetry.lock", "uv.lock", "pipfile"), is_data=True),
    Language("notebook", "json", (".ipynb",), queries="json"),
    # Cut by lines: known by name, so that they can be filtered, though no syntax tree is used.
    Language("text", extensions=(".txt", ".text", ".log")),
    Language("restructuredtext", extensions=(".rst", ".rest")),
    Language("asciidoc", extensions=(".adoc", ".asciidoc")),
    Language("make", extensions=(".mk", ".mak"), filenames=("makefile", "gnumakefile")),
    Language("cmake", extensions=(".cmake",), filenames=("cmakelists.txt",)),
    Language("groovy", extensions=(".groovy", ".gradle", ".gvy"), filenames=("jenkinsfile",)),
    Language("powershell", extensions=(".ps1", ".psm1", ".psd1")),
    Language("batch", extensions=(".bat", ".cmd")),
    Language("fish", extensions=(".fish",), interpreters=("fish",)),
    Language("scss", extensions=(".scss", ".sass")),
    Language("less", extensions=(".less",)),
    Language("graphql", extensions=(".graphql", ".gql", ".graphqls")),
    Language("thrift", extensions=(".thrift",)),
    Language("clojure", extensions=(".clj", ".cljs", ".cljc", ".edn")),
    Language("erlang", extensions=(".erl", ".hrl")),
    Language("fsharp", extensions=(".fs", ".fsi", ".fsx")),
    Language("visualbasic", extensions=(".vb", ".bas")),
    Language("nim", extensions=(".nim", ".nims")),
    Language("crystal", extensions=(".cr",)),
    Language("d", extensions=(".d", ".di")),
    Language("fortran", extensions=(".f", ".f90", ".f95", ".f03", ".f08", ".for")),
    Language("pascal", extensions=(".pas", ".pp", ".dpr", ".lpr")),
    Language("assembly", extensions=(".s", ".asm", ".nasm")),
    Language("lisp", extensions=(".lisp", ".lsp", ".cl", ".el", ".scm", ".ss", ".rkt")),
    Language("tcl", extensions=(".tcl", ".tk"), interpreters=("tclsh", "wish")),
    Language("vim", extensions=(".vim",), filenames=(".vimrc",)),
    Language("nix", extensions=(".nix",)),
    Language("latex", extensions=(".tex", ".sty", ".cls", ".bib")),
    Language("cython", extensions=(".pyx", ".pxd", ".pxi")),
    Language("solidity", extensions=(".sol",)),
    Language("glsl", extensions=(".glsl", ".vert", ".frag", ".comp", ".hlsl", ".wgsl", ".metal")),
    Language("m4", extensions=(".m4",), filenames=("configure.ac", "configure.in")),
    Language("xml", extensions=(".xml", ".xsd", ".xsl", ".xslt", ".svg", ".plist", ".resx", ".csproj"), is_data=True),
    Language("csv", extensions=(".csv", ".tsv", ".psv"), is_data=True),
    Language("ini", extensions=(".ini", ".cfg", ".conf", ".properties", ".editorconfig", ".env"), is_data=True),
    Language("diff", extensions=(".diff", ".patch"), is_data=True),
    Language("gettext", extensions=(".po", ".pot"), is_data=True),
)

BY_NAME = {language.name: language for language in LANGUAGES}

# Names that people type for a language on the command line.
_ALIASES = {
    "py": "python", "js": "javascript", "jsx": "javascript", "ts": "typescript", "golang": "go", "rs": "rust",
    "c++": "cpp", "cxx": "cpp", "c#": "csharp", "cs": "csharp", "rb": "ruby", "kt": "kotlin", "ex": "elixir",
    "hs": "haskell", "sh": "bash", "shell": "bash", "zsh": "bash", "jl": "julia", "pl": "perl", "ml": "ocaml",
    "objective-c": "objc", "objectivec": "objc", "terraform": "hcl", "tf": "hcl", "proto": "protobuf",
    "docker": "dockerfile", "md": "markdown", "yml": "yaml", "ipynb": "notebook", "jupyter": "notebook",
    "rst": "restructuredtext", "makefile": "make", "ps1": "powershell", "tex": "latex", "txt": "text",
}  # fmt: skip


def _table(keys: Iterable[tuple[tuple[str, ...], str]]) -> dict[str, str]:
    return {key: name for group, name in keys for key in group}


_BY_EXTENSION = _table((language.extensions, language.name) for language in LANGUAGES)
_BY_FILENAME = _table((language.filenames, language.name) for language in LANGUAGES)
_BY_INTERPRETER = _table((language.interpreters, language.name) for language in LANGUAGES)

_OBJC_HEADER = re.compile(rb"^\s*(?:@interface|@protocol|@class|#import)\b", re.MULTILINE)
_CPP_HEADER = re.compile(
    rb"^\s*(?:class\s+\w|namespace\s+\w|namespace\s*\{|template\s*<|using\s+\w|public:|private:|protected:)"
    rb"|\bstd::|\bconstexpr\b|\bnoexcept\b|^\s*#\s*include\s*<[a-z_]+>\s*$",
    re.MULTILINE,
)
_MATLAB = re.compile(rb"^\s*(?:function\b|%)", re.MULTILINE)
_PERL_TEST = re.compile(rb"^\s*use\s+[\w:]+|\bok\(|\bperl\b", re.MULTILINE)
_SNIFF_BYTES = 20_000


def detect(path: str, head: bytes = b"") -> Language | None:
    """Tell the language of a file from its name and, where that leaves doubt, from its beginning.

    Args:
        path: Path or name of the file.
        head: Its first bytes; may be empty, which leaves headers (``.h``) as C.

    Returns:
        The language, or ``None`` for one that is not known.
    """
    name = PurePosixPath(path).name.lower()
    found = _BY_FILENAME.get(name)
    if found is None:
        found = _BY_EXTENSION.get(PurePosixPath(name).suffix)
    if found is None and name.startswith(("dockerfile.", "containerfile.")):
        found = "dockerfile"
    if found is None:
        match = _SHEBANG.match(head)
        found = _BY_INTERPRETER.get(match[1].decode().lower().rstrip("0123456789.")) if match else None
    if found is None:
        return None
    return BY_NAME[_resolve(found, name, head[:_SNIFF_BYTES])] if found in {"c", "objc", "perl"} else BY_NAME[found]


def _resolve(found: str, name: str, head: bytes) -> str:
    """Settle endings that several languages share."""
    if name.endswith(".h"):
        if _OBJC_HEADER.search(head):
            return "objc"
        return "cpp" if _CPP_HEADER.search(head) else "c"
    if name.endswith(".m") and not _OBJC_HEADER.search(head) and _MATLAB.search(head):
        return "text"
    if name.endswith(".t") and not _PERL_TEST.search(head):
        return "text"
    return found


def canonical(name: str) -> str | None:
    """Return the name of a language that a person typed (``ts``, ``C++``), or ``None`` if it is not known."""
    lowered = name.strip().lower()
    lowered = _ALIASES.get(lowered, lowered)
    return lowered if lowered in BY_NAME else None
