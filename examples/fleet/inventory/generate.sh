#!/bin/sh
# Prints an invented inventory of the given number of hosts:
#   inventory/generate.sh 5000 > inventory/prod.csv
exec awk -v n="${1:-5000}" 'BEGIN {
	split("eu1 eu2 us1 us2 ap1", region)
	print "name,mgmt_ip,role,region,canary,tags"
	for (i = 1; i <= n; i++) {
		role = i % 100 == 1 ? "bastion" : i % 7 == 0 ? "db" : "web"
		tags = i % 50 == 3 ? "frozen" : i % 3 == 0 ? "drop-in" : ""
		canary = i % 500 == 2 ? "yes" : "no"
		printf "%s-%04d,10.%d.%d.%d,%s,%s,%s,%s\n", role, i, int(i / 62500), int(i / 250) % 250, i % 250 + 1, role, region[i % 5 + 1], canary, tags
	}
}' </dev/null
