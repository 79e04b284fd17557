# SPDX-License-Identifier: FSL-1.1-MIT
"""Decoding: nothing lost, the right encoding found."""

# ruff: noqa: RUF001 - the samples are in other scripts

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.parsing.text import decode, has_wide_mark, utf16_without_mark

_ENGLISH = "def total(prices):\r\n\treturn sum(prices)\n"
_LEGACY = {
    "cp1252": "# Straße, café, naïve façade: « déjà vu » – 5 €\nÅngström = 'crème brûlée'\n",
    "cp1250": "# Funkcja zwraca listę plików repozytorium, każdy raz\nścieżka = 'błąd'  # wyjątek przy źle podanej\n",
    "cp1251": "# Функция возвращает список файлов репозитория\nимя = 'поиск по коду'  # комментарий о правилах\n",
    "koi8_r": "# Функция возвращает список файлов репозитория\nимя = 'поиск по коду'  # комментарий о правилах\n",
    "cp932": "# この関数はファイルの一覧を返します。\n名前 = 'コード検索'  # 規則についてのコメントです\n",
    "euc_jp": "# この関数はファイルの一覧を返します。\n名前 = 'コード検索'  # 規則についてのコメントです\n",
    "gb18030": "# 这个函数返回仓库中的文件列表\n名称 = '代码搜索'  # 关于规则的注释，请不要修改\n",
    "big5": "# 這個函數返回倉庫中的檔案列表\n名稱 = '程式碼搜尋'  # 關於規則的註解，請不要修改\n",
    "cp949": "# 이 함수는 저장소의 파일 목록을 반환합니다\n이름 = '코드 검색'  # 규칙에 대한 설명입니다\n",
    "cp1253": "# Η συνάρτηση επιστρέφει τη λίστα των αρχείων\nόνομα = 'αναζήτηση κώδικα'  # σχόλιο για τους κανόνες\n",
}


@given(st.text())
def test_utf8_is_read_as_it_is(text: str) -> None:
    """Text in UTF-8 comes back whole, newlines included."""
    decoded = decode(("x" + text).encode())
    if decoded.encoding == "utf-8":
        assert decoded.text == "x" + text
    assert decoded.text.encode(decoded.encoding) == ("x" + text).encode()


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60))
def test_no_byte_is_lost(data: bytes) -> None:
    """Whatever has no mark encodes to the very bytes that were read."""
    if any(
        data.startswith(bom) for bom in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE, codecs.BOM_UTF8)
    ):
        return
    decoded = decode(data)
    assert decoded.text.encode(decoded.encoding) == data


@pytest.mark.parametrize(
    ("bom", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_marks_name_the_encoding(bom: bytes, encoding: str) -> None:
    """A byte order mark decides, and is no part of the text."""
    text = _ENGLISH + "größer 漢字 😀"
    data = bom + text.encode(encoding.removesuffix("-sig"))
    assert (decode(data).text, decode(data).encoding) == (text, encoding)
    assert has_wide_mark(data) is (encoding != "utf-8-sig")


def test_broken_text_behind_a_mark_keeps_its_bytes() -> None:
    """What breaks the encoding that a mark names is written out."""
    assert decode(codecs.BOM_UTF16_LE + b"a\x00\x00\xdcb\x00c").text == "a\\x00\\xdcb\\x63"
    assert decode(codecs.BOM_UTF8 + b"a\xffb").text == "a\\xffb"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_found_without_a_mark(encoding: str) -> None:
    """The zero bytes of Latin letters tell UTF-16 and its byte order."""
    data = (_ENGLISH + "größer").encode(encoding)
    assert utf16_without_mark(data) == encoding
    assert (decode(data).text, decode(data).encoding) == (_ENGLISH + "größer", encoding)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a\0b\0",
        b"\0\0\0\0\0\0\0\0\0\0",
        b"\x01\0\x02\0\x03\0\x04\0\x05\0\x06\0",
        b"a\0b\0c\0d\0e",
        b"abcdefghijkl",
    ],
)
def test_other_zero_bytes_are_not_utf16(data: bytes) -> None:
    """Short, odd, control-filled and plain data is not taken for UTF-16."""
    assert utf16_without_mark(data) is None


@pytest.mark.parametrize("encoding", _LEGACY)
def test_legacy_encodings_are_detected(encoding: str) -> None:
    """Comments in an older character set are read as they were written."""
    text = _ENGLISH * 20 + _LEGACY[encoding] * 4 + _ENGLISH
    assert decode(text.encode(encoding)).text == text


def test_a_single_accented_letter_is_western() -> None:
    """One name with an accent far down a file is read as Windows-1252."""
    decoded = decode(b"x = 1\n" * 5000 + "# by Andr\u00e9\n".encode("cp1252"))
    assert decoded.encoding == "cp1252"
    assert decoded.text.endswith("# by André\n")


def test_iso2022_jp_is_not_taken_for_ascii() -> None:
    """Japanese in seven-bit escapes is read; terminal escapes stay what they are."""
    text = "# 検索\nx = 1\n"
    assert decode(text.encode("iso2022_jp")).text == text
    assert decode(b"\x1b[0m plain").encoding == "utf-8"


def test_bytes_that_fit_nothing_become_latin1() -> None:
    """Bytes that Windows-1252 lacks are kept."""
    data = b"x = '\x81'\n"
    assert decode(data).text == data.decode("latin-1")


def test_one_long_line_is_decoded_in_time_linear_in_its_length() -> None:
    """A long line without newline costs no more than its length."""
    data = b"a" * 3_000_000 + b"\xe9 " + b"b" * 3_000_000
    assert len(decode(data).text) == len(data)
