"""How fast the list of devices comes over one plain connection, and what a page weighs."""

import argparse
import re
import socket
import urllib.parse

from appliance import SESSION, Appliance, percentile

# What people do with the list: open it, go on, sort, search, filter, look at cards.
VIEWS = [
    "/devices",
    "/devices?sort=-address",
    "/devices?q=phone",
    "/devices?status=online",
    "/devices?view=cards",
]
# As Chromium says it.
ENCODINGS = "gzip, deflate, br, zstd"

parser = argparse.ArgumentParser()
parser.add_argument("--at", required=True)
parser.add_argument("--way-in", required=True)
parser.add_argument("--requests", type=int, default=1000)
asked = parser.parse_args()
appliance = Appliance(asked.at, asked.way_in)


def weigh(path):
    """Bytes of a response from the first of its head to the last of its body."""
    where = urllib.parse.urlsplit(asked.at)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAccept-Encoding: {ENCODINGS}\r\n"
        f"Cookie: {SESSION}={appliance.cookie}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((where.hostname, where.port), timeout=10) as link:
        link.sendall(request.encode())
        whole = b"".join(iter(lambda: link.recv(65536), b""))
    if not whole.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"{path}: {whole[:200]!r}")
    return len(whole)


for view in VIEWS:
    took = []
    for number in range(asked.requests + 20):
        answer = appliance.page(view, {"Accept-Encoding": ENCODINGS})
        if answer.status != 200:
            raise SystemExit(f"{view}: status {answer.status}\n{answer.text[:500]}")
        # The first ones open connections and fill caches.
        if number >= 20:
            took.append(answer.took * 1000)
    print(f"page {view} {percentile(took, 50):.2f} {percentile(took, 95):.2f} {max(took):.2f}", flush=True)

text = appliance.page("/devices").text
links = [tag for tag in re.findall(r"<link [^>]*>", text) if "stylesheet" in tag]
styles = [re.search(r'href="([^"]+)"', tag).group(1) for tag in links]
scripts = re.findall(r'<script [^>]*src="([^"]+)"', text)
parts = [weigh("/devices"), sum(map(weigh, styles)), sum(map(weigh, scripts))]
print("weight", *parts, sum(parts))
