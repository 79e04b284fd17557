# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds passwords, keys and tokens in a text and blanks them out. Pure.

What is replaced keeps its length in UTF-8 and its line breaks, so that every byte offset and
line number of the text stays right. Three kinds of rule, each linear in the text:

- tokens that tell themselves by their form (``ghp_…``, ``AKIA…``, JSON web tokens, …);
- values that tell themselves by their place (private key blocks, passwords in URLs);
- literals given to a name such as ``api_key``, where the literal looks random.

The first character of every token form is a literal, since that lets the regex engine skip
ahead; the boundary before it is looked up afterwards. Runs are possessive (``{n,}+``): a
hostile text cannot make them backtrack.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

Range = tuple[int, int]

_MARK = "[redacted]"
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
    ("earer ", re.compile(r"[Bb]earer ([\w.~+/=-]{20,}+)", re.ASCII)),
    ("uthorization", re.compile(r"[Bb]asic ([A-Za-z0-9+/]{16,}+={0,2})")),
    ("AccountKey=", re.compile(r"AccountKey=([A-Za-z0-9+/]{40,}+={0,2})")),  # Azure
    ("SharedAccessKey=", re.compile(r"SharedAccessKey=([A-Za-z0-9+/]{40,}+={0,2})")),
    ("sig=", re.compile(r"[?&;]sig=([A-Za-z0-9%+/=]{40,}+)")),
    ("hooks.slack.com/", re.compile(r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9+/]{20,}+)")),
    ("/api/webhooks/", re.compile(r"/api/webhooks/(\d{15,20}/[\w-]{40,}+)", re.ASCII)),  # Discord
    ("telegram.org/bot", re.compile(r"telegram\.org/bot(\d{8,10}:[\w-]{35})", re.ASCII)),
    ("$apr1$", re.compile(r"\$apr1\$[./A-Za-z0-9]{1,8}\$([./A-Za-z0-9]{22})")),  # hashes of passwords
    ("$2", re.compile(r"\$2[abxy]\$\d\d\$([./A-Za-z0-9]{53})")),
    ("$", re.compile(r"\$[156]\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$([./A-Za-z0-9]{22,86})")),
    ("{SHA}", re.compile(r"\{SHA\}([A-Za-z0-9+/]{27}=)")),
    ("machine ", re.compile(r"login\s{1,9}\S{1,128}\s{1,9}password\s{1,9}\"?([^\s\"]{4,256}+)")),  # .netrc
)

# A line of .pgpass: host, port, database, user and password.
_PGPASS = re.compile(r":(?:\d{4,5}|\*):[^:\s]{1,64}+:[^:\s]{1,64}+:((?:[^\s:\\]|\\[^\s]){6,256}+)$", re.MULTILINE)
_HOST = re.compile(r"[\w.*/@-]{1,255}")

# ------------------------------------------------------------------ literals by name

