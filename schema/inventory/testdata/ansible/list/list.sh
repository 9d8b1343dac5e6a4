#!/bin/sh
cat <<'JSON'
{
  "_meta": {"hostvars": {"a": {"x": 1, "v": "host"}, "b": {"ansible_host": "10.0.0.2", "deep": {"k": [1, {"z": null}]}}, "stranger": {"x": 9}}},
  "all": {"children": ["ungrouped", "web", "eu"]},
  "web": {"hosts": ["a", "b"], "vars": {"v": "web", "w": 1}},
  "eu": {"children": ["web", "db"], "vars": {"region": "eu", "v": "eu"}},
  "db": ["c", "a"],
  "ungrouped": {"hosts": ["lone"]},
  "standing": {"color": "red"}
}
JSON
