"""Claims a fresh appliance, makes an API key, and writes down the way in."""

import argparse

from appliance import Appliance

parser = argparse.ArgumentParser()
parser.add_argument("--at", required=True)
parser.add_argument("--token", required=True)
parser.add_argument("--way-in", required=True)
parser.add_argument("--no-schedule", action="store_true", help="ask only when told to")
parser.add_argument("--subnets", default="", help="what to ask, separated by commas")
asked = parser.parse_args()

appliance = Appliance(asked.at)
appliance.claim(asked.token)
appliance.make_key()
appliance.remember(asked.way_in)
if asked.no_schedule or asked.subnets:
    fields = {"subnets": asked.subnets.replace(",", "\n"), "interval": 60, "rate": 500}
    switches = ["sweep", "services", "names"] + ([] if asked.no_schedule else ["enabled"])
    fields.update({name: 1 for name in switches})
    answer = appliance.submit("/settings/scanning", fields)
    if answer.status != 303:
        raise SystemExit(f"changing the settings: status {answer.status}\n{answer.text[:2000]}")
