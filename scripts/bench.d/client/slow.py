"""Keeps 2 000 slow connections up while somebody else uses the appliance."""

import argparse
import random
import socket
import ssl
import threading
import time

from appliance import Appliance, percentile

parser = argparse.ArgumentParser()
parser.add_argument("--at", required=True)
parser.add_argument("--pid", type=int, required=True)
parser.add_argument("--way-in", required=True)
parser.add_argument("--connections", type=int, default=2000)
parser.add_argument("--seconds", type=int, default=45)
asked = parser.parse_args()
host, port = asked.at.split(":")
target = (host, int(port))
# So many addresses that no limit for one of them stops the flood.
SOURCES = [f"127.1.{n // 200}.{n % 200 + 1}" for n in range(200)]
trust = ssl.create_default_context()
trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE


def memory():
    with open(f"/proc/{asked.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Slow:
    """One of them: `mute` says nothing at all; the others finish TLS and dribble a header."""

    def __init__(self, source, mute):
        self.mute, self.ready = mute, False
        self.socket = socket.socket()
        self.socket.bind((source, 0))
        self.socket.setblocking(False)
        self.socket.connect_ex(target)
        self.tls = None

    def go_on(self):
        """The next step; False when the appliance has closed it."""
        try:
            if self.mute:
                return self.socket.recv(1) != b""
            if self.tls is None:
                self.tls = trust.wrap_socket(self.socket, do_handshake_on_connect=False)
            if not self.ready:
                self.tls.do_handshake()
                self.ready = True
                self.tls.send(b"GET /devices HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            self.tls.send(b"a")
            return self.tls.recv(1) != b""
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return True
        except (ssl.SSLError, OSError):
            return False

    def close(self):
        (self.tls or self.socket).close()


stop = threading.Event()
opened = 0
held = []


def flood(share, number):
    """Keeps `share` connections up; each gets a step a second."""
    global opened
    dice = random.Random(number)
    links = []
    while not stop.is_set():
        began = time.monotonic()
        while len(links) < share and not stop.is_set():
            # Half of the 2 000 are mute.
            links.append(Slow(dice.choice(SOURCES), opened % 2 == 0))
            opened += 1
        kept = []
        for link in links:
            if link.go_on():
                kept.append(link)
            else:
                link.close()
        links = kept
        held.append(len(links))
        stop.wait(max(0, 1 - (time.monotonic() - began)))
    for link in links:
        link.close()


def visit():
    """A request over a connection of its own; ms, or None."""
    visitor = Appliance(f"https://{asked.at}", asked.way_in, source="127.9.9.9", timeout=10)
    began = time.perf_counter()
    try:
        answer = visitor.page("/devices")
        return (time.perf_counter() - began) * 1000 if answer.status == 200 else None
    except OSError as error:
        print(f"a visitor was not served: {error!r}", flush=True)
        return None
    finally:
        visitor.close()


for _ in range(20):
    visit()
before = peak = memory()
flooder = threading.Thread(target=flood, args=(asked.connections, 0))
flooder.start()
# The visitors come when the flood is there.
time.sleep(5)
end, visits = time.monotonic() + asked.seconds, []
while time.monotonic() < end:
    visits.append(visit())
    peak = max(peak, memory())
    time.sleep(0.2)
stop.set()
flooder.join()
time.sleep(15)
well = sum(visit() is not None for _ in range(100))
good = [ms for ms in visits if ms is not None]
p95 = f"{percentile(good, 95):.0f} {max(good):.0f}" if good else "99999 99999"
average = sum(held) // max(len(held), 1)
print("figures", len(good), len(visits) - len(good), p95, before, peak, memory(), well, average, opened)
