# SPDX-License-Identifier: FSL-1.1-MIT
"""What manifests in the forms that package managers write say, and that no text can do harm."""

from __future__ import annotations

import json
import textwrap
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conexus.parsing.manifests import reading
from conexus.parsing.manifests.findings import MAX_PACKAGES, Manifest
from conexus.parsing.manifests.javascript import aliases_of
from conexus.parsing.manifests.reading import is_lock_file, is_manifest, read_manifest


def read(path: str, text: str) -> Manifest:
    """What a file of that name says; a first line feed and common indentation are no part of it."""
    return read_manifest(path, textwrap.dedent(text).removeprefix("\n"))


def told(manifest: Manifest) -> list[str]:
    """What is provided and required, a line each."""
    return [
        *(f"+ {one.ecosystem} {one.name} {one.version} @{one.line}".replace("  ", " ") for one in manifest.provided),
        *(
            f"{one.scope} {one.ecosystem} {one.name} {one.constraint} @{one.line}".replace("  ", " ")
            for one in manifest.required
        ),
    ]


CASES: list[tuple[str, str, list[str]]] = [
    (
        "pyproject.toml",
        """
        [build-system]
        requires = ["hatchling>=1.27", "wheel"]

        [project]
        name = "My_Shop.App"
        version = "1.4.0"
        dependencies = [
            "httpx[http2] >=0.28,<1",  # over the network
            "zope.interface; python_version < '3.12'",
            "lib @ git+https://user:secret@github.com/a/lib@v2 ; python_version > '3'",
        ]

        [project.optional-dependencies]
        s3 = ["boto3~=1.35"]

        [dependency-groups]
        test = ["pytest>=8", {include-group = "lint"}]
        lint = ["ruff"]

        [tool.uv]
        dev-dependencies = ["mypy"]

        [tool.hatch.envs.docs]
        dependencies = ["mkdocs"]
        """,
        [
            "+ pypi my-shop-app 1.4.0 @5",
            "runtime pypi httpx >=0.28,<1 @8",
            "runtime pypi zope-interface @9",
            "runtime pypi lib @ git+https://github.com/a/lib@v2 @10",
            "optional pypi boto3 ~=1.35 @14",
            "development pypi pytest >=8 @17",
            "development pypi ruff @18",
            "build pypi hatchling >=1.27 @2",
            "build pypi wheel @2",
            "development pypi mypy @21",
            "development pypi mkdocs @24",
        ],
    ),
    (
        "services/api/pyproject.toml",
        """
        [tool.poetry]
        name = "api"
        version = "0.3"

        [tool.poetry.dependencies]
        python = "^3.11"
        requests = "^2.31"
        psycopg = { version = "^3.1", extras = ["binary"], optional = true }
        shared = { git = "https://github.com/acme/shared.git", tag = "v1" }
        local = { path = "../local" }
        numpy = [{version = "<2", python = "<3.12"}, {version = ">=2", python = ">=3.12"}]

        [tool.poetry.group.dev.dependencies]
        pytest = "*"

        [build-system]
        requires = ["poetry-core"]
        """,
        [
            "+ pypi api 0.3 @2",
            "build pypi poetry-core @17",
            "runtime pypi requests ^2.31 @7",
            "optional pypi psycopg ^3.1 @8",
            "runtime pypi shared git+https://github.com/acme/shared.git@v1 @9",
            "runtime pypi local ../local @10",
            "runtime pypi numpy <2 @11",
            "runtime pypi numpy >=2 @11",
            "development pypi pytest * @14",
        ],
    ),
    (
        "requirements.txt",
        r"""
        # the web
        -r base.txt
        --index-url https://pypi.example.org/simple
        Flask==3.0.0 \
            --hash=sha256:aaaa \
            --hash=sha256:bbbb
            # via -r requirements.in
        requests[socks]>=2 ; python_version >= "3.8"  # needed
        -e git+https://github.com/acme/tools.git@main#egg=acme_tools
        ./wheels/local.whl
        https://example.org/pkg.tar.gz#egg=pkg
        name @ https://example.org/n.whl
        """,
        [
            "runtime pypi flask ==3.0.0 @4",
            "runtime pypi requests >=2 @8",
            "runtime pypi acme-tools git+https://github.com/acme/tools.git@main @9",
            "runtime pypi pkg https://example.org/pkg.tar.gz @11",
            "runtime pypi name @ https://example.org/n.whl @12",
        ],
    ),
    ("requirements/test.in", "pytest\n", ["development pypi pytest @1"]),
    ("requirements-dev.txt", "tox>4\n", ["development pypi tox >4 @1"]),
    (
        "setup.cfg",
        """
        [metadata]
        name = shop
        version = attr: shop.__version__
        description = a shop

        [options]
        packages = find:
        install_requires =
            requests>=2
            # why not
            attrs ; python_version < "3.9"
        setup_requires = setuptools>=60

        [options.extras_require]
        test =
            pytest
        lint = ruff; mypy>=1

        [tool:pytest]
        addopts = -q
        """,
        [
            "+ pypi shop @2",
            "runtime pypi requests >=2 @9",
            "runtime pypi attrs @11",
            "build pypi setuptools >=60 @12",
            "optional pypi pytest @16",
            "optional pypi ruff @17",
            "optional pypi mypy >=1 @17",
        ],
    ),
    (
        "setup.py",
        """
        import os
        from setuptools import setup

        NAME = "shop"
        needed = ["requests>=2", "attrs"]
        EXTRAS = {"test": ["pytest"], ":python_version < '3'": ["six"]}

        setup(
            name=NAME,
            version="1.2",
            install_requires=needed + [
                "click",
            ],
            extras_require=EXTRAS,
            tests_require="mock",
            long_description=open("README").read(),
        )
        """,
        [
            "+ pypi shop 1.2 @9",
            "runtime pypi requests >=2 @5",
            "runtime pypi attrs @5",
            "runtime pypi click @12",
            "development pypi mock @15",
            "optional pypi pytest @6",
            "runtime pypi six @6",
        ],
    ),
    (
        "PKG-INFO",
        """
        Metadata-Version: 2.4
        Name: Shop
        Version: 1.0
        Requires-Dist: requests>=2
        Requires-Dist: pytest; extra == "test"
        Requires-Dist: old (>=1.0) ; python_version < "3"

        A shop that requires nothing: Requires-Dist: not-this
        """,
        [
            "+ pypi shop 1.0 @2",
            "runtime pypi requests >=2 @4",
            "optional pypi pytest @5",
            "runtime pypi old (>=1.0) @6",
        ],
    ),
    (
        "Pipfile",
        """
        [[source]]
        url = "https://pypi.org/simple"

        [packages]
        flask = "*"
        records = {version = ">=0.5", extras = ["pg"]}

        [dev-packages]
        pytest = ">=8"
        """,
        ["runtime pypi flask @5", "runtime pypi records >=0.5 @6", "development pypi pytest >=8 @9"],
    ),
    (
        "Pipfile.lock",
        """
        {
            "_meta": {"hash": {"sha256": "x"}},
            "default": {
                "flask": {"hashes": ["sha256:a"], "version": "==3.0.0"}
            },
            "develop": {}
        }
        """,
        ["locked pypi flask 3.0.0 @4"],
    ),
    (
        "poetry.lock",
        """
        # This file is automatically @generated by Poetry and should not be changed by hand.

        [[package]]
        name = "certifi"
        version = "2024.7.4"
        files = [
            {file = "certifi.whl", hash = "sha256:a"},
        ]

        [package.dependencies]
        x = "*"

        [[package]]
        name = "mine"
        version = "0"

        [package.source]
        type = "directory"
        url = "mine"

        [metadata]
        lock-version = "2.0"
        """,
        ["locked pypi certifi 2024.7.4 @4"],
    ),
    (
        "uv.lock",
        """
        version = 1

        [[package]]
        name = "shop"
        version = "0.1"
        source = { virtual = "." }

        [[package]]
        name = "idna"
        version = "3.10"
        source = { registry = "https://pypi.org/simple" }
        wheels = [
            { url = "https://x/idna.whl", hash = "sha256:a", size = 1 },
        ]
        """,
        ["locked pypi idna 3.10 @9"],
    ),
    (
        "pdm.lock",
        '[[package]]\nname = "idna"\nversion = "3.10"\nfiles = []\n',
        ["locked pypi idna 3.10 @2"],
    ),
    (
        "pylock.toml",
        'lock-version = "1.0"\n[[packages]]\nname = "idna"\nversion = "3.10"\n'
        '[[packages]]\nname = "d"\ndirectory = {path = "."}\n',
        ["locked pypi idna 3.10 @3"],
    ),
    (
        "package.json",
        """
        {
          "name": "@acme/web",
          "version": "2.0.0",
          "private": true,
          "workspaces": ["packages/*"],
          "dependencies": {
            "react": "^18.2.0",
            "lodash4": "npm:lodash@^4",
            "@acme/ui": "workspace:*",
            "fsevents": "^2"
          },
          "devDependencies": {"typescript": "~5.4"},
          "peerDependencies": {"vue": ">=3", "svelte": "*"},
          "peerDependenciesMeta": {"svelte": {"optional": true}},
          "optionalDependencies": {"fsevents": "^2"}
        }
        """,
        [
            "+ npm @acme/web 2.0.0 @2",
            "runtime npm react ^18.2.0 @7",
            "runtime npm lodash ^4 @8",
            "runtime npm @acme/ui workspace:* @9",
            "runtime npm vue >=3 @13",
            "optional npm svelte * @13",
            "development npm typescript ~5.4 @12",
            "optional npm fsevents ^2 @15",
        ],
    ),
    (
        "package-lock.json",
        """
        {
          "name": "web",
          "lockfileVersion": 3,
          "packages": {
            "": {"name": "web", "dependencies": {"a": "1"}},
            "node_modules/a": {"version": "1.0.1"},
            "node_modules/a/node_modules/@s/b": {"version": "2.0.0", "dev": true},
            "node_modules/alias": {"name": "real", "version": "3.0.0"},
            "node_modules/ws": {"resolved": "packages/ws", "link": true},
            "packages/ws": {"version": "0.1.0"}
          }
        }
        """,
        ["locked npm a 1.0.1 @6", "locked npm @s/b 2.0.0 @7", "locked npm real 3.0.0 @8"],
    ),
    (
        "npm-shrinkwrap.json",
        '{"lockfileVersion": 1, "dependencies": {\n"a": {"version": "1.0.0", '
        '"dependencies": {"b": {"version": "2.0.0"}}},\n'
        '"x": {"version": "npm:y@1.1.0"}}}',
        ["locked npm a 1.0.0 @2", "locked npm y 1.1.0 @3", "locked npm b 2.0.0 @2"],
    ),
    (
        "pnpm-lock.yaml",
        """
        lockfileVersion: '9.0'

        importers:
          .:
            dependencies:
              react: {specifier: ^18, version: 18.2.0}

        packages:

          '@babel/core@7.24.0':
            resolution: {integrity: sha512-x}

          react-dom@18.2.0(react@18.2.0):
            resolution: {integrity: sha512-y}

          /old/1.2.3:
            resolution: {integrity: sha512-z}

          /mid@2.0.0(peer@1.0.0):
            resolution: {integrity: sha512-z}
        """,
        [
            "locked npm @babel/core 7.24.0 @10",
            "locked npm react-dom 18.2.0 @13",
            "locked npm old 1.2.3 @16",
            "locked npm mid 2.0.0 @19",
        ],
    ),
    (
        "yarn.lock",
        """
        # THIS IS AN AUTOGENERATED FILE. DO NOT EDIT THIS FILE DIRECTLY.
        # yarn lockfile v1


        "@babel/code-frame@^7.0.0", "@babel/code-frame@^7.1.0":
          version "7.22.5"
          resolved "https://registry.yarnpkg.com/x"
          dependencies:
            "@babel/highlight" "^7.22.5"

        abbrev@1:
          version "1.1.1"
        """,
        ["locked npm @babel/code-frame 7.22.5 @5", "locked npm abbrev 1.1.1 @11"],
    ),
    (
        "web/yarn.lock",
        """
        __metadata:
          version: 8

        "lodash@npm:^4.17.0, lodash@npm:^4.17.21":
          version: 4.17.21
          resolution: "lodash@npm:4.17.21"

        "short@npm:long-name@^1.0.0":
          version: 1.0.0
          resolution: "long-name@npm:1.0.0"

        "web@workspace:.":
          version: 0.0.0-use.local
        """,
        ["locked npm lodash 4.17.21 @4", "locked npm long-name 1.0.0 @8"],
    ),
    (
        "go.mod",
        """
        module github.com/acme/shop/v2 // the shop

        go 1.22

        require github.com/spf13/cobra v1.8.0

        require (
        \tgolang.org/x/net v0.20.0
        \tgithub.com/inconshreveable/mousetrap v1.1.0 // indirect
        )

        replace golang.org/x/net => ../net
        """,
        [
            "+ go github.com/acme/shop/v2 @1",
            "runtime go github.com/spf13/cobra v1.8.0 @5",
            "runtime go golang.org/x/net v0.20.0 @8",
            "locked go github.com/inconshreveable/mousetrap v1.1.0 @9",
        ],
    ),
    ("go.work", "go 1.22\n\nuse (\n\t./a\n\t./b\n)\n", []),
    (
        "go.sum",
        "golang.org/x/net v0.20.0 h1:aaa=\ngolang.org/x/net v0.20.0/go.mod h1:bbb=\n"
        "gopkg.in/yaml.v3 v3.0.1/go.mod h1:c=\n",
        ["locked go golang.org/x/net v0.20.0 @1"],
    ),
    (
        "Cargo.toml",
        """
        [package]
        name = "shop"
        version.workspace = true

        [workspace]
        members = ["crates/*"]

        [workspace.package]
        version = "0.4.0"

        [workspace.dependencies]
        serde = { version = "1.0", features = ["derive"] }

        [dependencies]
        serde.workspace = true
        rand_old = { package = "rand", version = "0.7" }
        log = { version = "0.4", optional = true }
        patched = { git = "https://github.com/a/patched", branch = "main" }

        [dependencies.tokio]
        version = "1"
        features = ["full"]

        [target.'cfg(unix)'.dependencies]
        nix = "0.27"

        [dev-dependencies]
        criterion = "0.5"

        [build-dependencies]
        cc = "1"
        """,
        [
            "+ cargo shop 0.4.0 @2",
            "runtime cargo serde 1.0 @15",
            "runtime cargo rand 0.7 @16",
            "optional cargo log 0.4 @17",
            "runtime cargo patched git+https://github.com/a/patched#main @18",
            "runtime cargo tokio 1 @20",
            "runtime cargo nix 0.27 @25",
            "development cargo criterion 0.5 @28",
            "build cargo cc 1 @31",
        ],
    ),
    (
        "crates/a/Cargo.toml",
        '[package]\nname = "a"\nversion.workspace = true\n\n[dependencies]\nserde = { workspace = true }\n',
        ["+ cargo a @2", "runtime cargo serde @6"],
    ),
    (
        "Cargo.lock",
        """
        version = 3

        [[package]]
        name = "shop"
        version = "0.4.0"
        dependencies = ["serde"]

        [[package]]
        name = "serde"
        version = "1.0.197"
        source = "registry+https://github.com/rust-lang/crates.io-index"
        """,
        ["locked cargo serde 1.0.197 @9"],
    ),
    (
        "pom.xml",
        """
        <?xml version="1.0" encoding="ISO-8859-1"?>
        <project xmlns="http://maven.apache.org/POM/4.0.0">
          <parent>
            <groupId>org.acme</groupId>
            <artifactId>parent</artifactId>
            <version>3</version>
          </parent>
          <artifactId>shop</artifactId>
          <properties><jackson.version>2.17.0</jackson.version></properties>
          <dependencyManagement><dependencies>
            <dependency><groupId>org.managed</groupId><artifactId>m</artifactId><version>9</version></dependency>
            <dependency><groupId>org.b</groupId><artifactId>bom</artifactId><version>1</version>
              <type>pom</type><scope>import</scope></dependency>
          </dependencies></dependencyManagement>
          <dependencies>
            <dependency>
              <groupId>com.fasterxml.jackson.core</groupId>
              <artifactId>jackson-databind</artifactId>
              <version>${jackson.version}</version>
              <exclusions><exclusion><groupId>x</groupId><artifactId>y</artifactId></exclusion></exclusions>
            </dependency>
            <dependency><groupId>org.managed</groupId><artifactId>m</artifactId></dependency>
            <dependency><groupId>${project.groupId}</groupId><artifactId>core</artifactId>
              <version>${project.version}</version></dependency>
            <dependency><groupId>junit</groupId><artifactId>junit</artifactId><scope>test</scope></dependency>
          </dependencies>
          <build><plugins><plugin><artifactId>maven-jar-plugin</artifactId></plugin></plugins></build>
        </project>
        """,
        [
            "+ maven org.acme:shop 3 @8",
            "build maven org.acme:parent 3 @3",
            "build maven org.b:bom 1 @12",
            "runtime maven com.fasterxml.jackson.core:jackson-databind 2.17.0 @16",
            "runtime maven org.managed:m 9 @22",
            "runtime maven org.acme:core 3 @23",
            "development maven junit:junit @25",
            "build maven org.apache.maven.plugins:maven-jar-plugin @27",
        ],
    ),
    (
        "app/build.gradle",
        """
        plugins {
            id 'java'
            id 'org.springframework.boot' version '3.2.0'
        }
        group = 'org.acme'
        version '1.0'
        ext.guava = '33.0'

        repositories { mavenCentral() }

        dependencies {
            // implementation 'no:no:1'
            implementation "com.google.guava:guava:$guava"
            implementation('org.a:b:1.0') {
                exclude group: 'x', module: 'y'
            }
            compileOnly group: 'org.c', name: 'd', version: '2'
            implementation platform('org.e:bom:1')
            implementation project(':core')
            implementation libs.okhttp
            annotationProcessor 'org.projectlombok:lombok:1.18'
            testImplementation 'junit:junit:4.13',
                'org.mockito:mockito-core:5'
        }
        """,
        [
            "+ maven org.acme:app 1.0 @1",
            "build maven org.springframework.boot:org.springframework.boot.gradle.plugin 3.2.0 @3",
            "runtime maven com.google.guava:guava 33.0 @13",
            "runtime maven org.a:b 1.0 @14",
            "runtime maven org.c:d 2 @17",
            "runtime maven org.e:bom 1 @18",
            "build maven org.projectlombok:lombok 1.18 @21",
            "development maven junit:junit 4.13 @22",
            "development maven org.mockito:mockito-core 5 @23",
        ],
    ),
    (
        "build.gradle.kts",
        """
        plugins {
            kotlin("jvm") version "1.9.22"
            id("com.diffplug.spotless") version "6.25.0"
        }
        val ktor: String by project
        val okhttp = "4.12.0"
        dependencies {
            implementation("com.squareup.okhttp3:okhttp:${okhttp}")
            implementation("io.ktor:ktor-server-core:$ktor")
            api(platform("org.e:bom:1"))
            implementation(project(":core"))
            implementation(libs.x)
            testImplementation(group = "org.c", name = "d", version = "2")
            implementation(kotlin("stdlib"))
        }
        """,
        [
            "build maven com.diffplug.spotless:com.diffplug.spotless.gradle.plugin 6.25.0 @3",
            "runtime maven com.squareup.okhttp3:okhttp 4.12.0 @8",
            "runtime maven io.ktor:ktor-server-core $ktor @9",
            "runtime maven org.e:bom 1 @10",
            "development maven org.c:d 2 @13",
        ],
    ),
    (
        "gradle/libs.versions.toml",
        """
        [versions]
        okhttp = "4.12.0"
        rich = { strictly = "1.0" }

        [libraries]
        okhttp = { module = "com.squareup.okhttp3:okhttp", version.ref = "okhttp" }
        junit = { group = "junit", name = "junit", version = "4.13" }
        short = "org.a:b:1.0"
        r = { module = "org.r:r", version.ref = "rich" }

        [plugins]
        spotless = { id = "com.diffplug.spotless", version = "6" }
        """,
        [
            "runtime maven com.squareup.okhttp3:okhttp 4.12.0 @6",
            "runtime maven junit:junit 4.13 @7",
            "runtime maven org.a:b 1.0 @8",
            "runtime maven org.r:r 1.0 @9",
            "build maven com.diffplug.spotless:com.diffplug.spotless.gradle.plugin 6 @12",
        ],
    ),
    (
        "Gemfile",
        """
        source "https://rubygems.org"
        ruby "3.3.0"

        gem "rails", "~> 7.1", ">= 7.1.2"
        gem 'pg', require: false
        group :development, :test do
          gem "rspec-rails"
        end
        gem "shared", github: "acme/shared"
        gem "brakeman", group: :development
        """,
        [
            "runtime rubygems rails ~> 7.1, >= 7.1.2 @4",
            "runtime rubygems pg @5",
            "development rubygems rspec-rails @7",
            "runtime rubygems shared acme/shared @9",
            "development rubygems brakeman @10",
        ],
    ),
    (
        "Gemfile.lock",
        """
        PATH
          remote: .
          specs:
            mine (0.1)

        GEM
          remote: https://rubygems.org/
          specs:
            rack (3.0.8)
              webrick (>= 1)
            webrick (1.8.1)

        PLATFORMS
          ruby

        DEPENDENCIES
          rack
        """,
        ["locked rubygems rack 3.0.8 @9", "locked rubygems webrick 1.8.1 @11"],
    ),
    (
        "shop.gemspec",
        """
        Gem::Specification.new do |spec|
          spec.name = "shop"
          spec.version = "1.0"
          spec.add_dependency "rack", "~> 3.0"
          spec.add_development_dependency("rspec", [">= 3", "< 4"])
        end
        """,
        ["+ rubygems shop 1.0 @2", "runtime rubygems rack ~> 3.0 @4", "development rubygems rspec >= 3, < 4 @5"],
    ),
    (
        "composer.json",
        """
        {
          "name": "Acme/Shop",
          "require": {"php": ">=8.1", "ext-json": "*", "monolog/monolog": "^3.0"},
          "require-dev": {"phpunit/phpunit": "^10"}
        }
        """,
        [
            "+ composer acme/shop @2",
            "runtime composer monolog/monolog ^3.0 @3",
            "development composer phpunit/phpunit ^10 @4",
        ],
    ),
    (
        "composer.lock",
        '{"packages": [\n{"name": "psr/log", "version": "3.0.0"}],\n"packages-dev": []}',
        ["locked composer psr/log 3.0.0 @2"],
    ),
    (
        "src/Shop/Shop.csproj",
        """
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <Version>1.2.3</Version>
            <SerilogVersion>3.1.1</SerilogVersion>
          </PropertyGroup>
          <ItemGroup>
            <PackageReference Include="Serilog" Version="$(SerilogVersion)" />
            <PackageReference Include="Newtonsoft.Json"><Version>13.0.3</Version></PackageReference>
            <PackageReference Include="StyleCop.Analyzers" Version="1.1" PrivateAssets="all" />
            <ProjectReference Include="..\\Core\\Core.csproj" />
          </ItemGroup>
        </Project>
        """,
        [
            "+ nuget shop 1.2.3 @1",
            "runtime nuget serilog 3.1.1 @7",
            "runtime nuget newtonsoft.json 13.0.3 @8",
            "build nuget stylecop.analyzers 1.1 @9",
        ],
    ),
    (
        "packages.config",
        '<packages>\n<package id="NUnit" version="3.0" developmentDependency="true" />\n</packages>',
        ["development nuget nunit 3.0 @2"],
    ),
    (
        "Directory.Packages.props",
        '<Project>\n<ItemGroup>\n<PackageVersion Include="Polly" Version="8.0" />\n</ItemGroup>\n</Project>',
        ["runtime nuget polly 8.0 @3"],
    ),
    (
        "packages.lock.json",
        '{"version": 1, "dependencies": {"net8.0": {\n"Polly": {"type": "Direct", "resolved": "8.0.0"},\n'
        '"core": {"type": "Project"}}}}',
        ["locked nuget polly 8.0.0 @2"],
    ),
    (
        "Package.swift",
        """
        // swift-tools-version:5.9
        import PackageDescription

        let package = Package(
            name: "Shop",
            dependencies: [
                .package(url: "https://github.com/apple/swift-nio.git", from: "2.62.0"),
                .package(url: "https://github.com/a/B", .upToNextMinor(from: "1.0.0")),
                .package(path: "../Local"),
            ],
            targets: [.target(name: "Shop", dependencies: [.product(name: "NIO", package: "swift-nio")])]
        )
        """,
        [
            "+ swift shop @4",
            'runtime swift swift-nio from: "2.62.0" @7',
            'runtime swift b .upToNextMinor(from: "1.0.0") @8',
        ],
    ),
    (
        "Package.resolved",
        """
        {
          "pins": [
            {
              "identity": "swift-nio",
              "kind": "remoteSourceControl",
              "location": "https://github.com/apple/swift-nio.git",
              "state": {"revision": "abc", "version": "2.62.0"}
            }
          ],
          "version": 2
        }
        """,
        ["locked swift swift-nio 2.62.0 @3"],
    ),
    (
        "mix.exs",
        """
        defmodule Shop.MixProject do
          use Mix.Project

          @version "0.5.0"

          def project do
            [app: :shop, version: @version, deps: deps(), elixir: "~> 1.15"]
          end

          defp deps do
            [
              {:phoenix, "~> 1.7"},
              {:credo, "~> 1.7", only: [:dev, :test], runtime: false},
              {:tool, git: "https://github.com/a/tool.git", tag: "1"},
              {:core, in_umbrella: true}
            ]
          end
        end
        """,
        [
            "+ hex shop 0.5.0 @7",
            "runtime hex phoenix ~> 1.7 @12",
            "development hex credo ~> 1.7 @13",
            "runtime hex tool https://github.com/a/tool.git @14",
        ],
    ),
    (
        "mix.lock",
        """
        %{
          "jason": {:hex, :jason, "1.4.1", "af1504", [:mix], [{:decimal, "~> 1.0", [hex: :decimal]}], "hexpm", "f"},
          "plug": {:hex, :plug, "1.15.3", "712976", [:mix], [], "hexpm", "cc4365"},
        }
        """,
        ["locked hex jason 1.4.1 @2", "locked hex plug 1.15.3 @3"],
    ),
    (
        "Dockerfile",
        """
        # syntax=docker/dockerfile:1
        ARG PYTHON=3.12
        ARG REGISTRY=registry.example.org:5000
        FROM --platform=$BUILDPLATFORM python:${PYTHON}-slim AS build
        COPY --from=ghcr.io/astral-sh/uv:0.4 /uv /bin/
        RUN <<EOF
        FROM nothing
        EOF
        FROM build AS test
        FROM $REGISTRY/acme/base \\
            AS final
        COPY --from=build /app /app
        FROM docker.io/library/alpine@sha256:abc
        FROM scratch
        FROM ${UNKNOWN:-debian:12}
        """,
        [
            "runtime docker python 3.12-slim @4",
            "build docker ghcr.io/astral-sh/uv 0.4 @5",
            "runtime docker registry.example.org:5000/acme/base @10",
            "runtime docker alpine sha256:abc @13",
            "runtime docker debian 12 @15",
        ],
    ),
    (
        "docker-compose.yml",
        """
        x-base: &base
          image: postgres:${PG:-16}
        services:
          db:
            <<: *base
          web:
            build: .
            image: acme/web:1
          cache:
            image: redis
        """,
        ["+ docker acme/web 1 @8", "runtime docker postgres 16 @2", "runtime docker redis @10"],
    ),
    (
        ".github/workflows/ci.yml",
        """
        on: push
        jobs:
          test:
            runs-on: ubuntu-latest
            container: node:20
            services:
              pg: {image: "postgres:16"}
            steps:
              - uses: actions/checkout@v4
              - run: make
              - uses: github/codeql-action/init@v3
              - uses: ./.github/actions/local
              - uses: docker://alpine:3
          reuse:
            uses: acme/workflows/.github/workflows/deploy.yml@main
        """,
        [
            "build github_actions actions/checkout v4 @9",
            "build github_actions github/codeql-action v3 @11",
            "build docker alpine 3 @13",
            "build docker node 20 @5",
            "build docker postgres 16 @7",
            "build github_actions acme/workflows main @15",
        ],
    ),
    (
        "action.yml",
        "name: x\nruns:\n  using: composite\n  steps:\n    - uses: Actions/Cache@v4\n",
        ["build github_actions actions/cache v4 @5"],
    ),
    (
        "infra/main.tf",
        """
        terraform {
          required_providers {
            aws = { source = "hashicorp/aws", version = "~> 5.0" }
            random = "~> 3"
          }
        }
        module "vpc" {
          source  = "terraform-aws-modules/vpc/aws"
          version = "5.1"
        }
        module "shared" {
          source = "git::https://example.org/acme/infra.git//modules/x?ref=v1.2"
        }
        module "hub" {
          source = "github.com/acme/hub"
        }
        module "local" {
          source = "./local"
        }
        """,
        [
            "runtime terraform hashicorp/aws ~> 5.0 @3",
            "runtime terraform hashicorp/random ~> 3 @4",
            "runtime terraform terraform-aws-modules/vpc/aws 5.1 @8",
            "runtime git example.org/acme/infra v1.2 @12",
            "runtime git github.com/acme/hub @15",
        ],
    ),
    (
        ".terraform.lock.hcl",
        'provider "registry.terraform.io/hashicorp/aws" {\n  version = "5.31.0"\n  hashes = []\n}\n',
        ["locked terraform hashicorp/aws 5.31.0 @1"],
    ),
    (
        ".gitmodules",
        """
        [submodule "lib/a"]
        \tpath = lib/a
        \turl = git@github.com:acme/a.git
        \tbranch = main
        [submodule "b"]
        \turl = ../b.git
        """,
        ["runtime git github.com/acme/a main @3"],
    ),
]


