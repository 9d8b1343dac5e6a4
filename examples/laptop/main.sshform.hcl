sshform {
  required_version = "~> 1.0"
}

variable "probe_seconds" {
  type        = number
  default     = 30
  description = "Seconds of silence before a probe is sent."

  validation {
    condition     = var.probe_seconds >= 5 && var.probe_seconds <= 600
    error_message = "probe_seconds must be between 5 and 600."
  }
}

# How to reach hosts. Hosts with ssh_alias take what is left out from the
# ssh client configuration of the person or job that runs the tool.
connection {
  user   = "ops"
  become = "sudo"
}

host "web" {
  address = "web.example.net"
}

host "db" {
  address = "db.example.net"
  port    = 2222
}

host "backup" {
  ssh_alias = "backup" # address, port, key and jump host come from this Host entry
}

# All three servers: probe an idle client, drop it after three lost answers.
server "home" {
  for_each = host
  host     = each.value

  client_alive_interval  = var.probe_seconds
  client_alive_count_max = each.key == "backup" ? 10 : 3
}

# This machine's own ssh client.
client "laptop" {
  path         = "~/.ssh/config"
  host_pattern = "*"

  server_alive_interval  = var.probe_seconds
  server_alive_count_max = 4
}

check "client_notices_first" {
  assert {
    condition     = client.laptop.server_alive_interval <= server.home["web"].client_alive_interval
    error_message = "The laptop probes less often than the servers do; a NAT box may drop the session first."
  }
}
