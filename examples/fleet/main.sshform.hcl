sshform {
  required_version = ">= 1.0, < 2.0"

  plan {
    max_age = "4h" # a saved plan older than this is refused by apply
  }
}

variable "environment" {
  type        = string
  description = "Which inventory file to read."

  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "environment must be staging or prod, not ${var.environment}."
  }
}

variable "interval_by_role" {
  type        = map(number)
  default     = {}
  description = "Seconds per role, added to or replacing the built-in table."
}

locals {
  count_max = 3
  intervals = merge({ bastion = 15, db = 30, web = 60 }, var.interval_by_role)

  managed = {
    for name, h in inventory.fleet.hosts : name => h
    if !contains(h.tags, "frozen")
  }
  roles = toset([for h in local.managed : h.vars.role])
}

inventory "fleet" {
  source "csv" {
    path    = "inventory/${var.environment}.csv"
    key     = "name"
    address = "mgmt_ip"
    tags    = "tags"
  }

  min_hosts = var.environment == "prod" ? 4500 : 1 # a truncated file must not pass for a small fleet
}

connection {
  user             = "svc-keepalive"
  become           = "sudo"
  known_hosts_file = "ssh/known_hosts"
  connect_timeout  = "10s"
}

server "fleet" {
  for_each = local.managed
  host     = each.value

  client_alive_interval  = lookup(local.intervals, each.value.vars.role, 60)
  client_alive_count_max = each.value.vars.role == "bastion" ? 4 : local.count_max
  tcp_keep_alive         = true

  file {
    path    = "/etc/ssh/sshd_config"
    drop_in = contains(each.value.tags, "drop-in") ? "20-keepalive.conf" : null
    backups = 3
  }

  connection {
    proxy_jump = each.value.vars.role == "bastion" ? null : "bastion.${each.value.vars.region}.example.net"
  }

  verify {
    confirm_timeout = "90s"
  }

  precondition {
    condition     = each.value.vars.role != "bastion" || each.value.vars.region != ""
    error_message = "Bastion ${each.key} has no region, so its wave cannot be chosen."
  }
}

rollout "fleet" {
  targets    = server.fleet
  spread_by  = "region"
  on_failure = "stop"

  wave "canary" {
    hosts        = where(local.managed, { canary = "yes" })
    parallelism  = 5
    max_failures = 0
    soak         = "15m"
  }

  wave "early" {
    percent      = 5
    parallelism  = 25
    max_failures = 2
    soak         = "30m"
  }

  wave "rest" {
    percent              = 100
    parallelism          = 200
    max_failures_percent = 1
    window               = "Mon-Thu 09:00-16:00 Europe/Berlin"
  }
}

check "dead_peer_within_five_minutes" {
  assert {
    condition = alltrue([
      for s in server.fleet : s.client_alive_interval * s.client_alive_count_max <= 300
    ])
    error_message = "Some hosts would keep a dead session for more than five minutes."
  }
}

check "every_role_is_known" {
  assert {
    condition     = length(setsubtract(local.roles, keys(local.intervals))) == 0
    error_message = "Roles without an interval of their own: ${join(", ", sort(setsubtract(local.roles, keys(local.intervals))))}."
  }
}

output "hosts_by_role" {
  value = { for r in local.roles : r => length(where(local.managed, { role = r })) }
}