@pytest.mark.parametrize(("path", "text", "expected"), CASES, ids=[path for path, _, _ in CASES])
def test_a_manifest_says_what_its_package_manager_reads(path: str, text: str, expected: list[str]) -> None:
    """Names as the ecosystem compares them, what is asked for as written, and the lines."""
    assert is_manifest(path)
    assert told(read(path, text)) == expected


def test_every_reader_has_a_case() -> None:
    """No kind of manifest goes without one."""
    tested = {reading._reader_of(path) for path, _, _ in CASES}
    table = reading._MANIFESTS | reading._LOCK_FILES | reading._ENDINGS
    assert set(table.values()) <= tested


@pytest.mark.parametrize(
    "path", ["README.md", "src/package.py", "requirements.py", "a/compose.py", "dockerfile.scm", "setup.pyc"]
)
def test_other_files_are_no_manifests(path: str) -> None:
    """They say nothing, whatever they hold."""
    assert not is_manifest(path)
    assert read_manifest(path, '{"name": "x"}') == Manifest()


def test_lock_files_are_told_by_name() -> None:
    """They are read for their packages alone; a manifest is text to be searched as well."""
    assert is_lock_file("web/package-lock.json")
    assert is_lock_file("Cargo.lock")
    assert not is_lock_file("package.json")
    assert not is_lock_file("bun.lockb")


