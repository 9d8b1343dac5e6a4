# Policies over a plan, for conftest or OPA:
#
#	sshform plan -out=plan.sshform
#	sshform show -json plan.sshform > plan.json
#	conftest test -p policy plan.json
#
# The document has Terraform's shape, so policies that you have for Terraform's
# plans read it as well.
package main

import rego.v1

# Nobody turns sshd's own probing off: a dead client would stay for hours.
deny contains msg if {
	some change in input.resource_changes
	change.type == "server"
	change.change.after.client_alive_interval == 0
	msg := sprintf("%s: client_alive_interval is 0, so that sshd never asks", [change.address])
}

# The last chance of OpenSSH 8.2 and newer: 0 means that nobody is given up.
deny contains msg if {
	some change in input.resource_changes
	change.change.after.client_alive_count_max == 0
	msg := sprintf("%s: client_alive_count_max is 0; since OpenSSH 8.2 nobody is given up then", [change.address])
}

# A plan that left hosts out is not for an unattended apply.
deny contains msg if {
	input.complete == false
	msg := "the plan is not complete: hosts were unreachable, or left out by -target or -exclude"
}

# A block that stops managing a value must say so in a change of its own.
deny contains msg if {
	some change in input.resource_changes
	"delete" in change.change.actions
	msg := sprintf("%s would be removed", [change.address])
}

# More than one host, and not one of them goes first.
warn contains msg if {
	count(changed_hosts) > 1
	waves := {change.wave | some change in changes}
	count(waves) < 2
	msg := sprintf("%d hosts change in one wave; a canary wave would go first", [count(changed_hosts)])
}

# A dead client holds its session, its locks and its port forwards.
warn contains msg if {
	some change in input.resource_changes
	change.type == "server"
	after := change.change.after
	gone := after.client_alive_interval * (after.client_alive_count_max + 1)
	gone > 900
	msg := sprintf("%s: a dead client is noticed after %d seconds only", [change.address, gone])
}

changes contains change if {
	some change in input.resource_changes
	change.change.actions != ["no-op"]
}

changed_hosts contains change.host if some change in changes
