"""Fills the appliance's disk while it is in use, and frees it again."""

import argparse
import os
import random
import re
import time

from appliance import Appliance
from edits import Editor

parser = argparse.ArgumentParser()
parser.add_argument("--at", required=True)
parser.add_argument("--way-in", required=True)
parser.add_argument("--folder", required=True)
asked = parser.parse_args()
appliance = Appliance(asked.at, asked.way_in)
editor, dice = Editor(appliance, asked.folder + ".journal"), random.Random(1)
ballast = os.path.join(asked.folder, "ballast")


def fill():
    """Takes what space there is, to the last byte."""
    with open(ballast, "ab", buffering=0) as file:
        for size in (1 << 16, 4096, 512, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def health():
    return appliance.api("GET", "/health").text


def is_full(text):
    return bool(re.search(r"disk is full|disk_full|out of space|no space|degraded", text, re.I))


def banner():
    """What a page says of it in a message that is marked as bad; empty when it says nothing."""
    text = appliance.page("/").text
    told = re.findall(r'class="flash bad"[^>]*>(.*?)</p>|class="flash bad"[^>]*>(.*?)</div>', text, re.S)
    return next((part for pair in told for part in pair if "disk is full" in part.lower()), "")


def until(what, limit=60):
    """Seconds until it holds; the limit if it never does."""
    began = time.monotonic()
    while time.monotonic() - began < limit:
        if what():
            return round(time.monotonic() - began, 1)
        time.sleep(0.2)
    return limit


editor.learn()
for _ in range(50):
    if not editor.edit(dice):
        raise SystemExit(f"an edit on a healthy disk: status {editor.last.status}\n{editor.last.text[:500]}")
if is_full(health()) or banner():
    raise SystemExit(f"not well before the disk is full: {health()[:500]}\n{banner()}")

began = time.monotonic()
said, red, pages, refused, taken, why = None, None, 0, 0, 0, set()
for number in range(100):
    # What was freed by a checkpoint is taken at once.
    fill()
    pages += appliance.page("/devices").status == 200
    for _ in range(2):
        if editor.edit(dice):
            taken += 1
        else:
            refused += 1
            why.add(f"{editor.last.status} {editor.last.text[:200]}")
    if said is None and is_full(health()):
        said = round(time.monotonic() - began, 1)
        print(f"health: {health()[:600]}", flush=True)
    if red is None and banner():
        red = round(time.monotonic() - began, 1)
        print(f"page: {banner()}", flush=True)
    time.sleep(0.1)
for reason in sorted(why):
    print(f"refused: {reason}")
print("disk pages", pages)
print("disk refused", refused)
print("disk taken", taken)
print("disk health", until(lambda: is_full(health())) if said is None else said)
print("disk banner", until(banner) if red is None else red)

os.remove(ballast)
print("disk again", until(lambda: editor.edit(dice)))
print("disk well", until(lambda: not is_full(health()), 90))
for _ in range(20):
    editor.edit(dice)
with open(asked.folder + ".journal", encoding="ascii") as lines:
    print("disk acknowledged", sum(line.startswith("done ") for line in lines))
