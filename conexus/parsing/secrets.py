# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds passwords, keys and tokens in a text and blanks them out. Pure.

What is replaced keeps its length in UTF-8 and its line breaks, so that every byte offset and
line number of the text stays right. Four kinds of rule, each linear in the text:

- tokens that tell themselves by their form (``ghp_…``, ``AKIA…``, JSON web tokens, …);
- values that tell themselves by their place (private key blocks, passwords in URLs and of commands);
- literals given to a name such as ``api_key``, where the literal looks random (``named_secrets``);
- values near such a name that are so random that the form does not matter (``nearby_secrets``).

The first character of every token form is a literal, since that lets the regex engine skip
ahead; the boundary before it is looked up afterwards. Runs are possessive (``{n,}+``): a
hostile text cannot make them backtrack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from conexus.parsing.named_secrets import find_names, named
from conexus.parsing.nearby_secrets import nearby
from conexus.parsing.secret_values import MARK, Range, is_dummy, is_placeholder, is_words, looks_secret

_LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # what str.splitlines() splits at
_BETWEEN_BREAKS = re.compile(f"[^{_LINE_BREAKS}]+")

# ------------------------------------------------------------------ tokens by form

_TOKEN_FORMS = (
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS access key id
    r"AIza[\w-]{35}(?![\w-])",  # Google API key
    r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    r"(?:AC|SK)[0-9a-f]{32}(?![A-Za-z0-9])",  # Twilio account and key
    r"EAAA[El][\w-]{59}(?![\w-])",  # Square access
    r"HRKU-[\w-]{36,}+",  # Heroku
    r"(?:MD|MT|Mj|Mz|ND|NT|Nj|Nz|OD|OT)[A-Za-z0-9]{21,26}\.[\w-]{6}\.[\w-]{27,}+",  # Discord, of a number in base64
    r"SG\.[\w-]{16,32}\.[\w-]{32,64}+",  # SendGrid
    r"GOCSPX-[\w-]{28}",  # Google OAuth client
    r"NRAK-[A-Z0-9]{27}",  # New Relic
    r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",  # Postman
    r"dapi[0-9a-f]{32}(?![A-Za-z0-9])",  # Databricks
    r"dckr_pat_[\w-]{20,}+",  # Docker Hub
    r"do[opr]_v1_[0-9a-f]{64}",  # DigitalOcean
    r"gh[pousr]_[A-Za-z0-9]{36,}+",  # GitHub
    r"github_pat_\w{22,}+",
    r"gl(?:pat|dt|rt|ptt|cbt|oas|soat|ft|imt|agent|ffct)-[\w-]{20,}+",  # GitLab
    r"glsa_\w{32,}+",  # Grafana
    r"hf_[A-Za-z0-9]{30,}+",  # Hugging Face
    r"hv[sb]\.[\w-]{24,}+",  # HashiCorp Vault
    r"key-[0-9a-f]{32}(?![A-Za-z0-9])",  # Mailgun
    r"pypi-[\w-]{50,}+",
    r"sk_(?:live|test)_[A-Za-z0-9]{16,}+",  # Stripe
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",  # Shopify
    r"sk-(?:ant-|proj-|svcacct-|admin-)?[\w-]{32,}+",  # Anthropic, OpenAI
    r"sq0(?:atp|csp)-[\w-]{22,}+",  # Square
    r"whsec_[A-Za-z0-9+/=]{24,}+",  # webhook signing
    r"xapp-\d-[A-Z0-9]{8,}+-\d{8,}+-[0-9a-f]{32,}+",  # Slack app
    r"xox[abeoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}+",  # Slack
    r"ya29\.[\w-]{20,}+",  # Google OAuth access
)


def _by_first_character(forms: tuple[str, ...]) -> re.Pattern[str]:
    """Join the forms to one branch for each first character, so that the engine skips ahead on those.

    A token starts where no character of a token stands before it: this also keeps the search linear, for a
    run of such characters is then tried from its start only. That is looked up after the first letters,
    which seldom match.
    """
    branches: dict[str, list[str]] = {}
    for form in forms:
        choice = re.match(r"\(\?:([A-Za-z|]+)\)", form)
        rest = form[choice.end() :] if choice else form
        for head in choice.group(1).split("|") if choice else [""]:
            letters = re.match(r"[A-Za-z]{1,3}", head + rest)
            size = letters.end() if letters else 0
            first = (head + rest)[:size]
            branches.setdefault(first[0], []).append(f"{first[1:]}(?<![\\w-]{first}){(head + rest)[size:]}")
    return re.compile("|".join(f"{first}(?:{'|'.join(rests)})" for first, rests in branches.items()), re.ASCII)


