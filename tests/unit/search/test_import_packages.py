# SPDX-License-Identifier: FSL-1.1-MIT
"""To which package an import goes that leaves its tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.search.import_packages import PackageResolver, package_of_import
from conexus.types import Ecosystem, PackageKey

NAMES = {
    Ecosystem.PYPI: [
        *["requests", "pyyaml", "python-dateutil", "google-cloud-storage", "zope-interface", "typing-extensions"],
        *["pillow", "json"],
    ],
    Ecosystem.NPM: ["react", "@scope/x", "@types/node-thing", "lodash.merge"],
    Ecosystem.GO: [
        "github.com/spf13/cobra",
        "golang.org/x/net",
        "example.org/a",
        "example.org/a/b",
        "gopkg.in/yaml.v3",
    ],
    Ecosystem.CARGO: ["serde-json", "tokio", "rand_core"],
    Ecosystem.MAVEN: [
        *[
            "com.google.guava:guava",
            "org.slf4j:slf4j-api",
            "com.fasterxml.jackson.core:jackson-databind",
            "junit:junit",
        ],
        *["org.springframework:spring-web", "com.fasterxml.jackson.core:jackson-annotations"],
    ],
    Ecosystem.RUBYGEMS: ["rails", "rspec-core", "aws-sdk-s3"],
    Ecosystem.COMPOSER: ["monolog/monolog", "symfony/http-kernel"],
    Ecosystem.NUGET: ["newtonsoft.json", "serilog"],
    Ecosystem.HEX: ["phoenix_html"],
}
REQUIRED = [PackageKey(ecosystem, name) for ecosystem, names in NAMES.items() for name in names]
MODULES = {"PIL": PackageKey(Ecosystem.PYPI, "pillow"), "org.junit": PackageKey(Ecosystem.MAVEN, "junit:junit")}


@pytest.mark.parametrize(
    ("language", "target", "name"),
    [
        ("python", "requests.adapters.HTTPAdapter", "requests"),
        ("python", "yaml", "pyyaml"),
        ("python", "dateutil.parser", "python-dateutil"),
        ("python", "google.cloud.storage.Client", "google-cloud-storage"),
        ("python", "zope.interface", "zope-interface"),
        ("python", "typing_extensions.Self", "typing-extensions"),
        ("python", "PIL.Image", "pillow"),  # by what is known of its modules
        ("python", "json", None),  # the standard library's, whatever a package is called
        ("python", ".requests", None),
        ("python", "unknown.thing", None),
        ("typescript", "react/jsx-runtime", "react"),
        ("typescript", "@scope/x/y", "@scope/x"),
        ("typescript", "node-thing", "@types/node-thing"),
        ("typescript", "node:fs", None),
        ("typescript", "./react", None),
        ("javascript", "lodash.merge", "lodash.merge"),
        ("css", "~react/style.css", "react"),
        ("go", "golang.org/x/net/http2", "golang.org/x/net"),
        ("go", "example.org/a/b/c", "example.org/a/b"),
        ("go", "example.org/a/c", "example.org/a"),
        ("go", "gopkg.in/yaml.v3", "gopkg.in/yaml.v3"),
        ("go", "net/http", None),
        ("rust", "serde_json::Value", "serde-json"),
        ("rust", "rand_core::RngCore", "rand_core"),
        ("rust", "std::io", None),
        ("rust", "crate::tokio", None),
        ("java", "com.google.guava.Thing", "com.google.guava:guava"),
        ("java", "org.slf4j.Logger", "org.slf4j:slf4j-api"),
        ("java", "org.springframework.web.bind.annotation.GetMapping", "org.springframework:spring-web"),
        ("java", "org.junit.Test", "junit:junit"),
        ("java", "java.util.List", None),
        ("ruby", "rspec/core", "rspec-core"),
        ("ruby", "aws-sdk-s3", "aws-sdk-s3"),
        ("php", "Monolog\\Logger", "monolog/monolog"),
        ("php", "Symfony\\HttpKernel\\Kernel", "symfony/http-kernel"),
        ("csharp", "Newtonsoft.Json.Linq", "newtonsoft.json"),
        ("csharp", "System.Text", None),
        ("elixir", "PhoenixHtml.Form", "phoenix_html"),
        ("c", "zlib.h", None),
        (None, "requests", None),
    ],
)
def test_the_package_of_an_import(language: str, target: str, name: str | None) -> None:
    """By the names that the tree requires, as each language writes imports of them."""
    found = package_of_import(language, target, REQUIRED, MODULES)
    assert (found.name if found else None) == name


@given(st.sampled_from(["python", "rust", "go", "java", "php", "ruby", "typescript", "elixir"]), st.text(max_size=30))
def test_only_packages_that_are_known_are_found(language: str, target: str) -> None:
    """Whatever an import says."""
    found = PackageResolver(REQUIRED, MODULES).resolve(language, target)
    assert found is None or found in REQUIRED


@pytest.mark.parametrize(
    ("target", "artifact"),
    [
        ("org.apache.http.nio.conn.NHttpClientConnectionManager", "httpasyncclient"),
        ("org.apache.http.impl.nio.client.HttpAsyncClients", "httpasyncclient"),
        ("org.apache.http.impl.nio.reactor.IOReactorConfig", "httpcore-nio"),
        ("org.apache.http.client.methods.HttpGet", "httpclient"),
        ("org.apache.http.HttpResponse", "httpcore"),
        ("org.apache.httpd.Server", None),
    ],
)
def test_artifacts_whose_names_are_in_no_package_of_theirs(target: str, artifact: str | None) -> None:
    """Those of Apache's HttpComponents share one root; what of them the tree requires decides."""
    group = "org.apache.httpcomponents"
    required = [
        PackageKey(Ecosystem.MAVEN, f"{group}:{name}")
        for name in ("httpasyncclient", "httpclient", "httpcore", "httpcore-nio")
    ]
    wanted = PackageKey(Ecosystem.MAVEN, f"{group}:{artifact}") if artifact else None
    assert package_of_import("java", target, required) == wanted
    alone = required[1:2]
    assert package_of_import("java", "org.apache.http.HttpResponse", alone) == alone[0]
