#!/usr/bin/env python3
"""The nodes of a Consul datacenter, for an `external` inventory source:

    inventory "fleet" {
      source "external" {
        program = ["./consul.py", "-filter", "Meta.managed == true"]
      }
    }

CONSUL_HTTP_ADDR and CONSUL_HTTP_TOKEN are read as Consul's own tools read
them. Metadata of a node becomes its vars; datacenter is one more.
"""

import argparse
import json
import os
import urllib.parse
import urllib.request


def main():
    options = argparse.ArgumentParser(description="Consul's nodes as an inventory")
    options.add_argument("-dc", default="", help="datacenter; the agent's own by default")
    options.add_argument("-filter", default="", help="filter expression of Consul's catalog API")
    options = options.parse_args()

    base = os.environ.get("CONSUL_HTTP_ADDR") or "127.0.0.1:8500"
    if "://" not in base:
        base = "http://" + base
    wanted = {"dc": options.dc, "filter": options.filter}
    query = urllib.parse.urlencode({k: v for k, v in wanted.items() if v})
    request = urllib.request.Request(base + "/v1/catalog/nodes?" + query)
    if os.environ.get("CONSUL_HTTP_TOKEN"):
        request.add_header("X-Consul-Token", os.environ["CONSUL_HTTP_TOKEN"])
    with urllib.request.urlopen(request, timeout=30) as answer:
        nodes = json.load(answer)

    hosts = {
        node["Node"]: {
            "address": node["Address"],
            "vars": {**(node.get("Meta") or {}), "datacenter": node["Datacenter"]},
        }
        for node in nodes
    }
    print(json.dumps({"format_version": "1.0", "hosts": hosts}))


main()
