"""The daemon: one process that serves searches over REST, gRPC and MCP."""
