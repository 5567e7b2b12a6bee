"""Luwte's cryptography: bytes in, verified values out.

Nothing here opens a file of state, a database or a socket, reads configuration or imports a web framework.
`docs/formats.md` specifies every byte; `errors.py` tells who is at fault when something is refused.
"""
