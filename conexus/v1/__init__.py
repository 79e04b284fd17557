"""The messages and services of ``proto/conexus/v1``, for gRPC clients. Made by ``tools/generate_stubs.py``."""