# The literal is looked ahead at only: it may hold an assignment itself, as a connection string does.
_ASSIGNMENT = re.compile(
    r"""[=:][=>]?[ \t]*+
    (?: (?:[A-Za-z@]{0,2})\\{0,7}(?P<quote>["'`]) (?=(?P<quoted>[^\s"'`\\]{6,}+))
      | (?=[A-Za-z+/_!@\#%^*~.?-]{0,64}+\d) (?P<bare>(?:\d{8,10}:)?[A-Za-z0-9+/_!@\#%^*~.?-]{8,}+) )""",
    re.VERBOSE,
)
# One of these is in each such name, in small letters: they are looked for before anything else is.
_NAME_PARTS = ("key", "token", "pwd", "pass", "secret", "credential", "authorization")
_ASSIGNED_ONLY = frozenset({"pass", "authorization"})
_REST_OF_PASS = re.compile("word|wd|phrase")
_SEPARATOR = re.compile("[=:]")
# What else stands between a name and its literal, behind the end of the name.
_BESIDE = r"""[sS]?(?:\d|_?(?:value|VALUE|id|ID))?(?P<end>)
    (?: (?: \\{0,7}(?P<first>["'])[ \t]*,[ \t]*  # set("NAME", "…")
          | \\{0,7}["'\])]{0,3}[ \t]*(?:<-|\?\?=?|\|\|=?|or\b)[ \t]*  # a default, or R
          | [ \t]*\{[ \t]*  # C++
          | [ \t]+  # #define NAME "…", --name '…'
        ) @?\\{0,7}(?P<quote>["'`]) (?P<quoted>[^\s"'`\\]{6,256}+) \\{0,7}(?P=quote)
      | (?:["']?>|</\w{1,20}>\s{0,99}<value>) (?P<element>[^\s<>]{6,256}+) </  # XML
      | \\{0,7}["'] (?: \s{1,99}+(?:value|content|default)\s?=\s?
               | \s{0,99}+,\s{0,99}+\\{0,7}["']value\\{0,7}["']\s?:\s?
               | \s?\{[^{}"]{0,200}?default\s{0,20}=\s?  # Terraform
             ) \\{0,7}["'] (?P<beside>[^\s"'\\]{6,256}+) \\{0,7}["']
      | ["']?[ \t]{0,99}+\r?\n[ \t]{0,99}+value:[ \t]{1,9}["']?(?P<below>[^\s"'\\]{6,256}+)  # Kubernetes
      | [ \t]{1,9} (?P<argument>(?=[A-Za-z+/_!@\#%^*~.?-]{0,64}+\d)[A-Za-z0-9+/_!@\#%^*~.?=-]{8,256}+)
        (?![^\s"'`;&|)\\])
    )"""


@functools.cache  # compiled when first needed: it takes a while, and the text of a question seldom needs it
def _beside() -> re.Pattern[str]:
    return re.compile(_BESIDE, re.VERBOSE)


_OPTION = re.compile(r"(?:--[\w-]*|(?:ENV|ARG|[sS][eE][tT][xX]?|\#define)[ \t]+\w*)$")
_FIRST = re.compile(r"\([ \t]*\\{0,7}[\"'][\w.-]*$")
_QUOTED_REST = re.compile(r"(?:[^\s\"'`\\]|\\[^\s])*+")
_BARE_REST = re.compile(r"[A-Za-z0-9+/=_!@#%^*~.?:$-]*+")
_BARE_END = "\n\r \t\"'`;,&<|)"

_MAX_NAME_CHARS = 96  # looked back from the separator, the type annotation included
_LOGIN_WORDS = r"passw(?:or)?d|passwort|passphrase|passwd|pwd|(?<![a-z0-9])pass"
_SECRET_NAME = re.compile(
    rf"(?P<password>{_LOGIN_WORDS})(?:\d|_?value|_?base)?$|(?:secret|token|credentials?"
    r"|(?:api|access|auth|private|secret|encryption|signing|account|master|shared|storage|client|session|service|app|license)"
    r"[_.-]?key(?:[_.-]?(?:id|base))?|authorization)s?(?:\d|_?value|_?base|_?base64)?$"
)
_AFTER_NAME = " \t\r\"'`])\\!?=>:"  # between the end of a name and the separator
_ANNOTATION = re.compile(r":\s*&?['\w.\[\]| ]{1,40}$")

_PLACEHOLDER_WORDS = frozenset(
    "a abc access account admin an and any api app asdf auth bar base baz bearer change changeit client credential"
    " credentials custom database db default demo do dummy empty enter env example examples fake fill fixme foo foobar"
    " for generate generated goes guest here hidden host id in insert is it key keys local localhost login long"
    " masked me mock my name no none not null of or paste pass passphrase passwd passwort password passwords pk"
    " placeholder please private prod public put pw pwd qux qwerty random real redacted removed replace replaced"
    " replacewith root sample secret secrets secure set sk some something str string strong super temp test testing"
    " tests the this to todo tok token tokens tbd undefined unset use user username value very with word xyz your"
    " yours true false".split()
)
_PLACEHOLDER_PREFIXES = ("change", "db", "my", "not", "some", "super", "test", "the", "top", "user", "your")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DIGITS = re.compile(r"\d+")
_NOT_PLACEHOLDER = re.compile(r"[^\w.:/*+=<>()\[\]{} -]|[^\W\d_a-zA-Z]")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_MIN_FILLER = 3  # letters: "aaa", "abc"
_COUNTING = "01234567890123456789"
_MAX_FREE_DIGITS = 4  # "password_2024"; more digits than these have to count up or repeat one

