# SPDX-License-Identifier: FSL-1.1-MIT
"""Secrets of many kinds, made by chance, and files of many kinds to plant them in.

No literal here looks like a secret: each is put together at run time. What services give out is imitated from what they
publish of their forms, not from the rules that are to find it.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
ALNUM = string.ascii_letters + DIGITS
URL_SAFE = ALNUM + "-_"
BASE64 = ALNUM + "+/"
HEX = "0123456789abcdef"
BASE32 = UPPER + "234567"
BECH32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
_WINDOW = 12  # characters in a row of a secret that may not be anywhere

Dice = random.Random


@dataclass(frozen=True)
class Secret:
    """One secret: how it is written, and what of it may not be seen again."""

    kind: str
    value: str
    """As it stands in a text; of several lines for some kinds."""
    hidden: tuple[str, ...]
    """The parts that are secret."""
    names: tuple[str, ...] = ()
    """What it is assigned to; empty where it tells itself by its form, and may stand anywhere."""
    file: str = ""
    """The file that it is the whole of, or the only kind of file that it stands in."""

    def leaks_into(self, text: str) -> str:
        """What of it is in a text: a run of its characters, or nothing."""
        for part in self.hidden:
            size = min(_WINDOW, len(part))
            for start in range(0, len(part) - size + 1, max(1, size // 3)):
                if part[start : start + size] in text:
                    return part[start : start + size]
        return ""


def pick(dice: Dice, alphabet: str, count: int) -> str:
    """So many characters."""
    return "".join(dice.choices(alphabet, k=count))


def password(dice: Dice, least: int = 10, most: int = 24) -> str:
    """What a password manager makes: letters, digits and mostly a sign or two."""
    size = dice.randint(least, most)
    chosen = [dice.choice(LOWER), dice.choice(UPPER), dice.choice(DIGITS), dice.choice("!#%*+-_.?" + ALNUM)]
    chosen += dice.choices(ALNUM, k=size - len(chosen))
    dice.shuffle(chosen)
    return "".join(chosen)


def _part(dice: Dice, claims: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def _jwt(dice: Dice) -> str:
    head = _part(dice, {"alg": dice.choice(("HS256", "RS256", "ES256")), "typ": "JWT"})
    return f"{head}.{_part(dice, {'sub': pick(dice, ALNUM, 12), 'iat': 1_700_000_000})}.{pick(dice, URL_SAFE, 43)}"


def pem(dice: Dice, label: str, lines: int = 0) -> str:
    """A private key as OpenSSL writes it."""
    rows = [pick(dice, BASE64, 64) for _ in range(lines or dice.randint(3, 25))]
    return "\n".join([f"-----BEGIN {label}-----", *rows, pick(dice, BASE64, 22) + "==", f"-----END {label}-----"])


def _whole(kind: str, prefix: str, alphabet: str, size: int | tuple[int, int], end: str = "") -> Maker:
    """Make a token that tells itself by its form."""

    def make(dice: Dice) -> Secret:
        count = size if isinstance(size, int) else dice.randint(*size)
        rest = pick(dice, alphabet, count)
        return Secret(kind, f"{prefix}{rest}{end}", (rest,))

    return make


def _named(kind: str, alphabet: str, size: int, *names: str) -> Maker:
    """Make a value that only its name tells to be a secret."""

    def make(dice: Dice) -> Secret:
        value = pick(dice, alphabet, size - 2) + "c7"  # with a letter and a digit, as nearly all have
        return Secret(kind, value, (value,), names)

    return make


def _placed(kind: str, form: str, *parts: tuple[str, int]) -> Maker:
    """Make a value whose place tells it: ``{}`` of the form is the secret, made of parts."""

    def make(dice: Dice) -> Secret:
        value = "".join(pick(dice, alphabet, size) for alphabet, size in parts)
        return Secret(kind, form.format(value), (value,))

    return make


Maker = Callable[[Dice], Secret]


def _passworded(kind: str, form: str, file: str = "", alphabet: str = "") -> Maker:
    def make(dice: Dice) -> Secret:
        value = pick(dice, alphabet, 16) + "k7" if alphabet else password(dice)
        safe = value.replace("#", "x").replace("?", "q").replace("%", "p")  # in a URL they would be written by number
        return Secret(kind, form.format(safe), (safe,), file=file)

    return make


def _slack_hook(dice: Dice) -> Secret:
    rest = "/".join((f"T{pick(dice, UPPER + DIGITS, 8)}", f"B{pick(dice, UPPER + DIGITS, 10)}", pick(dice, ALNUM, 24)))
    return Secret("slack webhook", f"https://hooks.slack.com/services/{rest}", (rest[-24:],))


def _service_account(dice: Dice) -> Secret:
    key = pem(dice, "PRIVATE" + " KEY", 24)
    identity = pick(dice, HEX, 40)
    account = {"type": "service_account", "project_id": "acme-prod", "private_key_id": identity}
    account |= {"private_key": key + "\n", "client_email": "ci@acme-prod.iam.gserviceaccount.com"}
    hidden = (*key.splitlines()[1:-1],)
    return Secret("gcp service account", json.dumps(account, indent=2), hidden, file="service-account.json")


def _key(label: str) -> Maker:
    def make(dice: Dice) -> Secret:
        text = pem(dice, label)
        return Secret(f"key {label.lower()}", text, tuple(text.splitlines()[1:-1]))

    return make


def _discord(dice: Dice) -> Secret:
    who = base64.b64encode(pick(dice, DIGITS[1:], 18).encode()).decode()
    value = f"{who}.G{pick(dice, URL_SAFE, 5)}.{pick(dice, URL_SAFE, 38)}"
    return Secret("discord bot", value, (value[-38:],), ("DISCORD_TOKEN", "bot_token"))


def _telegram(dice: Dice) -> Secret:
    value = f"{pick(dice, DIGITS[1:], 10)}:AA{pick(dice, URL_SAFE, 33)}"
    return Secret("telegram bot", value, (value[-33:],), ("TELEGRAM_BOT_TOKEN", "bot_token"))


def _heroku(dice: Dice) -> Secret:
    value = "-".join(pick(dice, HEX, size) for size in (8, 4, 4, 4, 12))
    return Secret("heroku", value, (value[:18],), ("HEROKU_API_KEY", "heroku_api_key"))


def _netrc(dice: Dice) -> Secret:
    value = password(dice)
    form = dice.choice(("machine {h} login {u} password {p}", "machine {h}\n  login {u}\n  password {p}"))
    return Secret("netrc", form.format(h="git.acme.dev", u="deploy", p=value), (value,), file=".netrc")


def _pgpass(dice: Dice) -> Secret:
    value = password(dice).replace(":", "x")
    return Secret("pgpass", f"db.acme.dev:5432:orders:app:{value}", (value,), file=".pgpass")


def _htpasswd(dice: Dice) -> Secret:
    inside = "./" + ALNUM
    value = dice.choice(
        (
            f"$apr1${pick(dice, inside, 8)}${pick(dice, inside, 22)}",
            f"$2y$10${pick(dice, inside, 53)}",
            "{SHA}" + pick(dice, BASE64, 27) + "=",
        )
    )
    return Secret("htpasswd", f"deploy:{value}", (value[-20:],), file=".htpasswd")


def _putty(dice: Dice) -> Secret:
    public, private = ([pick(dice, BASE64, 64) for _ in range(count)] for count in (6, 8))
    rows = ["PuTTY-User-Key-File-3: ssh-rsa", "Encryption: none", "Comment: deploy", "Public-Lines: 6", *public]
    rows += ["Private-Lines: 8", *private, f"Private-MAC: {pick(dice, HEX, 64)}"]
    return Secret("key putty", "\n".join(rows), tuple(private), file="deploy.ppk")


def _basic(dice: Dice) -> Secret:
    value = base64.b64encode(f"deploy:{password(dice)}".encode()).decode()
    return Secret("basic authorization", f"Authorization: Basic {value}", (value.rstrip("=")[8:],))


def _aws_pair(dice: Dice) -> Secret:
    identity, value = "AK" + "IA" + pick(dice, BASE32, 16), pick(dice, BASE64, 38) + "k7"
    text = f"[default]\naws_access_key_id = {identity}\naws_secret_access_key = {value}"
    return Secret("aws credentials", text, (identity[4:], value), file=".aws/credentials")


KINDS: tuple[Maker, ...] = (
    _whole("aws access key", "AK" + "IA", BASE32, 16),
    _named("aws secret key", BASE64, 40, "AWS_SECRET_ACCESS_KEY", "aws_secret_access_key", "secret_key"),
    _aws_pair,
    _whole("github", "gh" + "p_", ALNUM, 36),
    _whole("github app", "gh" + "s_", ALNUM, 36),
    lambda dice: Secret(
        "github fine-grained",
        f"github{'_pat_'}{(first := pick(dice, ALNUM, 22))}_{(last := pick(dice, ALNUM, 59))}",
        (first, last),
    ),
    _whole("gitlab", "gl" + "pat-", URL_SAFE, 20),
    _whole("gitlab routable", "gl" + "pat-", URL_SAFE, 27, ".01.170abcdef"),
    lambda dice: Secret(
        "slack",
        f"xo{'xb-'}{pick(dice, DIGITS, 12)}-{pick(dice, DIGITS, 13)}-{(last := pick(dice, ALNUM, 24))}",
        (last,),
    ),
    _slack_hook,
    _whole("stripe", "sk" + "_live_", ALNUM, (24, 99)),
    _whole("stripe restricted", "rk" + "_live_", ALNUM, 24),
    _whole("google", "AI" + "za", URL_SAFE, 34, "x"),
    _service_account,
    _placed(
        "azure connection string",
        "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={}==;EndpointSuffix=core.windows.net",
        (BASE64, 86),
    ),
    _placed(
        "azure service bus",
        "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey={}=",
        (BASE64, 43),
    ),
    lambda dice: Secret("sendgrid", f"SG{'.'}{pick(dice, URL_SAFE, 22)}.{(last := pick(dice, URL_SAFE, 43))}", (last,)),
    _whole("twilio key", "S" + "K", HEX, 32),
    _named("twilio token", HEX, 32, "TWILIO_AUTH_TOKEN", "auth_token"),
    _whole("npm", "np" + "m_", ALNUM, 36),
    _whole("pypi", "py" + "pi-AgEIcHlwaS5vcmc", URL_SAFE, (80, 140)),
    _whole("docker hub", "dck" + "r_pat_", URL_SAFE, 27),
    _whole("hugging face", "h" + "f_", string.ascii_letters, 34),
    _whole("openai", "sk" + "-", ALNUM, 48),
    _whole("openai project", "sk" + "-proj-", URL_SAFE, 120),
    _whole("anthropic", "sk" + "-ant-api03-", URL_SAFE, 93, "AA"),
    _telegram,
    _discord,
    _heroku,
    _whole("heroku key", "HRKU" + "-AA", URL_SAFE, 58),
    _whole("digitalocean", "do" + "p_v1_", HEX, 64),
    _whole("shopify", "shp" + "at_", HEX, 32),
    _whole("square", "sq" + "0csp-", URL_SAFE, 43),
    _whole("square access", "EAAA" + "E", URL_SAFE, 59),
    lambda dice: Secret("mailgun", f"key-{(value := pick(dice, HEX, 32))}", (value,), ("MAILGUN_API_KEY", "api_key")),
    _named("datadog api", HEX, 32, "DD_API_KEY", "datadog_api_key"),
    _named("datadog app", HEX, 40, "DD_APP_KEY", "DATADOG_APP_KEY", "app_key"),
    _whole("new relic", "NR" + "AK-", UPPER + DIGITS, 27),
    lambda dice: Secret(
        "new relic licence", f"{(value := pick(dice, HEX, 36))}{'NRAL'}", (value,), ("NEW_RELIC_LICENSE_KEY",)
    ),
    lambda dice: Secret("jwt", (value := _jwt(dice)), (value[-40:],)),
    _key("RSA PRIVATE" + " KEY"),
    _key("EC PRIVATE" + " KEY"),
    _key("OPENSSH PRIVATE" + " KEY"),
    _key("PRIVATE" + " KEY"),
    _key("PGP PRIVATE" + " KEY BLOCK"),
    _putty,
    _whole("age", "AGE-" + "SECRET-KEY-1", BECH32, 58),
    _passworded("postgres address", "postgres://app:{}@db.acme.dev:5432/orders"),
    _passworded("https address", "https://deploy:{}@git.acme.dev/team/app.git"),
    _passworded("mongodb address", "mongodb+srv://app:{}@cluster0.acme.mongodb.net/orders?retryWrites=true"),
    _passworded("redis address", "redis://:{}@cache.acme.dev:6379/0"),
    lambda dice: Secret(
        "password", (value := password(dice)), (value,), ("password", "DB_PASSWORD", "smtp_password", "db_pwd")
    ),
    _named("api key", ALNUM, 32, "api_key", "API_KEY", "apiKey", "client_secret", "access_token", "encryption_key"),
    _placed("bearer", "Authorization: Bearer {}", (URL_SAFE, 40)),
    _basic,
    _netrc,
    _pgpass,
    _htpasswd,
    _passworded("connection string", "Server=db.acme.dev;Database=orders;User Id=app;Password={};Encrypt=True"),
    _passworded("jdbc address", "jdbc:postgresql://db.acme.dev/orders?user=app&password={}&ssl=true", "", ALNUM),
    _whole("grafana", "gl" + "sa_", ALNUM, 32, "_ab12cd34"),
    _whole("vault", "hv" + "s.", URL_SAFE, 24),
    _whole("databricks", "da" + "pi", HEX, 32),
    _placed("discord webhook", "https://discord.com/api/webhooks/123456789012345678/{}", (URL_SAFE, 68)),
)
"""Makers of secrets, one for each kind."""


# ------------------------------------------------------------------------------ where they are planted

ASSIGNMENTS: Mapping[str, str] = {
    "settings.py": '{name} = "{value}"',
    "client.py": 'client = Client(region="eu", {name}="{value}")',
    "annotated.py": '{name}: Final[str] = "{value}"',
    "table.py": 'SETTINGS = {{"region": "eu", "{name}": "{value}"}}',
    "fallback.py": '{name} = os.environ.get("{upper}", "{value}")',
    "item.py": 'os.environ["{upper}"] = "{value}"',
    "app.js": 'const {camel} = "{value}";',
    "object.js": "module.exports = {{ region: 'eu', {camel}: '{value}' }};",
    "env.js": "process.env.{upper} = '{value}';",
    "app.ts": "private readonly {camel}: string = '{value}';",
    "default.ts": 'const {camel} = process.env.{upper} ?? "{value}";',
    "app.tsx": 'export const View = () => <Login {camel}="{value}" />;',
    "main.go": '\t{camel} := "{value}"',
    "config.go": 'var c = Config{{Region: "eu", {pascal}: "{value}"}}',
    "setenv.go": 'os.Setenv("{upper}", "{value}")',
    "main.rs": 'const {upper}: &str = "{value}";',
    "let.rs": 'let {name}: String = "{value}".to_string();',
    "App.java": 'private static final String {upper} = "{value}";',
    "Setter.java": 'props.setProperty("{dotted}", "{value}");',
    "App.kt": 'val {camel} = "{value}"',
    "App.scala": 'val {camel}: String = "{value}"',
    "main.c": 'static const char *{name} = "{value}";',
    "define.h": '#define {upper} "{value}"',
    "main.cpp": 'const std::string {name}{{"{value}"}};',
    "App.cs": 'public const string {pascal} = "{value}";',
    "app.rb": "{name} = '{value}'",
    "hash.rb": 'config = {{ "{name}" => "{value}", region: "eu" }}',
    "symbols.rb": "Client.new(region: 'eu', {name}: '{value}')",
    "index.php": "${camel} = '{value}';",
    "config.php": "return ['{name}' => '{value}'];",
    "define.php": "define('{upper}', '{value}');",
    "App.swift": 'let {camel} = "{value}"',
    "app.lua": 'local {name} = "{value}"',
    "app.pl": 'my ${name} = "{value}";',
    "app.R": '{name} <- "{value}"',
    "setenv.R": 'Sys.setenv({upper} = "{value}")',
    "app.ex": 'config :app, {name}: "{value}"',
    "App.hs": '{camel} = "{value}"',
    "app.dart": "final String {camel} = '{value}';",
    "app.jl": 'const {upper} = "{value}"',
    "app.zig": 'const {name} = "{value}";',
    "App.m": 'NSString *{camel} = @"{value}";',
    "deploy.sh": 'export {upper}="{value}"',
    "bare.sh": "{upper}={value} ./run --all",
    "curl.sh": "curl -H 'X-Region: eu' -d '{{\"{name}\": \"{value}\"}}' https://api.acme.dev",
    "option.sh": "./run --region eu --{dashed} '{value}'",
    "plain.sh": "./run --region eu --{dashed} {value}",
    "task.json": '{{"environment": [{{"name": "{upper}", "value": "{value}"}}]}}',
    "old.Dockerfile": "ENV {upper} {value}",
    "ENV.rb": "{name} = ENV['{upper}'] || '{value}'",
    "or.py": '{name} = os.getenv("{upper}") or "{value}"',
    "Options.kt": 'options["{camel}"] = "{value}"',
    "deploy.ps1": '$env:{upper} = "{value}"',
    "deploy.bat": "set {upper}={value}",
    "schema.sql": "-- {name}: '{value}'",
    ".env": "{upper}={value}",
    ".env.local": 'export {upper}="{value}"',
    "config.yaml": "service:\n  {name}: {value}",
    "quoted.yml": 'service:\n  {camel}: "{value}"',
    "compose.yml": "services:\n  web:\n    environment:\n      - {upper}={value}",
    "k8s.yaml": 'env:\n  - name: {upper}\n    value: "{value}"',
    "config.toml": '[service]\n{name} = "{value}"',
    "config.json": '{{"region": "eu", "{camel}": "{value}"}}',
    "config.ini": "[service]\n{name} = {value}",
    "app.properties": "service.{dotted}={value}",
    "main.tf": '  {name} = "{value}"',
    "variables.tf": 'variable "{name}" {{\n  default = "{value}"\n}}',
    "Dockerfile": "ENV {upper}={value}",
    "arg.Dockerfile": 'ARG {upper}="{value}"',
    "config.xml": "<service><{name}>{value}</{name}></service>",
    "web.config": '<add key="{pascal}" value="{value}" />',
    "pom.xml": "<property><name>{dotted}</name><value>{value}</value></property>",
    "README.md": "Set `{upper}={value}` before you start.",
    "query.md": "Open https://api.acme.dev/v1/items?limit=5&{name}={value} to see it.",
}
"""How a value that needs a name is written, by the file that it stands in."""

ANYWHERE: Mapping[str, str] = {
    "settings.py": 'VALUES = ["eu", "{value}", 3]',
    "call.py": 'client.login("deploy", "{value}")',
    "comment.py": "# was {value} until May",
    "docstring.py": 'def run():\n    """Run it with {value} as the key."""',
    "app.js": "fetch(url, {{ key: '{value}' }});",
    "template.ts": "const header = `key ${{region}} {value}`;",
    "main.go": 'client := New("{value}") // of the account',
    "main.rs": '/* {value} */\nlet client = connect("{value}");',
    "App.java": 'Client client = new Client("{value}");',
    "main.c": 'connect("{value}");',
    "App.cs": 'var client = new Client("{value}");',
    "app.rb": "client = Client.new('{value}')",
    "index.php": "$client = connect('{value}');",
    "App.kt": 'val client = Client("{value}")',
    "App.swift": 'let client = Client(key: "{value}")',
    "app.lua": "-- {value}\nlocal client = connect('{value}')",
    "deploy.sh": "./run {value} --all",
    "schema.sql": "INSERT INTO keys (owner, value) VALUES ('deploy', '{value}');",
    ".env": "VALUE={value}",
    "config.yaml": "service:\n  value: {value}",
    "block.yaml": "script: |\n  run {value}\n  done",
    "config.toml": 'value = "{value}"',
    "config.json": '{{"value": "{value}"}}',
    "config.ini": "value = {value}",
    "main.tf": '  value = "{value}"',
    "Dockerfile": "RUN ./setup {value}",
    "page.html": '<meta name="key" content="{value}">',
    "config.xml": "<value>{value}</value>",
    "README.md": "    run {value}\n",
    "notes.txt": "the key is {value}, keep it safe",
    "table.csv": "id,owner,value\n1,deploy,{value}\n",
    "page.rst": "It is ``{value}`` for now.",
}
"""How what tells itself is written."""

_LINES_IN_CODE: Mapping[str, Callable[[Sequence[str]], str]] = {
    "key.pem": "\n".join,
    "key.py": lambda rows: 'KEY = """' + "\n".join(rows) + '"""',
    "joined.py": lambda rows: "KEY = (\n" + "\n".join(f'    "{row}\\n"' for row in rows) + "\n)",
    "escaped.json": lambda rows: json.dumps({"value": "\n".join(rows) + "\n"}),
    "block.yaml": lambda rows: "service:\n  value: |\n" + "\n".join(f"    {row}" for row in rows),
    "App.java": lambda rows: "String KEY =\n" + " +\n".join(f'    "{row}\\n"' for row in rows) + ";",
    "key.js": lambda rows: "const key = `" + "\n".join(rows) + "`;",
    "key.go": lambda rows: "var key = `" + "\n".join(rows) + "`",
    "key.tf": lambda rows: "  value = <<EOT\n" + "\n".join(rows) + "\nEOT",
    ".env": lambda rows: 'VALUE="' + "\\n".join(rows) + '"',
    "comment.c": lambda rows: "/*\n" + "\n".join(f" * {row}" for row in rows) + "\n */",
    "script.sh": lambda rows: "cat > key <<EOF\n" + "\n".join(rows) + "\nEOF",
    "array.ts": lambda rows: "const key = [\n" + ",\n".join(f"  '{row}'" for row in rows) + "\n].join('\\n');",
    "windows.pem": "\r\n".join,
    "notes.md": lambda rows: "The key:\n\n```\n" + "\n".join(rows) + "\n```\n",
    "comment.py": lambda rows: "\n".join(f"# {row}" for row in rows),
}
"""How a key of several lines is written."""


def notebook(source: str, output: str) -> str:
    """A notebook with a cell, and what it printed."""
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "metadata": {},
        "source": source.splitlines(keepends=True),
        "outputs": [{"output_type": "stream", "name": "stdout", "text": output.splitlines(keepends=True)}],
    }
    about = {"cell_type": "markdown", "metadata": {}, "source": ["# Orders\n", "How many there are."]}
    whole = {"cells": [about, cell], "metadata": {"language_info": {"name": "python"}}, "nbformat": 4}
    return json.dumps({**whole, "nbformat_minor": 5}, indent=1)


def _spellings(name: str) -> dict[str, str]:
    words = _words(name)
    return {
        "name": "_".join(words),
        "upper": "_".join(words).upper(),
        "camel": words[0] + "".join(word.title() for word in words[1:]),
        "pascal": "".join(word.title() for word in words),
        "dashed": "-".join(words),
        "dotted": ".".join(words),
        "spaced": " ".join(words),
    }


def _words(name: str) -> list[str]:
    spaced = "".join(f"_{char}" if char.isupper() and not name.isupper() else char for char in name)
    return [word.lower() for word in spaced.split("_") if word]


@dataclass(frozen=True)
class Planted:
    """A secret in a file."""

    secret: Secret
    path: str
    text: str


def planted_in(form: str, secret: Secret, dice: Dice) -> str:
    """Put a secret that needs a name into a form of ``FORMS`` or ``ASSIGNMENTS``."""
    return form.format(value=secret.value, **_spellings(dice.choice(secret.names)))


def planted(secret: Secret, dice: Dice) -> Planted:
    """Put a secret into a file of a kind that it is found in; one in eight into a notebook."""
    if secret.file:
        return Planted(secret, secret.file, f"{secret.value}\n")
    if "\n" in secret.value:
        path = dice.choice(list(_LINES_IN_CODE))
        text = _LINES_IN_CODE[path](secret.value.splitlines())
    elif secret.names:
        path = dice.choice(list(ASSIGNMENTS))
        text = planted_in(ASSIGNMENTS[path], secret, dice)
    else:
        path = dice.choice(list(ANYWHERE))
        text = ANYWHERE[path].format(value=secret.value)
    if not dice.randrange(8) and path.endswith(".py"):
        line = text if secret.names else f"print({text!r})"
        other = "ok\n"
        source, output = (text, other) if dice.randrange(2) else ("login()", f"{line}\n")
        return Planted(secret, "orders.ipynb", notebook(source, output))
    return Planted(secret, path, f"{text}\n")


__all__ = ["KINDS", "Dice", "Planted", "Secret", "notebook", "password", "pem", "pick", "planted", "planted_in"]
