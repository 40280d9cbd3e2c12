"""Prints the status of a GET with the API key, or the answer itself with --show."""

import argparse

from appliance import Appliance

parser = argparse.ArgumentParser()
parser.add_argument("--at", required=True)
parser.add_argument("--way-in", required=True)
parser.add_argument("--show", action="store_true")
parser.add_argument("path")
asked = parser.parse_args()
answer = Appliance(asked.at, asked.way_in).api("GET", asked.path)
print(answer.text if asked.show else answer.status)
