# SPDX-License-Identifier: FSL-1.1-MIT
"""Places that a trace, a compiler's output or a diff names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.search.mentions import mentioned

TRACE = """\
Traceback (most recent call last):
  File "/usr/lib/app/main.py", line 12, in <module>
    run()
  File "/usr/lib/app/core/run.py", line 7, in run
    raise ValueError("x")
ValueError: x
"""
GCC = (
    "\x1b[1msrc/main.c:10:5: \x1b[31merror:\x1b[0m 'x' undeclared\n"
    "src/util.h(3): note: here\nsrc/main.c:10:5: note: again\n"
)
DIFF = """\
diff --git a/src/app.py b/src/app.py
--- a/src/app.py
+++ b/src/app.py
@@ -1,5 +1,6 @@
 import os
 import re
+import sys
 def run():
@@ -40,3 +41,2 @@ def stop():
     pass
-    return
diff --git a/gone.py b/gone.py
--- a/gone.py
+++ /dev/null
@@ -1,2 +0,0 @@
-x = 1
-y = 2
diff --git a/new file.py b/new file.py
--- /dev/null
+++ b/new file.py
@@ -0,0 +1 @@
+z = 3
"""


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (TRACE, [("usr/lib/app/core/run.py", 7), ("usr/lib/app/main.py", 12)]),
        (GCC, [("src/main.c", 10), ("src/util.h", 3)]),
        (DIFF, [("src/app.py", 3), ("src/app.py", 42), ("new file.py", 1)]),
        ("at send (/srv/app/http.js:20:11)\n    at run (run.ts:4)", [("srv/app/http.js", 20), ("run.ts", 4)]),
        (r"C:\src\app\main.cs(80,5): error CS1002", [("src/app/main.cs", 80)]),
        ("   at Foo.Bar() in /src/app/foo.cs:line 12", [("src/app/foo.cs", 12)]),
        ("PHP Fatal error:  x in /var/www/app.php on line 8", [("var/www/app.php", 8)]),
        ("died at app/run.pl line 80.", [("app/run.pl", 80)]),
        ("nothing of the kind, in v1.2 or a/b", []),
        ("", []),
    ],
)
def test_places_are_found(text: str, places: list[tuple[str, int]]) -> None:
    """Each once, those that matter most first."""
    assert mentioned(text) == places


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["@@ -1 +2 @@", "+++ b/a", "--- a", "+x", " x", ""])).map("\n".join)
)
def test_any_text_can_be_read(text: str) -> None:
    """Lines are numbers from 1."""
    assert all(path and line >= 1 for path, line in mentioned(text))
