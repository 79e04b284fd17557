# SPDX-License-Identifier: FSL-1.1-MIT
"""The many ways in which a program, a settings file or a text gives a secret to a name.

No literal here looks like a secret: each one is put together at run time.
"""

import random
import string
from collections.abc import Mapping

import pytest

from conexus.parsing.secrets import redact

ALNUM = string.ascii_letters + string.digits
PIECE = 8  # characters in a row of a secret that may not stay


def random_values(kind: str) -> tuple[str, str]:
    """Two secrets: a password, a key of letters and digits, or a key in hexadecimal."""
    dice = random.Random(f"forms {kind}")  # noqa: S311 -- the same secrets in every run

    def value() -> str:
        if kind == "hex":
            return "".join(dice.choices("0123456789abcdef", k=30)) + "c7"
        if kind == "key":
            return "".join(dice.choices(ALNUM, k=30)) + "k7"
        return "".join(dice.choices(ALNUM, k=5)) + "-T4" + "".join(dice.choices(ALNUM, k=5)) + "7k!"

    return value(), value()


FORMS: Mapping[str, Mapping[str, str]] = {
    "default": {
        "environ.get": 'timeout = 3\nSECRET = os.environ.get("SERVICE", "V")',
        "environ.get of the name": 'connect(os.environ.get("API_KEY", "V"))',
        "getenv or": 'api_key = os.getenv("SERVICE") or "V"',
        "getenv or of the name": 'client = Client(os.getenv("API_KEY") or "V")',
        "ternary": 'const password = production ? process.env.DB : "V";',
        "ternary first": 'const password = production ? "V" : process.env.DB;',
        "ternary twice": 'const password = production ? "V" : "W";',
        "if else": 'password = given if given else "V"',
        "if else first": 'password = "V" if given else other',
        "spring value": '@Value("${db.password:V}")\nprivate String word;',
        "spring settings": "spring:\n  datasource:\n    password: ${DB_PASSWORD:V}",
        "spring properties": "spring.datasource.password=${DB_PASSWORD:V}",
        "shell": "export DB_PASSWORD=${DB_PASSWORD:-V}",
        "shell quoted": 'connect "${DB_PASSWORD:-V}"',
        "shell set": ': "${DB_PASSWORD:=V}"',
        "compose": "environment:\n  DB_PASSWORD: ${DB_PASSWORD:-V}",
        "c sharp": 'var apiKey = Environment.GetEnvironmentVariable("SERVICE") ?? "V";',
        "kotlin": 'val apiKey = System.getenv("SERVICE") ?: "V"',
        "ruby fetch": 'api_key = ENV.fetch("SERVICE", "V")',
        "ruby fetch block": 'connect ENV.fetch("API_KEY") { "V" }',
        "laravel": "'password' => env('DB_WORD', 'V'),",
        "php": "$password = getenv('DB') ?: 'V';",
        "javascript": 'const apiKey = process.env["SERVICE"] || "V";',
        "javascript next line": 'const apiKey =\n  process.env.SERVICE ||\n  "V";',
        "viper": 'viper.SetDefault("service.api_key", "V")',
        "java": 'String password = env.getOrDefault("DB", "V");',
        "java property": 'String password = System.getProperty("db.password", "V");',
        "rust": 'let api_key = env::var("SERVICE").unwrap_or("V".to_string());',
        "rust closure": 'let api_key = env::var("SERVICE").unwrap_or_else(|_| "V".into());',
        "decouple": 'SIGNING = config("SECRET_KEY", default="V")',
        "argparse": 'parser.add_argument("--password", default="V")',
        "argparse help": 'parser.add_argument("--password", type=str, default="V", help="of the database")',
        "click": '@click.option("--api-token", envvar="TOKEN", default="V")',
        "go flag": 'word := flag.String("password", "V", "of the database")',
        "field": 'password: str = Field(default="V")',
        "field first": 'password: SecretStr = Field("V", description="of the database")',
        "model": 'password = CharField(max_length=80, default="V")',
        "groovy": "password = findProperty('db') ?: 'V'",
        "elixir": 'secret_key_base: System.get_env("SECRET") || "V"',
    },
    "wrapped": {
        "brackets": 'password = ("V")',
        "brackets over lines": 'password = (\n    "V"\n)',
        "next line": 'String password =\n        "V";',
        "next line after a backslash": 'password = \\\n    "V"',
        "next line in json": '{"password":\n  "V"}',
        "next line in yaml": "service:\n  password:\n    V",
        "next line quoted in yaml": 'service:\n  password:\n    "V"',
        "three quotes": 'password = """V"""',
        "three single quotes": "password = '''V'''",
        "three quotes over lines": 'api_key = """\nV\n"""',
        "tuple": 'password = ("V",)',
        "tuple of two": 'user, password = "deploy", "V"',
        "tuple of two in brackets": 'auth = ("deploy", "V")',
        "call with a pair": 'requests.get(url, auth=("deploy", "V"))',
        "basic authorization": 'session.auth = HTTPBasicAuth("deploy", "V")',
        "str": 'password = str("V")',
        "bytes": 'password = bytes("V", "utf-8")',
        "encoded": 'password = "V".encode()',
        "base64": 'password = base64.b64decode("V")',
        "secret": 'password = SecretStr("V")',
        "new": 'var password = new Secret("V");',
        "characters": 'char[] password = "V".toCharArray();',
        "buffer": "const secret = Buffer.from('V', 'hex');",
        "go bytes": 'var jwtSecret = []byte("V")',
        "go pointer": 'Password: aws.String("V"),',
        "go raw": "password := `V`",
        "rust raw": 'let password = r#"V"#;',
        "rust from": 'let password = String::from("V");',
        "rust some": 'let password = Some("V".to_string());',
        "rust field": 'Config { api_key: Some(String::from("V")), region }',
        "c array": 'char api_key[] = "V";',
        "c sized array": 'static const char api_key[64] = "V";',
        "c attribute": 'const char api_key[] PROGMEM = "V";',
        "c wide": 'const wchar_t *password = L"V";',
        "c++ string": 'auto password = std::string("V");',
        "c++ raw": 'auto password = R"(V)";',
        "c++ suffix": 'auto password = "V"s;',
        "c++ construct": 'std::string password("V");',
        "macro": '#define API_KEY ("V")',
        "macro text": '#define API_KEY TEXT("V")',
        "lua": "local password = [[V]]",
        "lua table": "return { password = [[V]] }",
        "c# property": 'public string Password { get; set; } = "V";',
        "c# init": 'public string Password { get; private init; } = "V";',
        "c# arrow": 'public string Password => "V";',
        "c# verbatim": 'var password = @"V";',
        "c# raw": 'var password = """V""";',
        "kotlin lazy": 'val apiKey by lazy { "V" }',
        "ruby q": "password = %q(V)",
        "perl q": "my $password = q{V};",
        "toml three": "password = '''V'''",
        "toml three over lines": 'password = """\nV"""',
        "powershell": '$password = ConvertTo-SecureString "V" -AsPlainText -Force',
        "powershell named": '$password = ConvertTo-SecureString -String "V" -AsPlainText',
        "objective-c": 'NSString *apiKey = [NSString stringWithString:@"V"];',
        "js object call": 'const token = atob("V");',
        "scala": 'val apiKey = Some("V")',
        "cast": 'password = (string) "V";',
    },
    "command": {
        "fish": "set -x API_KEY V",
        "fish global": "set -gx API_KEY 'V'",
        "csh": "setenv API_KEY V",
        "csh quoted": 'setenv API_KEY "V"',
        "setx": "setx API_KEY V",
        "curl": "curl -u deploy:V https://api.acme.dev/",
        "curl quoted": "curl -s -u 'deploy:V' https://api.acme.dev/",
        "curl long": 'curl --user "deploy:V" https://api.acme.dev/',
        "curl header": "curl -H 'X-Api-Key: V' https://api.acme.dev/",
        "mysql": "mysql -u root -pV orders",
        "mysql quoted": "mysql -uroot -p'V' orders",
        "mysqldump": "mysqldump -h db -pV orders > all.sql",
        "mysql long": "mysql --user=root --password='V' orders",
        "sshpass": "sshpass -p V ssh deploy@host",
        "sshpass quoted": "sshpass -p 'V' ssh deploy@host",
        "sshpass joined": "sshpass -pV ssh deploy@host",
        "docker login": "docker login -u deploy -p V registry.acme.dev",
        "docker login from echo": "echo 'V' | docker login -u deploy --password-stdin",
        "psql": "PGPASSWORD=V psql -h db",
        "openssl": "openssl rsa -in key.pem -passin pass:V",
        "exported": "export SECRET_TOKEN='V'",
        "option is": 'run --token="V" --all',
        "yaml step": '- run: mysql -u root -pV -e "select 1"',
    },
    "several": {
        "list": 'API_KEYS = ["V", "W"]',
        "list over lines": 'API_KEYS = [\n    "V",\n    "W",\n]',
        "set": "TOKENS = {'V', 'W'}",
        "js list": "const apiKeys = ['V', 'W'];",
        "go list": 'var apiKeys = []string{"V", "W"}',
        "rust list": 'const API_KEYS: [&str; 2] = ["V", "W"];',
        "rust vec": 'let tokens = vec!["V", "W"];',
        "java list": 'List<String> apiKeys = List.of("V", "W");',
        "json list": '{"api_keys": ["V", "W"]}',
        "yaml list": "api_keys:\n  - V\n  - W",
        "yaml list quoted": 'api_keys:\n- "V"\n- "W"',
        "yaml inline list": "api_keys: [V, W]",
        "yaml folded": "api_key: >-\n  V\nregion: eu",
        "yaml literal": "api_key: |\n  V\nregion: eu",
        "yaml anchor": "api_key: &key V",
        "yaml tag": "api_key: !!str V",
        "yaml tag quoted": 'api_key: !!str "V"',
        "toml list": 'tokens = [\n  "V",\n  "W"\n]',
        "ruby words": "API_KEYS = %w[V W]",
        "dict of passwords": 'PASSWORDS = {"deploy": "V", "admin": "W"}',
        "environment": "API_KEYS=V,W",
        "shell array": "API_KEYS=('V' 'W')",
    },
    "beside": {
        "cdata": "<password><![CDATA[V]]></password>",
        "element over lines": "<password>\n  V\n</password>",
        "element with attribute": '<password type="plain">V</password>',
        "named element": '<string name="api_key">V</string>',
        "attribute": '<password value="V"/>',
        "android": '<meta-data android:name="com.acme.API_KEY" android:value="V" />',
        "android over lines": '<meta-data\n    android:name="com.acme.API_KEY"\n    android:value="V" />',
        "spring bean": '<property name="password" value="V"/>',
        "value before": '<property value="V" name="password"/>',
        "value element": '<property name="password">\n  <value>V</value>\n</property>',
        "plist": "<key>Password</key><string>V</string>",
        "plist over lines": "<key>ApiKey</key>\n\t<string>V</string>",
        "json": '{"name": "API_KEY", "value": "V"}',
        "json over lines": '{\n  "name": "API_KEY",\n  "value": "V"\n}',
        "json with between": '{"name": "API_KEY", "type": "text", "value": "V"}',
        "json before": '{"value": "V", "name": "API_KEY"}',
        "json before over lines": '{\n  "value": "V",\n  "name": "API_KEY"\n}',
        "json key": '{"key": "api_key", "value": "V", "type": "string"}',
        "javascript": "{ name: 'API_KEY', value: 'V' }",
        "kubernetes": "env:\n- name: API_KEY\n  value: V",
        "kubernetes quoted": 'env:\n- name: "API_KEY"\n  value: "V"',
        "kubernetes before": "env:\n- value: V\n  name: API_KEY",
        "cloud formation": "- ParameterKey: DbPassword\n  ParameterValue: V",
        "cloud formation option": "--parameters ParameterKey=DbPassword,ParameterValue=V",
        "ecs": '{"Name": "API_KEY", "Value": "V"}',
        "terraform": 'set {\n  name  = "db.password"\n  value = "V"\n}',
        "terraform variable": 'variable "password" {\n  type    = string\n  default = "V"\n}',
        "docker": '{"auths": {"registry.acme.dev": {"auth": "V"}}}',
        "pass code": "passcode: V",
        "c sharp tuple": '("password", "V")',
    },
    "setter": {
        "setattr": 'setattr(client, "password", "V")',
        "set": 'cfg.set("password", "V")',
        "set in section": 'cfg.set("database", "password", "V")',
        "set named": 'client.setApiKey("V");',
        "set snake": 'client.set_password("V")',
        "set with more": 'client.setPassword(user, "V");',
        "builder": 'Client.builder().apiKey("V").build()',
        "builder over lines": 'builder\n    .password("V")\n    .build();',
        "with": 'client.WithToken("V")',
        "put": 'map.put("password", "V");',
        "header": 'request.header("X-Api-Key", "V")',
        "add": 'headers.Add("X-Auth-Token", "V");',
        "append": "form.append('client_secret', 'V');",
        "insert": 'map.insert("password".to_string(), "V".to_string());',
        "insert from": 'map.insert(String::from("api_key"), String::from("V"));',
        "environment": 'cmd.env("API_KEY", "V")',
        "putenv": "putenv('DB_PASSWORD=V');",
        "objective-c": '[client setApiKey:@"V"];',
        "c": 'strcpy(password, "V");',
        "c option": 'curl_easy_setopt(curl, CURLOPT_PASSWORD, "V");',
        "ruby call": "client.password 'V'",
        "fill": 'page.fill("#password", "V");',
        "to": 'Map("password" -> "V")',
        "kotlin": 'mapOf("password" to "V")',
        "compare": 'if (password == "V") {',
        "compare in js": "if (token === 'V') {",
        "equals": 'if (password.equals("V")) {',
        "assert": 'assertEquals(password, "V")',
    },
    "sql": {
        "identified": "CREATE USER app IDENTIFIED BY 'V';",
        "identified lower": "grant all on *.* to 'app'@'%' identified by 'V';",
        "identified with": "ALTER USER app IDENTIFIED WITH mysql_native_password BY 'V';",
        "password": "CREATE USER app WITH PASSWORD 'V';",
        "encrypted": "ALTER ROLE app WITH ENCRYPTED PASSWORD 'V';",
        "is": "CREATE LOGIN app WITH PASSWORD = 'V';",
        "function": "SET PASSWORD FOR 'app'@'%' = PASSWORD('V');",
        "national": "CREATE LOGIN app WITH PASSWORD = N'V';",
        "update": "UPDATE users SET password = 'V' WHERE id = 1;",
        "values": "INSERT INTO users (name, password) VALUES ('deploy', 'V');",
    },
    "parts": {
        "plus": 'api_key = "A" + "B"',
        "plus over lines": 'String apiKey = "A"\n    + "B";',
        "plus at the end": 'const apiKey = "A" +\n  "B";',
        "three": 'api_key = "A" + "B" + "V"',
        "beside": 'api_key = "A" "B"',
        "beside over lines": 'api_key = (\n    "A"\n    "B"\n)',
        "php": "$apiKey = 'A' . 'B';",
        "lua": "local api_key = 'A' .. 'B'",
        "basic": 'apiKey = "A" & "B"',
        "backslash": 'api_key = "A" \\\n    "B"',
    },
    "text": {
        "prose": "The password is V and must be changed.",
        "docstring": 'def login():\n    """Log in, the password is V."""',
        "comment": "# default password is V",
        "comment quoted": '// the api key is "V"',
        "prose backquoted": "The admin password is `V`.",
        "colon": "Admin password: V",
        "bold": "**Password:** V",
        "bold backquoted": "**API key**: `V`",
        "list": "- Password: `V`",
        "equals": "password = V",
        "table": "| password | V |",
        "table backquoted": "| API key | `V` |",
        "table header": "| user | password |\n|---|---|\n| deploy | V |",
        "csv header": "user,password,region\ndeploy,V,eu\nother,W,eu",
        "csv quoted": '"user","password"\n"deploy","V"',
        "csv semicolon": "user;password\ndeploy;V",
        "html table": "<tr><td>Password</td><td>V</td></tr>",
        "html definition": "<dt>API key</dt>\n<dd>V</dd>",
        "rst field": ":password: V",
        "asciidoc": "Password:: V",
        "user slash": "Log in with user deploy and password V.",
    },
}
"""By what kind of form: a text, in which V and W are whole secrets, A and B the halves of one."""

