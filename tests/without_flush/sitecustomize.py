# SPDX-License-Identifier: FSL-1.1-MIT
"""Makes every Python process that a test starts never flush vectors: put this folder first into ``PYTHONPATH``.

With it the tests of power cuts must fail, which shows that they can.
"""

from conexus.adapters.edge_store import EdgeVectorShard

EdgeVectorShard.flush = lambda _shard: None  # type: ignore[method-assign]
