# SPDX-License-Identifier: FSL-1.1-MIT
"""Well-known packages whose modules have other names than they have. Pure data.

A package counts only where a tree requires it, so that a name that means something else elsewhere says nothing wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conexus.types import Ecosystem

_PYPI = """
absl absl-py
attr attrs
bs4 beautifulsoup4
cairo pycairo
corsheaders django-cors-headers
Crypto pycryptodome
cv2 opencv-python opencv-python-headless opencv-contrib-python
dns dnspython
docx python-docx
faiss faiss-cpu faiss-gpu
fitz pymupdf
gi pygobject
git gitpython
github pygithub
google.api googleapis-common-protos
google.iam grpc-google-iam-v1
google.longrunning googleapis-common-protos
google.oauth2 google-auth
google.protobuf protobuf
google.rpc googleapis-common-protos
google.type googleapis-common-protos
grpc grpcio
haystack haystack-ai
jose python-jose
jwt pyjwt
kafka kafka-python
ldap python-ldap
magic python-magic
memcache python-memcached
mpl_toolkits matplotlib
multipart python-multipart
MySQLdb mysqlclient
nacl pynacl
OpenGL pyopengl
OpenSSL pyopenssl
PIL pillow
pkg_resources setuptools
pptx python-pptx
psycopg2 psycopg2 psycopg2-binary
pylab matplotlib
_pytest pytest
rest_framework djangorestframework
serial pyserial
skimage scikit-image
sklearn scikit-learn
slugify python-slugify
snappy python-snappy
socks pysocks
telegram python-telegram-bot
win32api pywin32
win32con pywin32
wx wxpython
zmq pyzmq
"""
_MAVEN = """
com.codahale.metrics io.dropwizard.metrics:metrics-core
com.google.common com.google.guava:guava
com.google.common.truth com.google.truth:truth
com.mysql mysql:mysql-connector-java com.mysql:mysql-connector-j
groovy org.apache.groovy:groovy org.codehaus.groovy:groovy
io.reactivex io.reactivex.rxjava2:rxjava
io.reactivex.rxjava3 io.reactivex.rxjava3:rxjava
javax.annotation com.google.code.findbugs:jsr305 javax.annotation:javax.annotation-api javax.annotation:jsr250-api
okhttp3.mockwebserver com.squareup.okhttp3:mockwebserver
org.apache.hc.client5 org.apache.httpcomponents.client5:httpclient5
org.apache.hc.core5 org.apache.httpcomponents.core5:httpcore5 org.apache.httpcomponents.client5:httpclient5
org.apache.http org.apache.httpcomponents:httpcore org.apache.httpcomponents:httpclient
org.apache.http.auth org.apache.httpcomponents:httpclient
org.apache.http.client org.apache.httpcomponents:httpclient
org.apache.http.conn org.apache.httpcomponents:httpclient
org.apache.http.cookie org.apache.httpcomponents:httpclient
org.apache.http.entity.mime org.apache.httpcomponents:httpmime
org.apache.http.impl.auth org.apache.httpcomponents:httpclient
org.apache.http.impl.client org.apache.httpcomponents:httpclient
org.apache.http.impl.conn org.apache.httpcomponents:httpclient
org.apache.http.impl.cookie org.apache.httpcomponents:httpclient
org.apache.http.impl.nio org.apache.httpcomponents:httpcore-nio org.apache.httpcomponents:httpasyncclient
org.apache.http.impl.nio.client org.apache.httpcomponents:httpasyncclient
org.apache.http.impl.nio.conn org.apache.httpcomponents:httpasyncclient
org.apache.http.nio org.apache.httpcomponents:httpcore-nio org.apache.httpcomponents:httpasyncclient
org.apache.http.nio.client org.apache.httpcomponents:httpasyncclient
org.apache.http.nio.conn org.apache.httpcomponents:httpasyncclient
org.bouncycastle org.bouncycastle:bcprov-jdk18on org.bouncycastle:bcprov-jdk15on
rx io.reactivex:rxjava
"""


def _table(text: str) -> dict[str, tuple[str, ...]]:
    rows = (line.split() for line in text.strip().splitlines())
    return {module: tuple(packages) for module, *packages in rows}


KNOWN_MODULES: Final[Mapping[Ecosystem, Mapping[str, tuple[str, ...]]]] = {
    Ecosystem.PYPI: _table(_PYPI),
    Ecosystem.MAVEN: _table(_MAVEN),
}
"""Packages by their modules."""

__all__ = ["KNOWN_MODULES"]