_VARIABLE = r"(?:[A-Z_]+(?:\d_?[A-Z_]*)?|[a-z_]+(?:[A-Z][a-z]+)*)\d{0,2}"
_TEMPLATE_WHOLE = re.compile(rf"<[^<>]*>|\$(?:{_VARIABLE}|\d)|%{_VARIABLE}%|__{_VARIABLE}__")
_TEMPLATE_DEFAULT = re.compile(r"\$\{\w{1,64}:?[-=]([^{}]*)\}")  # ${NAME:-value}: the value is in clear
_TEMPLATE = re.compile(r"[$#%]?\{{1,3}[^{}]*\}{1,3}|\$\([^()]*\)|%\([^()]*\)[sdr]|%[sdr]\b")
_CODE = re.compile(
    r"^[./~@]|://|^(?:self|this|os|process|env|settings|config|std|sys)[.:]|::|\.(?:py|js|ts|go|json|txt)$"
)
_PATTERN = re.compile(r"\{\d+,?\d*\}|\[\^?\w-\w|\(\?")  # of a regular expression
_WORDS = re.compile(r"(?:[A-Za-z]+\d{0,4}|\d{1,4})(?:[_.:/\\@+ -]+(?:[A-Za-z]+\d{0,4}|\d{1,4}))*[_.:/-]*$")
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MIN_PIECE_CHARS = 2.7  # on average: "accessTokenV2" has 3.2, of random letters and digits 1.9
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_SPECIAL = re.compile(r"[^\w.:/+-]")

_MAX_BARE_REST_CHARS = 256  # keeps a chain of such values linear
_MAX_VALUE_CHARS = 4096  # longer literals are data
_MIN_DISTINCT = 6  # of 100,000 random tokens of 16 hex digits, 4 have fewer
_MIN_PASSWORD_BITS = 2.4  # "aaaa1111" has 1.0, "Summer24" 2.75
_MIN_RANDOM_BITS = 2.8  # of random tokens of 16 hex digits 97 % have this much, of 20 or more 99.7 %
_MIN_TOKEN_CHARS, _MIN_PASSWORD_CHARS = 12, 8  # without quotes


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
    found = sorted(_secrets(text))
    if not found:
        return text, count
    pieces = []
    done = 0
    for start, end in found:
        if end <= done:
            continue
        count += start >= done
        pieces += [text[done:start], _placeholder(text[max(start, done) : end])]
        done = end
    return "".join([*pieces, text[done:]]), count


def _placeholder(secret: str) -> str:
    return _BETWEEN_BREAKS.sub(_fill, secret)


def _fill(match: re.Match[str]) -> str:
    size = len(match.group().encode("utf-8", "surrogatepass"))
    return _MARK.ljust(size, "*") if size >= len(_MARK) else "*" * size


def _secrets(text: str) -> Iterator[Range]:
    """Yield the ranges of all secrets but private keys; they may overlap."""
    yield from _tokens(text)
    for anchor, pattern in _PLACES:
        if anchor in text:
            for match in pattern.finditer(text):
                if not (_is_dummy(match[1]) or _is_placeholder(match[1]) or _is_words(match[1])):
                    yield match.span(1)
    for match in _PGPASS.finditer(text):
        host = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if _HOST.fullmatch(host) and _looks_secret(match[1], is_password=True, is_quoted=True):
            yield match.span(1)
    for match in _URL_PASSWORD.finditer(text):
        if not _is_placeholder(match.group(1)):
            yield match.span(1)
    names, given = _names(text)
    yield from _assigned(text, names)
    if given:
        yield from _given(text, given)


