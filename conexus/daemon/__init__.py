# SPDX-License-Identifier: FSL-1.1-MIT
"""The daemon: one process that owns the store and answers many clients over REST, gRPC and MCP."""
