# What keeps SSH sessions alive, and lets dead ones go.
#
#   sshform validate   checks this file and connects to nobody
#   sshform plan       reads every host and shows what would change
#   sshform apply      shows it, asks, and does it
#
# Only what stands here is managed. A keyword that is left out is left alone.

variable "probe_seconds" {
  type        = number
  default     = 30
  description = "Seconds of silence before a probe is sent."

  validation {
    condition     = var.probe_seconds >= 5 && var.probe_seconds <= 600
    error_message = "probe_seconds must be between 5 and 600."
  }
}

# How to reach hosts. Nothing secret belongs here: keys come from your agent,
# from ~/.ssh, or from identity_file.
connection {
  # user   = "ops"
  # become = "sudo"
}

# One block for each host. With ssh_alias, address, port, user, key and jump
# host come from your own ~/.ssh/config.
#
# host "web" {
#   address = "web.example.net"
# }
#
# host "backup" {
#   ssh_alias = "backup"
# }

# The servers' side, sshd_config: probe an idle client, and give it up after
# three probes without an answer.
server "all" {
  for_each = host
  host     = each.value

  client_alive_interval  = var.probe_seconds
  client_alive_count_max = 3
}

# This machine's own ssh client, ~/.ssh/config. Remove the comment signs to
# manage it too.
#
# client "mine" {
#   server_alive_interval  = var.probe_seconds
#   server_alive_count_max = 3
# }