def _tokens(text: str) -> Iterator[Range]:
    patterns = [_TOKEN, *(pattern for anchor, pattern in _ANCHORED_TOKENS if anchor in text)]
    for pattern in patterns:
        for match in pattern.finditer(text):
            if not _is_dummy(match.group()):
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
    return long_runs > _KEY_SHARE * sum(map(len, body.split())) and not _is_dummy(body)


def _length_of_key_lines(text: str) -> int:
    """Length of the leading lines that look like base64, for a key that is cut off."""
    length = 0
    for line in text.splitlines(keepends=True):
        if line.strip(" \t\r\n\"'\\n+;") and not any(len(run) >= _LONG_RUN_CHARS for run in _KEY_RUN.findall(line)):
            break
        length += len(line)
    return length


# ------------------------------------------------------------------ literals by name


def _names(text: str) -> tuple[list[int], list[int]]:
    """Return where names for secrets may end: all of them in order, and those to which more than ``=`` and ``:`` give.

    ``pass`` by itself is a word of many other meanings.
    """
    small = text.lower()
    if len(small) != len(text):  # of the letters that grow by it there is but one
        small = text.replace("\u0130", "i").lower()
    names: list[int] = []
    others: list[int] = []
    for part in _NAME_PARTS:
        at = small.find(part)
        while at >= 0:
            at += len(part)
            rest = _REST_OF_PASS.match(small, at) if part == "pass" else None
            at = rest.end() if rest else at
            (names if rest or part not in _ASSIGNED_ONLY else others).append(at)
            at = small.find(part, at)
    return sorted(names + others), names


def _assigned(text: str, names: Sequence[int]) -> Iterator[Range]:
    done = 0
    for name_end in names:
        limit = name_end + _MAX_NAME_CHARS
        line_end = text.find("\n", name_end, limit)
        start, done = max(name_end, done), max(done, limit if line_end < 0 else line_end)
        for separator in _SEPARATOR.finditer(text, start, done):
            match = _ASSIGNMENT.match(text, separator.start())
            if match and (given := _assigned_by(text, match)):
                yield given


def _assigned_by(text: str, match: re.Match[str]) -> Range | None:
    name = _secret_name(text, match.start())
    if name is None:
        return None
    is_quoted = match["quoted"] is not None
    start, end = match.span("quoted" if is_quoted else "bare")
    end = _quoted_end(text, match) if is_quoted else _bare_end(text, end)
    if end and _looks_secret(text[start:end], is_password=name["password"] is not None, is_quoted=is_quoted):
        return start, end
    return None


def _given(text: str, names: Iterable[int]) -> Iterator[Range]:
    """Yield literals that are given to a name by other means than an assignment."""
    beside = _beside()
    for name_end in names:
        match = beside.match(text, name_end)
        if match and (given := _given_by(text, match)):
            yield given


def _given_by(text: str, match: re.Match[str]) -> Range | None:
    end = match.start("end")
    name = _secret_name(text, end)
    kind = match.lastgroup or ""
    is_argument = kind == "argument"
    before = _OPTION if is_argument else _FIRST if match["first"] else None
    if name is None or (before and not before.search(text[max(0, end - _MAX_NAME_CHARS) : end])):
        return None
    if _looks_secret(match[kind], is_password=name["password"] is not None, is_quoted=not is_argument):
        return match.span(kind)
    return None


def _quoted_end(text: str, match: re.Match[str]) -> int:
    """End of the whole literal, or 0 where it does not close: then it is prose."""
    end = match.end("quoted")
    if text[end : end + 1] == "\\" and text[match.start("quote") - 1] != "\\":
        rest = _QUOTED_REST.match(text, end, end + _MAX_VALUE_CHARS)
        end = rest.end() if rest else end
    return end if text[end : end + 1] in ("\\", match["quote"]) else 0