NAMES = [(group, name) for group, forms in FORMS.items() for name in forms]


def planted(form: str, kind: str) -> tuple[str, list[str]]:
    """A form with secrets in it, and the secrets."""
    first, second = random_values(kind)
    middle = len(first) // 2
    slots = {"V": first, "W": second, "A": second[:middle], "B": second[middle:]}
    words = [part for part in _split(form) if part in slots]
    return "".join(slots.get(part, part) for part in _split(form)), [slots[word] for word in words]


def _split(form: str) -> list[str]:
    """Cut a form at its slots: single capital letters, beside none but signs (or the ``p`` of an option)."""
    parts: list[str] = [""]
    for at, char in enumerate(form):
        before, after = form[at - 1 : at], form[at + 1 : at + 2]
        is_option = form[at - 3 : at] == " -p"
        if char in "VWAB" and (is_option or not before.isalnum()) and not after.isalnum() and after != "_":
            parts += [char, ""]
        else:
            parts[-1] += char
    return parts


@pytest.mark.parametrize("kind", ["password", "key", "hex"])
@pytest.mark.parametrize(("group", "name"), NAMES)
def test_a_secret_is_replaced_in_each_form(group: str, name: str, kind: str) -> None:
    """Of a secret no eight characters in a row stay, whatever the form, and the text around it does."""
    before, secrets = planted(FORMS[group][name], kind)

    after, _ = redact(f"\n{before}\n")

    for secret in secrets:
        left = [secret[at : at + PIECE] for at in range(len(secret) - PIECE + 1)]
        assert not [piece for piece in left if piece in after], after
    assert redact(after) == (after, 0)
    assert [len(line) for line in after.splitlines()] == [len(line) for line in f"\n{before}\n".splitlines()]


