#!/bin/sh
# Writes what terraform fmt makes of each *.in here. Needs terraform.
set -eu
cd "$(dirname "$0")"
export TF_CLI_CONFIG_FILE=/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for f in *.in; do
	cp "$f" "$work/x.tf"
	terraform fmt -no-color "$work" </dev/null >/dev/null || { echo "terraform fmt refuses $f" >&2; exit 1; }
	cp "$work/x.tf" "${f%.in}.golden"
done