_TOKEN = _by_first_character(_TOKEN_FORMS)

_ANCHORED_TOKENS = (  # begin with letters so frequent that a look for the whole literal is cheaper
    ("eyJ", re.compile(r"eyJ(?<![\w-]eyJ)[\w-]{8,}+\.eyJ[\w-]{8,}+\.[\w-]*+", re.ASCII)),  # JSON web token
    ("npm_", re.compile(r"npm_(?<![\w-]npm_)[A-Za-z0-9]{36,}+", re.ASCII)),
    ("rk_live_", re.compile(r"rk_live_(?<![\w-]rk_live_)[A-Za-z0-9]{16,}+", re.ASCII)),  # Stripe, restricted
    ("lin_api_", re.compile(r"lin_api_(?<![\w-]lin_api_)[A-Za-z0-9]{32,}+", re.ASCII)),  # Linear
    ("NRAL", re.compile(r"(?<![A-Za-z0-9])[0-9a-f]{36}NRAL")),  # New Relic licence
    (":AA", re.compile(r"(?<!\d)\d{8,10}:AA[\w-]{33}(?![\w-])", re.ASCII)),  # Telegram
)

# ------------------------------------------------------------------ values by place

_MAX_KEY_CHARS = 32_768  # a 16,384-bit RSA key in PEM has 13,000
_KEY_HEADER = re.compile(r"BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-Lines: \d{1,4}")
_KEY_FOOTER = re.compile(r"-{4,5} ?END |Private-MAC: ")
_KEY_RUN = re.compile(r"\\[nrt]|([A-Za-z0-9+/=_-]{4,}+)")
_LONG_RUN_CHARS = 16  # no shorter line inside a key, save its last
_KEY_SHARE = 0.6  # of a key block is made of long runs; code between two header literals is not

_URL_PASSWORD = re.compile(r"://[^\s/?#\"'`<>@:]{0,64}+:([^\s/\"'`<>@]{3,256}+)@[\w\[$%{-]")

_PLACES = (  # a literal that must be there, cheap to look for, and the form whose first group is the secret
    ("earer", re.compile(r"[Bb]earer ([\w.~+/=-]{20,}+)", re.ASCII)),
    ("uthorization", re.compile(r"[Bb]asic ([A-Za-z0-9+/]{16,}+={0,2})")),
    ("AccountKey=", re.compile(r"AccountKey=([A-Za-z0-9+/]{40,}+={0,2})")),  # Azure
    ("SharedAccessKey=", re.compile(r"SharedAccessKey=([A-Za-z0-9+/]{40,}+={0,2})")),
    ("sig=", re.compile(r"[?&;]sig=([A-Za-z0-9%+/=]{40,}+)")),
    (
        "hooks",
        re.compile(
            r"hooks(?:\.slack\.com/(?:services|workflows)|(?<=/api/webhooks))/(\d{15,20}/[\w-]{40,}+|[A-Za-z0-9+/]{20,}+)",
            re.ASCII,
        ),
    ),  # Slack, Discord
    ("telegram.org/bot", re.compile(r"telegram\.org/bot(\d{8,10}:[\w-]{35})", re.ASCII)),
    (  # hashes of passwords
        "$",
        re.compile(
            r"\$(?:apr1\$[./A-Za-z0-9]{1,8}|2[abxy]\$\d\d|[156]\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16})"
            r"\$([./A-Za-z0-9]{22,86})"
        ),
    ),
    ("{SHA}", re.compile(r"\{SHA\}([A-Za-z0-9+/]{27}=)")),
    ("machine", re.compile(r"login\s{1,9}\S{1,128}\s{1,9}password\s{1,9}\"?([^\s\"]{4,256}+)")),  # .netrc
)

_WORD_OF_SHELL = r"""["']?([^\s"'`;|&()$<>]{6,128}+)"""
_COMMANDS = (  # the same of commands and statements, in small letters, and what has to stand before it on the line
    ("curl", rf"""\s(?:-u|--(?:proxy-)?user)[= ]?["']?[^\s:"'`$]{{1,64}}+:{_WORD_OF_SHELL}""", re.compile("curl")),
    (" -p", rf" -p ?{_WORD_OF_SHELL}", re.compile(r"""sshpass|mysql.* -p["']?$|login.* -p ["']?$""")),
    ("dentified by", r"dentified by\s'([^\s']{6,128}+)'", re.compile("identified by")),
)
_MAX_COMMAND_CHARS = 120

# A line of .pgpass: host, port, database, user and password.
_PGPASS = re.compile(r":(?:\d{4,5}|\*):[^:\s]{1,64}+:[^:\s]{1,64}+:((?:[^\s:\\]|\\[^\s]){6,256}+)$", re.MULTILINE)
_HOST = re.compile(r"[\w.*/@-]{1,255}")


