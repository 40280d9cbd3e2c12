"""Edits devices as people do, and holds what was acknowledged against what is there later.

The journal has one line an attempt: `try DEVICE NUMBER` before it is sent, and `done DEVICE NUMBER`
once it was acknowledged. A device's note carries the number of its last edit, which may be that of
an attempt whose acknowledgement nobody heard; it must not be older than the last acknowledged one.
"""

import argparse
import http.client
import random
import re
import sys
import time
import urllib.parse

from appliance import Appliance

NOTE = "edit-"
# An audit line has what was there before, too; its detail may be JSON within JSON.
AUDITED = re.compile(rf'new\\*":\s*{{\\*"notes\\*":\s*\\*"{NOTE}(\d+)')


class Editor:
    """Sends numbered edits and writes them down."""

    def __init__(self, appliance, journal):
        self.appliance, self.file = appliance, journal
        self.tried, self.acknowledged = read(journal)
        self.number = max([*self.tried.values(), 0], default=0)
        self.out = open(journal, "a", encoding="ascii", buffering=1)
        self.devices = []

    def learn(self):
        """The devices there are; some are enough."""
        answer = self.appliance.api("GET", "/api/v1/devices?limit=50")
        if answer.status != 200:
            raise SystemExit(f"listing devices: status {answer.status}\n{answer.text[:500]}")
        self.devices = [d["id"] for d in answer.json["items"]]

    def edit(self, dice):
        """One edit of one device; True once it is acknowledged."""
        device = dice.choice(self.devices)
        self.number += 1
        self.out.write(f"try {device} {self.number}\n")
        value = {"notes": f"{NOTE}{self.number}"}
        answer = self.appliance.api("PATCH", f"/api/v1/devices/{device}", value)
        if answer.status in (200, 204):
            self.out.write(f"done {device} {self.number}\n")
            self.tried[device] = self.acknowledged[device] = self.number
            return True
        self.last = answer
        return False


def read(journal):
    """The last number tried and acknowledged, by device."""
    tried, acknowledged = {}, {}
    try:
        with open(journal, encoding="ascii") as lines:
            for line in lines:
                kind, device, number = line.split()
                (tried if kind == "try" else acknowledged)[int(device)] = int(number)
    except FileNotFoundError:
        pass
    return tried, acknowledged


def all_done(journal):
    with open(journal, encoding="ascii") as lines:
        return [tuple(map(int, line.split()[1:])) for line in lines if line.startswith("done ")]


def check(appliance, journal, since=0):
    """The acknowledged edits after number `since` that are not there: on the device, or in the audit
    log."""
    lost = []
    _, acknowledged = read(journal)
    for device, number in acknowledged.items():
        if number <= since:
            continue
        answer = appliance.api("GET", f"/api/v1/devices/{device}")
        kept = re.search(rf"{NOTE}(\d+)", answer.text)
        if answer.status != 200 or not kept or int(kept.group(1)) < number:
            lost.append(f"device {device}: edit {number} is gone; it says {answer.text[:200]}")
    audited = audit(appliance, since)
    for device, number in all_done(journal):
        if number > since and number not in audited:
            lost.append(f"device {device}: edit {number} is not in the audit log")
    return lost


def audit(appliance, since):
    """The numbers of the edits in the audit log, which is newest first, at least those after
    `since`."""
    numbers, cursor = set(), ""
    while True:
        answer = appliance.api("GET", f"/api/v1/audit?limit=200{cursor}")
        if answer.status != 200:
            raise SystemExit(f"reading the audit log: status {answer.status}\n{answer.text[:500]}")
        found = {int(number) for number in AUDITED.findall(answer.text)}
        numbers |= found
        following = answer.json.get("next")
        if not following or min(found, default=since + 1) <= since:
            return numbers
        cursor = "&" + urllib.parse.urlencode({"cursor": following})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--at", required=True)
    parser.add_argument("--way-in", required=True)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--check", action="store_true", help="instead of editing")
    parser.add_argument("--since", type=int, default=0, help="check edits after this one only")
    asked = parser.parse_args()
    appliance = Appliance(asked.at, asked.way_in)
    if asked.check:
        lost = check(appliance, asked.journal, asked.since)
        for line in lost[:20]:
            print(line, file=sys.stderr)
        print("lost", len(lost))
        return
    editor, dice = Editor(appliance, asked.journal), random.Random(time.time_ns())
    try:
        editor.learn()
        while True:
            editor.edit(dice)
    except (OSError, http.client.HTTPException):
        # It was killed.
        return


if __name__ == "__main__":
    main()