PEOPLES = ["Summer2" + "4!", "hunter" + "2!", "51mp" + "50n", "P@ssw" + "0rd!7", "s3cr3t" + "-pw"]
DIRECT = [
    'password = "V"',
    'password = ("V")',
    'password = (\n    "V"\n)',
    'String password =\n    "V";',
    'password = SecretStr("V")',
    'Password: aws.String("V"),',
    'let password = String::from("V");',
    'password = """V"""',
    'client.setPassword("V");',
    'Client.builder().password("V").build()',
    'requests.get(url, auth=("deploy", "V"))',
    "curl -u deploy:V https://api.acme.dev/",
    "mysql -u root -pV orders",
    "sshpass -p 'V' ssh deploy@host",
    "CREATE USER app IDENTIFIED BY 'V';",
]


@pytest.mark.parametrize("value", PEOPLES)
@pytest.mark.parametrize("form", DIRECT)
def test_a_password_that_people_made_up_is_replaced_where_it_is_given(form: str, value: str) -> None:
    """Where a form says that it is a password it need not be random."""
    text = "".join(value if part == "V" else part for part in _split(form))

    after, count = redact(f"{text}\n")

    assert count == 1
    assert value not in after


CERTIFICATE = "".join(random.Random("certificate").choices(ALNUM + "+/", k=190))  # noqa: S311 -- the same each time
CLEAN = [
    # defaults
    'api_key = os.environ.get("API_KEY", "")',
    'api_key = os.environ.get("API_KEY", "changeme")',
    'api_key = os.environ.get("OPENAI_API_KEY_2", "your-api-key-here")',
    'password = os.getenv("DB_PASSWORD_1") or getpass("Password: ")',
    'password = os.getenv("PGPASSWORD") or "postgres"',
    'const apiKey = process.env.API_KEY ?? "";',
    'const token = production ? process.env.TOKEN_V2 : "test-token";',
    'password = "secret" if debug else read_password("db1.internal")',
    '@Value("${db.password:}")',
    '@Value("${db.password:changeme}")',
    "password: ${DB_PASSWORD:-postgres}",
    "DB_PASSWORD: ${DB_PASSWORD:?set it in .env.local2}",
    'echo "${API_KEY:-$OTHER_API_KEY_2}"',
    'parser.add_argument("--password", default=None, help="utf-8, see RFC4616")',
    'parser.add_argument("--api-key-file", default="/etc/app2/api-key.txt")',
    'token = config("TOKEN", default="test")',
    'env::var("API_KEY").unwrap_or_default()',
    'let token = env::var("TOKEN").expect("TOKEN_V2 must be set");',
    # wrapped
    "password: str = ''",
    'password: str | None = Field(default=None, min_length=8, pattern=r"^[A-Za-z0-9]+$")',
    'password = (\n    os.environ["DB_PASSWORD_2"]\n)',
    'password =\n    prompt("Password (8-64 characters): ");',
    'password = """\nThe password of the 2nd user.\n"""',
    'password = str(values["password2"])',
    "password = base64.b64decode(raw_password_2)",
    'token = hashlib.sha256(b"utf8").hexdigest()',
    'secret = hmac.new(key, message, "sha256")',
    'token = jwt.decode(raw, key, algorithms=["HS256", "ES384"])',
    "let token = Token::from(tokens2[0]);",
    'let password = String::from("password");',
    'char password[64] = "";',
    "static char api_key[MAX_KEY_LEN_2] = {0};",
    "public string Password { get; set; } = string.Empty;",
    'public string ApiKey { get; set; } = "your-api-key-1";',
    "local password = [[changeme]]",
    "var token = new CancellationTokenSource2();",
    "access_token = response.json()['access_token_v2']",
    'passwordInput = document.querySelector("#password2");',
    "api_key = request.headers.get('X-Api-Key-V2')",
    'secret = client.get_secret_value(SecretId="prod/db2/password")',
    'password = keyring.get_password("app2", "deploy1")',
    'private_key = load("/etc/ssl/private/server2.pem")',
    # commands
    "curl -u $USER:$PASSWORD https://api.acme.dev/v1",
    'curl -u "user:${TOKEN_V2}" https://api.acme.dev/',
    "curl --user user:password https://api.acme.dev/",
    "curl -u user1 https://api.acme.dev/v2/items",
    "mysql -u root -p orders2024",
    "mysql -u root -p$MYSQL_PASSWORD_2 orders",
    "mysql -h db1 -P3306 -pchangeme orders",
    "sshpass -p $SSH_PASSWORD_2 ssh deploy@host2",
    "docker login -u user -p $DOCKER_PASSWORD_2 registry2.acme.dev",
    "docker run -p 8080:8080 acme/login-service:v2.1.0",
    "mkdir -p build/login2/objects",
    "set -x API_KEY $argv[1]",
    "setenv PASSWORD_FILE /run/secrets2/db",
    # several
    'TOKENS = ["access_token_v1", "refresh_token_v2"]',
    'PASSWORDS = ["password1", "qwerty123", "letmein"]',
    'credentials = ["username1", "password1"]',
    "secrets: [db_password_1, api_key_2]",
    "secrets:\n  - db_password_1\n  - source: site2.key",
    "api_key: !secret google_api_key_2",
    "api_key: !vault |\n  prod/db2/password",
    "api_key: >-\n  {{ vault_api_key_2 }}",
    "tokens = {'bos': 1, 'eos_token_id2': 2}",
    'token_types = {"identifier2": Token.NAME, "utf8": Token.STRING}',
    # beside
    "<password></password>",
    "<password><![CDATA[changeme]]></password>",
    "<password>${db.password2}</password>",
    "<key>Password</key><string>String2</string>",
    "<key>Password</key>\n<string>$(DB_PASSWORD_2)</string>",
    '{"name": "API_KEY", "value": "${API_KEY_2}"}',
    '{"value": "eu-west-1", "name": "API_KEY"}',
    "- name: API_KEY\n  valueFrom:\n    secretKeyRef:\n      name: app2-secrets\n      key: api-key-v2",
    "- name: secrets\n  mountPath: /var/run/secrets/kubernetes.io/serviceaccount",
    "with:\n  persist-credentials: false\n- uses: actions/setup-node@" + "48b55a011bda9f5d6aeb4c2d9c7362e8dae4041e",
    'js-tokens@^4.0.0:\n  resolved "https://registry/js-tokens-4.0.0.tgz#'
    + "19203fb59991df98e3a287050d4647cdeaf32499"
    + '"',
    '"registry-auth-token": {\n  "integrity": "sha512-'
    + "PC5ZysNb42zpFME6D/XlIgtNGdTl8bBOCw90xQLVMpzuuubJKYDWFAEuUNc+Cn8Z8724tg2SDhDRrkVEsqfDMg=="
    + '"',
    'name = "secret-service"\nchecksum = "' + "5a0a5c6aafc4bba3a5fbe3d8bdc3ae1a2ea2a1b9a4b0b0b7d4ffcbd0a2b2a8ee" + '"',
    "github.com/acme/token v1.2.0 h1:" + "8qjRbGbQVkSwYTXTFnzbzaEd2XqPlm2Qq1AVGYhzYzM=",
    "public_key_token = 'neutral'\nid = '" + "d821eed7-4b5c-43c9-8ac2-6928e579b705" + "'",
    "fixes the token check in " + "0ff997f7c4c07660ffc6ad2506d5f56b8136208b",
    "// CVE of the token parser: GHSA-8vj2-vxx3-667w",
    "#define TOKEN_H_62B23520_7C8E_11DE",
    "* url: fix the password [[`a89f8c1bd0`](https://github.com/acme/app/commit/a89f8c1bd0)]",
    "CLIENT_SECRET = 'CLIENT_SECRET'\nCLASS_NAME = 'RedisV1beta1'\nPATH = 'sql/v1beta4/'",
    "tokens = messages.MessageField('GoogleCloudDocumentaiV1DocumentPageToken', 14)",
    "def secret(self, secret: str) -> k8s_min.EnvVarSource:",
    "'PageToken': 1, 'Filter.1.Value': 'subnet-9d4a7b6c'",
    "the token is of\n" + f"{CERTIFICATE[:64]}\n{CERTIFICATE[64:128]}\n{CERTIFICATE[128:]}",
    # setters
    'setattr(client, "password", password2)',
    'cfg.set("password", "")',
    'client.setApiKey(System.getenv("API_KEY_2"));',
    'client.set_password("password")',
    '.password("changeme")',
    'map.put("password", user.getPassword2());',
    'string name = (string)o.SelectToken("Products[0].Name");',
    'request.getPassword("password2")',
    'form.password("Password")',
    'page.fill("#password", "test_password_1");',
    'request.header("Authorization", "Bearer " + token2)',
    'strcpy(password, "");',
    'assertEquals(password, "password1")',
    'auth=("user", "pass")',
    '{"auth": "oauth2", "authentication": "Basic2Authentication"}',
    'auth = ("user1", "password1")',
    'session.auth = HTTPBasicAuth("user", os.environ["PASSWORD_2"])',
    # statements
    "CREATE USER app IDENTIFIED BY 'password1';",
    "ALTER USER app IDENTIFIED BY '${DB_PASSWORD_2}';",
    "ALTER ROLE app WITH ENCRYPTED PASSWORD :'new_password_2';",
    "INSERT INTO users (name, password) VALUES ('app1', crypt2(:password));",
    # parts
    'password = "user" + "name" + str(1)',
    'api_key = "your-" + "api-key"',
    'token_url = "https://auth2.acme.dev/" + "oauth2/v2/token"',
    # texts
    "The password is changeme and must be changed.",
    "the token is a UTF-8 string of 32 bytes, see RFC 6749",
    "# the api key is read from OPENAI_API_KEY_2",
    "| password | string | at least 8 characters |",
    "| `api_key` | `API_KEY_V2` | the key of the API |",
    "| token | type |\n|---|---|\n| bearer2 | `Bearer` |",
    "user,password,region\nuser1,password1,eu-west-1",
    "Tokens are counted with `o200k_base`.",
    "from blib2to3.pgen2 import token, tokenize",
    "test(NonZeroU16::new(1), &[Token::U16(1)])",
    "secret constants 0x2d358dccaa6c78a5ull and 1.25e-05",
    "pip install secretstorage==3.3.3 cryptography==42.0.5",
    "import { TokenV2 } from '@acme/auth-v2.1.0/dist/esm2020/token.mjs';",
    'model = "acme/token-v2-7B-anneal-en-v0.1"',
]
"""What looks like one of the forms, and holds no secret."""


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_like_such_a_form_is_left_alone(text: str) -> None:
    """Placeholders, look-ups, references, names of types, and checksums stay as they are."""
    assert redact(f"\n{text}\n") == (f"\n{text}\n", 0)
