"""A deadline that no source outlasts by trickling: it is looked at before every receive.

The timeout of requests counts anew with each byte, so a status line, a header or the size of a chunk that comes byte by
byte could go on for days. Here every receive of a connection, whatever it is part of, asks for the time that is left.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter


class GuardedAdapter(HTTPAdapter):
    """Connections of one walk. `left`: seconds to its deadline; raises when there are none, and that is let through."""

    def __init__(self, left: Callable[[], float]):
        self._left = left
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._guard(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        self._guard(manager)
        return manager

    def _guard(self, manager: Any) -> None:
        """Give the manager connections whose answers are read under guard."""
        left = self._left

        class Answer(http.client.HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any):
                super().__init__(sock, *args, **kwargs)
                self.fp = io.BufferedReader(_Guarded(self.fp.detach(), sock, left))

        def guarded(pool: Any) -> Any:
            connection = type("GuardedConnection", (pool.ConnectionCls,), {"response_class": Answer})
            return type("GuardedPool", (pool,), {"ConnectionCls": connection})

        # a dict of its own: urllib3 shares one among all managers
        manager.pool_classes_by_scheme = {s: guarded(p) for s, p in manager.pool_classes_by_scheme.items()}


class _Guarded(io.RawIOBase):
    """A socket's stream that asks for the time before every receive."""

    def __init__(self, stream: Any, sock: socket.socket, left: Callable[[], float]):
        self._stream, self._sock, self._left = stream, sock, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left, timeout = self._left(), self._sock.gettimeout()
        if timeout is None or timeout > left:
            self._sock.settimeout(left)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