# ------------------------------------------------------------------------------------------- notes


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("pyproject.toml", "[project\nname=1", "not valid TOML"),
        ("package.json", '{"name": ', "not valid JSON"),
        ("package.json", "[1]", "no object"),
        ("pom.xml", "<project><a></project>", "not valid XML"),
        ("pom.xml", "<html/>", "no project of Maven"),
        ("docker-compose.yml", "a: [1, {", "not valid YAML"),
        ("docker-compose.yml", "- a\n", "no mapping"),
        ("setup.py", "def (:\n", "no Python"),
        ("setup.py", "from setuptools import setup\nsetup(name=read(), install_requires=reqs())\n", "never run"),
        ("requirements.txt", "what is this?\n", "line 1 is no requirement"),
        ("requirements.txt", "-e git+https://github.com/a/b\n", "does not say which package"),
        ("go.sum", "nothing\n", "no checksum"),
        ("yarn.lock", "{}", "no lock file of Yarn"),
        ("Gemfile", "gem name_of\n", "something computed"),
        (".gitmodules", '[submodule "b"]\nurl = ../b\n', "relative or local"),
        ("Dockerfile", "FROM $BASE\n", "variable that the file does not give"),
        ("package.json", '{"dependencies": {"../../etc passwd": "1"}}', "names no package"),
    ],
)
def test_what_cannot_be_read_is_noted(path: str, text: str, words: str) -> None:
    """In words, with the line where there is one."""
    assert any(words in note for note in read_manifest(path, text).notes), read_manifest(path, text).notes


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("package.json", '{\n"dependencies": "x"}', "line 2: dependencies is a text where a table is expected"),
        ("package.json", '{"devDependencies": ["x"]}', "devDependencies is a list where a table"),
        ("package.json", '{"dependencies": {"a": 1}}', "dependencies.a is a number where a text"),
        ("package.json", '{"dependencies": {"a": {"version": "1"}}}', "dependencies.a is a table where a text"),
        ("package.json", '{"name": ["a"]}', "name is a list where a text"),
        ("package.json", '{"name": "a", "version": 1.10}', "version is a number where a text"),
        (
            "package-lock.json",
            '{"packages": {"node_modules/a": "1"}}',
            "packages.node_modules/a is a text where a table",
        ),
        ("package-lock.json", '{"dependencies": {"a": "1"}}', "dependencies.a is a text where a table"),
        ("composer.json", '{"require": "a/b"}', "require is a text where a table"),
        ("composer.json", '{"require": {"a/b": true}}', "require.a/b is true or false where a text"),
        ("composer.lock", '{"packages": {"a": 1}}', "packages is a table where a list"),
        ("Cargo.toml", 'dependencies = ["serde"]', "dependencies is a list where a table"),
        ("Cargo.toml", "[dependencies]\nserde = 1", "line 2: dependencies.serde is a number where a text or a table"),
        (
            "Cargo.toml",
            "[dependencies]\nserde = { version = 1.0 }",
            "dependencies.serde.version is a number where a text",
        ),
        ("Cargo.toml", "[target]\nunix = 1", "target.unix is a number where a table"),
        ("Cargo.toml", '[package]\nname = "a"\nversion = 1', "package.version is a number where a text"),
        ("Cargo.toml", '[package]\nname = "a"\nversion = 1979-05-27', "package.version is a date where a text"),
        ("Cargo.lock", 'package = "a"', "package is a text where a list"),
        ("pyproject.toml", "project = 1", "project is a number where a table"),
        ("pyproject.toml", '[project]\ndependencies = "requests"', "project.dependencies is a text where a list"),
        ("pyproject.toml", '[project.dependencies]\nrequests = "1"', "project.dependencies is a table where a list"),
        (
            "pyproject.toml",
            "[project]\ndependencies = [\n1]",
            "line 3: project.dependencies.0 is a number where a text",
        ),
        ("pyproject.toml", '[project]\noptional-dependencies = ["a"]', "optional-dependencies is a list where a table"),
        ("pyproject.toml", '[dependency-groups]\ndev = "pytest"', "dependency-groups.dev is a text where a list"),
        (
            "pyproject.toml",
            "[tool.poetry.dependencies]\na = 1.10",
            "tool.poetry.dependencies.a is a number where a text",
        ),
        ("pyproject.toml", '[tool.hatch]\nenvs = "x"', "tool.hatch.envs is a text where a table"),
        ("Pipfile", 'packages = "a"', "packages is a text where a table"),
        ("Pipfile", "[packages]\na = 1", "packages.a is a number where a text or a table"),
        ("Pipfile.lock", '{"default": ["a"]}', "default is a list where a table"),
        ("libs.versions.toml", "[libraries]\na = 1", "libraries.a is a number where a text or a table"),
        ("packages.lock.json", '{"dependencies": {"net8.0": "x"}}', "dependencies.net8.0 is a text where a table"),
        ("Package.resolved", '{"pins": {}}', "pins is a table where a list"),
        ("compose.yaml", "services:\n  - a", "line 2: services is a list where a table"),
        ("compose.yaml", "services:\n  web: nginx", "services.web is a text where a table"),
        ("compose.yaml", "services:\n  web:\n    image: [nginx]", "services.web.image is a list where a text"),
        (".github/workflows/a.yml", "jobs: build", "jobs is a text where a table"),
        (
            ".github/workflows/a.yml",
            "jobs:\n  a:\n    steps:\n      uses: a/b@1",
            "line 4: steps is a table where a list",
        ),
        (".github/workflows/a.yml", "jobs:\n  a:\n    steps:\n      - a/b@1", "a step is a text where a table"),
        (".github/workflows/a.yml", "jobs:\n  a:\n    steps:\n      - uses: [a/b@1]", "uses is a list where a text"),
    ],
)
def test_a_value_of_another_type_is_noted(path: str, text: str, words: str) -> None:
    """By its key; and once, whoever asks for it."""
    notes = read_manifest(path, text).notes
    assert any(words in note for note in notes), notes
    assert len(notes) == 1