def _bare_end(text: str, end: int) -> int:
    """End of the whole value, or 0 where it goes over into code."""
    rest = _BARE_REST.match(text, end, end + _MAX_BARE_REST_CHARS)
    end = rest.end() if rest else end
    return end if end == len(text) or text[end] in _BARE_END else 0


def _secret_name(text: str, end: int) -> re.Match[str] | None:
    """Match the name that stands on the line before ``end``, if it is one for a secret."""
    head = text[max(0, end - _MAX_NAME_CHARS) : end].lower()
    head = head[head.rfind("\n") + 1 :].rstrip(_AFTER_NAME)
    return _SECRET_NAME.search(head) or (
        _SECRET_NAME.search(_ANNOTATION.sub("", head).rstrip(_AFTER_NAME)) if ":" in head else None
    )


def _looks_secret(value: str, *, is_password: bool, is_quoted: bool) -> bool:
    has_digit = _DIGIT.search(value) is not None
    if len(value) > _MAX_VALUE_CHARS or not _LETTER.search(value):
        return False
    if is_password and is_quoted:
        if not (has_digit or _SPECIAL.search(value)) or ("_" in value and _is_words(value)):
            return False
        least_bits = _MIN_PASSWORD_BITS
    else:
        least_chars = _MIN_PASSWORD_CHARS if is_password else _MIN_TOKEN_CHARS
        if not has_digit or len(value) < least_chars or _is_words(value):
            return False
        least_bits = _MIN_RANDOM_BITS
    return not _is_placeholder(value) and not _is_code(value) and _entropy_bits(value) >= least_bits


def _is_words(value: str) -> bool:
    """Whether a value is made of words and numbers, as names are."""
    return _WORDS.match(value) is not None and not _is_jumbled(value)


def _is_jumbled(value: str) -> bool:
    """Whether letters of both cases and digits follow each other as they do in no name."""
    return len(_PIECE.findall(value)) * _MIN_PIECE_CHARS >= len(value)


def _is_code(value: str) -> bool:
    is_code = _CODE.search(value) is not None and not (value[0] == "/" and _is_jumbled(value))
    return is_code or _PATTERN.search(value) is not None


def _is_placeholder(value: str) -> bool:
    """Whether the whole value is made of placeholder words, fillers and templates.

    A placeholder word inside a random value says nothing: random letters hold such words too.
    """
    if _TEMPLATE_WHOLE.fullmatch(value):
        return True
    rest = _TEMPLATE.sub(" ", _TEMPLATE_DEFAULT.sub(r" \1 ", value))
    if not rest.strip("*x.-_: ") or len(set(rest)) == 1:
        return True
    return _NOT_PLACEHOLDER.search(rest) is None and _is_placeholder_text(rest)


def _is_placeholder_text(value: str) -> bool:
    """Whether every word of a text is a placeholder word, and its digits are few or plainly made up."""
    digits = "".join(_DIGITS.findall(value))
    is_counting = digits in _COUNTING or len(set(digits)) == 1
    words = [word.lower() for word in _WORD.findall(value)]
    if not words:
        return is_counting
    return (
        (is_counting or len(digits) <= _MAX_FREE_DIGITS)
        and any(len(word) > 1 for word in words)
        and all(map(_is_placeholder_word, words))
    )


def _is_placeholder_word(word: str) -> bool:
    return (
        word in _PLACEHOLDER_WORDS
        or (len(word) >= _MIN_FILLER and (len(set(word)) == 1 or word in _ALPHABET))
        or not word.strip("x")
        or any(
            word.startswith(prefix) and word[len(prefix) :] in _PLACEHOLDER_WORDS for prefix in _PLACEHOLDER_PREFIXES
        )
    )


def _is_dummy(token: str) -> bool:
    """Whether a token of the right form is one that no service gave out."""
    return (
        len(set(token)) < _MIN_DISTINCT
        or "EXAMPLE" in token
        or _MARK in token
        or "xxxxxx" in token.lower()
        or (token.islower() and _WORDS.match(token) is not None)
    )


def _entropy_bits(value: str) -> float:
    """Shannon entropy in bits a character, 0 or more."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())
