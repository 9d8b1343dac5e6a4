#!/usr/bin/env python3
"""Active devices and virtual machines of NetBox, for an `external` inventory
source:

    inventory "fleet" {
      source "external" {
        program = ["./netbox.py", "role=server", "tag=ssh"]
      }
    }

Arguments are filters of NetBox's lists. NETBOX_URL and NETBOX_TOKEN say where
and as whom. What has no primary address is left out, and named on stderr.
"""

import json
import os
import sys
import urllib.parse
import urllib.request

PAGE = 500


def entries(path, filters):
    """Asks for one page after the other. The next page is reckoned here and
    not taken from the answer, so that the token goes nowhere else."""
    base = os.environ["NETBOX_URL"].rstrip("/")
    offset = 0
    while True:
        query = urllib.parse.urlencode(filters + [("status", "active"), ("limit", PAGE), ("offset", offset)])
        request = urllib.request.Request(base + path + "?" + query)
        request.add_header("Authorization", "Token " + os.environ["NETBOX_TOKEN"])
        request.add_header("Accept", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            page = json.load(answer)
        yield from page["results"]
        offset += len(page["results"])
        if not page["next"] or not page["results"]:
            return


def slug(entry, *names):
    """The slug of the first member that is there: releases before 3.6 call a
    device's role device_role."""
    for name in names:
        if entry.get(name):
            return entry[name]["slug"]
    return ""


def main():
    filters = [tuple(word.split("=", 1)) for word in sys.argv[1:]]
    hosts = {}
    for path in ("/api/dcim/devices/", "/api/virtualization/virtual-machines/"):
        for entry in entries(path, filters):
            if not entry.get("name") or not entry.get("primary_ip"):
                print(f"left out: {entry.get('display') or entry['id']} has no name or no primary address", file=sys.stderr)
                continue
            hosts[entry["name"]] = {
                "address": entry["primary_ip"]["address"].split("/")[0],
                "tags": [tag["slug"] for tag in entry.get("tags") or []],
                "vars": {"site": slug(entry, "site"), "role": slug(entry, "role", "device_role")},
            }
    print(json.dumps({"format_version": "1.0", "hosts": hosts}))


main()
