#!/bin/sh
# Asks the ansible-inventory in PATH about every inventory here and writes its
# answers to FOLDER.json. Made with ansible-core 2.14.18.
set -eu
cd "$(dirname "$0")"
for folder in */; do
    name=${folder%/}
    for file in "$name"/hosts* "$name"/list.sh; do
        if [ -f "$file" ]; then
            ansible-inventory -i "$file" --list >"$name.json"
        fi
    done
done