def test_aliases_of_npm() -> None:
    """Of every section; nothing of what is no alias, or cannot be read."""
    text = (
        '{"dependencies": {"zod3": "npm:zod@^3", "a": "1"}, "devDependencies": {"@my/x": "npm:@its/x", "b": "npm:b@1"}}'
    )
    assert aliases_of(text) == {"zod3": "zod", "@my/x": "@its/x"}
    assert aliases_of('{"dependencies": {"zod3": "npm:zod"') == {}
    assert aliases_of('{"dependencies": ["npm:zod", 1]}') == {}


def test_no_number_becomes_a_version() -> None:
    """``1.10`` is 1.1 to TOML and JSON."""
    assert told(read("Cargo.toml", "[dependencies]\nserde = { version = 1.10 }")) == ["runtime cargo serde @2"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("package.json", '{"dependencies": null, "devDependencies": {}, "peerDependencies": [], "name": null}'),
        ("package.json", '{"dependencies": {"a": ""}, "workspaces": ["a"], "bundleDependencies": true}'),
        ("composer.json", '{"require": [], "require-dev": {"a/b": "*"}}'),
        ("composer.lock", '{"packages": [], "packages-dev": null}'),
        (
            "Cargo.toml",
            "[package]\nname = 'a'\nversion.workspace = true\n[dependencies]\na.workspace = true\nb = {path='b'}",
        ),
        ("Cargo.toml", "[target.'cfg(unix)'.dependencies]\na = '1'\n[workspace]\nmembers = ['a']"),
        (
            "pyproject.toml",
            "[project]\nname = 'a'\ndynamic = ['version']\n[dependency-groups]\na = [{include-group='b'}]\nb = []",
        ),
        (
            "pyproject.toml",
            "[tool.poetry.dependencies]\na = [{version='1'}, {version='2'}]\nb = {git='https://x.org/b'}",
        ),
        ("pyproject.toml", "[tool.poetry.dependencies]\npython = 3\n[tool.hatch.envs.a]\nmatrix = [{python=['3']}]"),
        ("compose.yaml", "services:\n  web:\n  db:\n    image:\n"),
        ("compose.yaml", "services: {}\nvolumes: [a]\n"),
        (".github/workflows/a.yml", "jobs:\n  a:\n    steps:\n  b:\n    steps: []\n  c:\n    container: node:20\n"),
        ("Pipfile", "[packages]\na = '*'\nb = {version='*', extras=['x']}\n[pipenv]\nallow_prereleases = true"),
    ],
)
def test_odd_forms_that_are_allowed_are_not_noted(path: str, text: str) -> None:
    """As package managers take them, or other programs write them."""
    assert not read_manifest(path, text).notes


