#!/usr/bin/env python3
"""Running instances of EC2, for an `external` inventory source:

    inventory "fleet" {
      source "external" {
        program = ["./ec2.py", "Name=tag:ssh,Values=managed"]
      }
    }

Arguments are filters of `aws ec2 describe-instances`, which is run with the
credentials and the region that it finds. An instance is called by its Name tag
and its id, since names need not be unique; its tags become vars.
"""

import json
import subprocess
import sys


def main():
    filters = ["Name=instance-state-name,Values=running", *sys.argv[1:]]
    command = ["aws", "ec2", "describe-instances", "--output", "json", "--filters", *filters]
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    hosts = {}
    for reservation in answer["Reservations"]:
        for instance in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
            name = "-".join(filter(None, [tags.get("Name"), instance["InstanceId"]]))
            hosts[name] = {
                "address": instance["PrivateIpAddress"],
                "vars": {**tags, "zone": instance["Placement"]["AvailabilityZone"]},
            }
    print(json.dumps({"format_version": "1.0", "hosts": hosts}))


main()
