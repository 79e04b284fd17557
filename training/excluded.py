# SPDX-License-Identifier: FSL-1.1-MIT
"""What must never be trained on: the repositories of the public benchmark, and packages made from them. Pure.

Names and addresses only. They come from the index of the benchmark (see ``benchmarks/quality/repositories.py``), which
``check_corpus.py`` reads again to see that none is missing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

REPOSITORIES: Final = frozenset(
    "aio-libs/aiohttp fastapi/fastapi pallets/flask encode/httpx minishlab/model2vec pydantic/pydantic psf/requests "
    "encode/starlette axios/axios expressjs/express reduxjs/redux gin-gonic/gin spf13/cobra go-chi/chi google/gson "
    "apache/commons-lang fasterxml/jackson-databind guzzle/guzzle seldaek/monolog laravel/framework sinatra/sinatra "
    "rack/rack rails/rails tokio-rs/tokio trpc/trpc neuecc/messagepack-csharp ktorio/ktor typelevel/cats "
    "alamofire/alamofire pallets/click serde-rs/serde colinhacks/zod nlohmann/json phoenixframework/phoenix "
    "tokio-rs/axum vitest-dev/vitest jamesnk/newtonsoft.json dapperlib/dapper kotlin/kotlinx.coroutines "
    "jetbrains/exposed circe/circe http4s/http4s vapor/vapor snapkit/snapkit elixir-plug/plug elixir-ecto/ecto "
    "abseil/abseil-cpp fmtlib/fmt curl/curl redis/redis libuv/libuv bats-core/bats-core haskell/aeson "
    "nvim-telescope/telescope.nvim folke/lazy.nvim ziglang/zig nvm-sh/nvm bash-it/bash-it jgm/pandoc xmonad/xmonad "
    "echasnovski/mini.nvim zigtools/zls hejsil/zig-clap".split()
)
"""``owner/name`` in lower case."""

_FORMER: Final = frozenset(
    "tiangolo/fastapi kennethreitz/requests mitsuhiko/flask bos/aeson creationix/nvm sstephenson/bats antirez/redis "
    "ziglang/zig-bootstrap messagepack-csharp/messagepack-csharp stackexchange/dapper mzabriskie/axios bagder/curl "
    "tj/express visionmedia/express chneukirchen/rack vitest-dev/vite-node vitest-dev/monorepo pydantic/pydantic-core "
    "lafrenierejm/xmonad nvim-mini/mini.nvim rackt/redux codecadwallader/dapper sveltejs/zod encode/django-starlette "
    "starlette/starlette kludex/starlette valkey-io/valkey".split()
)
"""Former addresses, and forks that are packages of their own."""

_PACKAGES: Final = re.compile(
    r"""^(?:
      aiohttp | fastapi(?:-slim|-cli)? | flask | quart | httpx\d? | model2vec | semble | pydantic(?:-core)? | requests
    | niquests | starlette | click | asyncclick | typer(?:-slim)? | ziglang | vicinity | types-requests
    | (?:types-|.*-)?(?:requests|flask|click|aiohttp|httpx|starlette|fastapi|pydantic)-stubs
    | axios(?:-.*)? | express | redux | zod(?:-.*)? | vitest | vite-node | @vitest/.* | @trpc/.* | phoenix(?:_.*)?
    | (?:golang-.*)?(?:gin-gonic-gin|spf13-cobra|go-chi-chi).*
    | libgoogle-gson-java | gson | libcommons-lang\d?-java | commons-lang\d? | jackson-databind
    | libjackson2-databind-java
    | (?:php-)?guzzle(?:http)?(?:-guzzle)? | php-(?:monolog|laravel|illuminate)(?:-.*)? | monolog
    | ruby-(?:sinatra|rack|rails|railties|action\w+|rack-protection|sinatra-contrib)(?:-\d.*)?
    | ruby-active-?(?:job|model|record|storage|support)(?:-\d.*)? | rails | rack | sinatra
    | (?:librust-)?tokio(?:-(?:macros|stream|util|test))?(?:-[\d.]+)?(?:-dev)?
    | (?:librust-)?serde(?:[-_](?:core|derive|derive-internals))?(?:-[\d.]+)?(?:-dev)?
    | (?:librust-)?axum(?:-(?:core|macros|extra))?(?:-[\d.]+)?(?:-dev)?
    | .*newtonsoft.* | dapper | nlohmann-json\d? | fmtlib | libfmt.* | spdlog
    | abseil | abseil-cpp | curl | libcurl.* | redis | redis-server | keydb | valkey | libuv\d? | libuv1-dev
    | bats(?:-core)? | haskell-(?:aeson|pandoc|xmonad)(?:-.*)? | pandoc | xmonad(?:-contrib)? | nvm | zig | zls
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
_COPIES: Final = re.compile(
    r"""(?:^|/)(?:
      aiohttp | fastapi | flask | httpx | model2vec | pydantic(?:_core|_v1)? | requests | starlette | axios | redux
    | gin-gonic | gson | commons-lang\d? | jackson-databind | guzzle(?:http)? | monolog | sinatra | rack | activerecord
    | activesupport | actionpack | tokio | trpc | messagepack-csharp | ktor | alamofire | serde(?:_derive)? | zod
    | nlohmann | phoenix | axum | vitest | newtonsoft[\w.]* | dapper | kotlinx[./-]coroutines | kotlinx | absl
    | abseil(?:-cpp)? | fmtlib | fmt | curl | libcurl | hiredis | libuv\d? | uv | bats(?:-core)? | aeson | pandoc
    | xmonad | telescope | lazy\.nvim | click
    )(?:-[\d.]+)?/""",
    re.VERBOSE | re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"(?:github\.com|gitlab\.com|github:)[:/]*([\w.-]+/[\w.-]+)", re.IGNORECASE)
_SHORT: Final = re.compile(r"^[\w.-]+/[\w.-]+$")


def addresses(texts: Iterable[str]) -> set[str]:
    """Return ``owner/name`` of every repository that addresses of a package speak of, in lower case."""
    found: set[str] = set()
    for text in texts:
        names = _ADDRESS.findall(text) or ([text] if _SHORT.match(text) else [])
        found.update(name.lower().removesuffix(".git").rstrip(".") for name in names)
    return found


def reason(name: str, urls: Iterable[str] = ()) -> str:
    """Say why a package may not be used; empty where it may."""
    if _PACKAGES.match(name):
        return "made from a repository of the benchmark, by its name"
    found = addresses(urls) & (REPOSITORIES | _FORMER)
    return f"made from {', '.join(sorted(found))}" if found else ""


def is_copy(path: str) -> bool:
    """Whether a file lies in a folder named as a copy of such a repository would be."""
    return _COPIES.search(path) is not None