def test_what_is_around_a_fault_counts() -> None:
    """One bad requirement does not hide the others."""
    found = read("requirements.txt", "good==1\n=bad\nalso-good\n")
    assert told(found) == ["runtime pypi good ==1 @1", "runtime pypi also-good @3"]
    assert len(found.notes) == 1


# ----------------------------------------------------------------------------------------- hostile

_BOMB = (
    '<!DOCTYPE project [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><project><artifactId>&j;</artifactId></project>"
)
_EXTERNAL = '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><project><artifactId>&x;</artifactId></project>'
_ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
_MERGES = "x0: &x0 {image: a}\n" + "".join(f"x{n}: &x{n} {{<<: [*x{n - 1}, *x{n - 1}]}}\n" for n in range(1, 40))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pom.xml", _BOMB),
        ("pom.xml", _EXTERNAL),
        ("pom.xml", "<a>" * 100_000),
        ("pom.xml", "<project>" + "<!---->a" * 200_000 + "</project>"),
        ("pom.xml", "<project><properties><a>${b}${b}</a><b>${a}${a}</b></properties><groupId>${a}</groupId>"
                    "<artifactId>x</artifactId></project>"),
        ("docker-compose.yml", _ALIASES + "services: *a59\n"),
        ("docker-compose.yml", _MERGES + "services: {web: *x39}\n"),
        ("docker-compose.yml", "services: &s\n  web: *s\n"),
        ("docker-compose.yml", "a: " + "[" * 100_000),
        ("docker-compose.yml", "- " * 50_000),
        ("package.json", '{"dependencies": ' * 50_000),
        ("package.json", "[" * 200_000),
        ("package.json", '{"version": ' + "9" * 100_000 + "}"),
        ("package-lock.json", '{"dependencies": {"a": ' * 900 + "{}" + "}}" * 900),
        ("pyproject.toml", "a = " + "[" * 50_000),
        ("Cargo.toml", "a." * 500_000 + "a = 1"),
        ("Cargo.toml", "[" + '"a" . ' * 200_000 + "a]"),
        ("pyproject.toml", "project = 1\n[tool]\npoetry = 2\n"),
        ("pyproject.toml", "[project]\ndependencies = [1, [2], {a = 3}]\nname = ['x']\n"),
        ("Cargo.toml", "[dependencies]\na = {workspace = true}\nb = {package = 1, version = []}\n[package]\nname = {}"),
        ("setup.py", "setup(" + "(" * 5_000),
        ("setup.py", "a = b\nb = a\nfrom setuptools import setup\nsetup(name=a, install_requires=[a] + b)\n"),
        ("setup.py", "import os\nos.system('touch /tmp/owned')\nfrom setuptools import setup\nsetup(name='x')\n"),
        ("build.gradle", "dependencies {\n" + "implementation '" * 20_000),
        ("build.gradle", "{" * 100_000),
        ("build.gradle", "dependencies {" + "implementation(" * 20_000),
        ("Gemfile", "gem(" * 20_000),
        ("mix.exs", "def deps do\n[" + "{" * 20_000),
        ("Package.swift", ".package(" * 5_000),
        ("Dockerfile", "ARG A=$A$A$A\nARG B=$B\nFROM $A\n"),
        ("Dockerfile", "FROM a\\\n" * 50_000),
        ("main.tf", 'module "x" {\n' * 3_000 + "source = required_providers"),
        ("yarn.lock", '"' * 100_000),
        ("go.mod", "require (\n" * 50_000),
        ("requirements.txt", "a" * 1_000_000),
        ("requirements.txt", "a[" * 100_000 + "\n" + "(" * 10_000),
        ("PKG-INFO", "Name: x\n" + " y\n" * 100_000),
    ],
)  # fmt: skip
def test_hostile_manifests_end_soon_with_a_result(path: str, text: str) -> None:
    """Nothing is expanded, fetched or run, and nothing raises."""
    before = time.process_time()
    found = read_manifest(path, text)
    assert time.process_time() - before < 5
    assert len(found.required) < 10
    assert all(len(note) <= 200 for note in found.notes)
    assert not any("passwd" in one.name or "root:" in one.name for one in found.provided)


