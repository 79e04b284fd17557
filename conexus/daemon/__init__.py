"""The daemon: one process that owns the store and answers many clients over REST, gRPC and MCP."""