def redact(text: str) -> tuple[str, int]:
    """Replace every secret by a placeholder of the same length.

    Args:
        text: Any text.

    Returns:
        The text, with as many UTF-8 bytes and the same line breaks as before, and the number of secrets.
    """
    count = 0
    if "PRIVATE KEY" in text or "Private-Lines: " in text:
        text, count = _without_private_keys(text)
    found = _joined(_secrets(text))
    pieces = []
    done = 0
    for start, end in found:
        pieces += [text[done:start], _placeholder(text[start:end])]
        done = end
    return "".join([*pieces, text[done:]]), count + len(found)


def _joined(ranges: Iterable[Range]) -> list[Range]:
    """Join ranges that overlap, and sort them."""
    joined: list[Range] = []
    for start, end in sorted(ranges):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _placeholder(secret: str) -> str:
    return _BETWEEN_BREAKS.sub(_fill, secret)


def _fill(match: re.Match[str]) -> str:
    size = len(match.group().encode("utf-8", "surrogatepass"))
    return MARK.ljust(size, "*") if size >= len(MARK) else "*" * size


def _secrets(text: str) -> Iterator[Range]:
    """Yield the ranges of all secrets but private keys; they may overlap."""
    small = text.lower()
    if len(small) != len(text):  # of the letters that grow by it there is but one
        small = text.replace("\u0130", "i").lower()
    yield from _tokens(text)
    yield from _placed(text)
    yield from _commanded(text, small)
    names = find_names(small)
    yield from named(text, names)
    yield from nearby(text, names.of_secrets)


def _placed(text: str) -> Iterator[Range]:
    for anchor, pattern in _PLACES:
        if anchor in text:
            for match in pattern.finditer(text):
                if not (is_dummy(match[1]) or is_placeholder(match[1]) or is_words(match[1])):
                    yield match.span(1)
    for match in _PGPASS.finditer(text):
        host = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if _HOST.fullmatch(host) and looks_secret(match[1], is_password=True, is_quoted=True):
            yield match.span(1)
    for match in _URL_PASSWORD.finditer(text):
        if not is_placeholder(match.group(1)):
            yield match.span(1)


def _commanded(text: str, small: str) -> Iterator[Range]:
    """Yield passwords that are given to commands, and to users of a database."""
    for anchor, pattern, command in _COMMANDS:
        if anchor not in small:
            continue
        for match in re.finditer(pattern, text, re.IGNORECASE):
            least = max(0, match.start() - _MAX_COMMAND_CHARS)
            start = max(least, small.rfind("\n", least, match.start()) + 1)
            is_given = command.search(small, start, match.start(1)) is not None
            if is_given and looks_secret(match[1], is_password=True, is_quoted=True):
                yield match.span(1)


def _tokens(text: str) -> Iterator[Range]:
    patterns = [_TOKEN, *(pattern for anchor, pattern in _ANCHORED_TOKENS if anchor in text)]
    for pattern in patterns:
        for match in pattern.finditer(text):
            if not is_dummy(match.group()):
                yield match.span()


# ------------------------------------------------------------------ private keys


def _without_private_keys(text: str) -> tuple[str, int]:
    pieces = []
    done = count = 0
    headers = list(_KEY_HEADER.finditer(text))
    next_starts = [header.start() for header in headers[1:]] + [len(text)]
    for header, next_start in zip(headers, next_starts, strict=False):
        start = header.end()
        limit = min(next_start, start + _MAX_KEY_CHARS)
        footer = _KEY_FOOTER.search(text, start, limit)
        end = footer.start() if footer else start + _length_of_key_lines(text[start:limit])
        body = text[start:end]
        if _is_key_body(body):
            pieces += [text[done:start], _KEY_RUN.sub(_blank_run, body)]
            done = end
            count += 1
    return "".join([*pieces, text[done:]]), count


def _blank_run(match: re.Match[str]) -> str:
    return match.group() if match.group(1) is None else _placeholder(match.group())


def _is_key_body(body: str) -> bool:
    long_runs = sum(len(run) for run in _KEY_RUN.findall(body) if len(run) >= _LONG_RUN_CHARS)
    return long_runs > _KEY_SHARE * sum(map(len, body.split())) and not is_dummy(body)


def _length_of_key_lines(text: str) -> int:
    """Length of the leading lines that look like base64, for a key that is cut off."""
    length = 0
    for line in text.splitlines(keepends=True):
        if line.strip(" \t\r\n\"'\\n+;") and not any(len(run) >= _LONG_RUN_CHARS for run in _KEY_RUN.findall(line)):
            break
        length += len(line)
    return length