def test_packages_of_one_file_are_limited() -> None:
    """What is beyond the limit is left out, and a note says so."""
    found = read_manifest("requirements.txt", "".join(f"p{n}\n" for n in range(MAX_PACKAGES + 5)))
    assert len(found.required) == MAX_PACKAGES
    assert any("first 50,000" in note for note in found.notes)


def test_names_that_are_none_do_not_get_in() -> None:
    """Control and bidi characters, paths, and what is longer than any name."""
    hostile = ["a\u202eb", "a b", "x" * 300, "a\tb", "\u2066", ""]
    for name in hostile:
        text = json.dumps({"dependencies": {name: "1"}})
        assert read_manifest("package.json", text).required == ()
    [one] = read_manifest("package.json", '{"dependencies": {"a": "1\\u202e2\\n3"}}').required
    assert one.constraint == "12 3"


_TEXTS = {path: textwrap.dedent(text).removeprefix("\n") for path, text, _ in CASES}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(_TEXTS)), st.data())
def test_no_text_breaks_a_reader(path: str, data: st.DataObject) -> None:
    """Whatever is cut out of a manifest or put into it, the result is plain names at lines that are there."""
    text = _TEXTS[path]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 60)))
        put = data.draw(
            st.text(max_size=8) | st.sampled_from(["{", "[", '"', "'", "\n", "<", "(", ")", "&", "*", "\\"])
        )
        text = text[:start] + put * data.draw(st.integers(0, 3)) + text[end:]
    found = read_manifest(path, text)
    last = len(text.splitlines()) + 1
    for one in (*found.provided, *found.required):
        assert one.name
        assert one.name.isprintable()
        assert 1 <= one.line <= last


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(_TEXTS)), st.text(max_size=200))
def test_any_text_ends_with_a_result(path: str, text: str) -> None:
    """A file has a name, and may hold anything."""
    read_manifest(path, text)
