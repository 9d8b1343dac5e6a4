# What the CIS benchmarks for Linux ask about the keywords of sshform. Lay this
# file beside the one that declares your hosts.
#
# Sources: CIS Debian Linux 12 Benchmark v1.1.0, and those for Ubuntu 22.04 and
# 24.04 with the same text, section 5.1: "Ensure sshd ClientAliveInterval and
# ClientAliveCountMax are configured" (both greater than zero, by site policy;
# its example is 15 and 3) and "Ensure sshd LoginGraceTime is configured"
# (between 1 and 60 seconds). The older CIS CentOS Linux 7 Benchmark, 5.2.13,
# asks for an interval of 300 or less, and recommends a count of 0.
#
# What the benchmarks say, and what sshd does:
#
# - "Sessions that have no activity for the specified length of time are
#   terminated." They are not. sshd asks a silent client for a sign of life, and
#   every client that still runs answers, however long nobody has typed. These
#   keywords find clients that are gone. Against a screen that somebody left
#   open there are ChannelTimeout (9.2 and newer) and the shell's TMOUT.
# - "15 seconds and 3: terminated after 45 seconds." It is interval times
#   (count + 1): 60 seconds after the last data; and twice as long on the
#   releases 9.2 to 9.4, which is what Debian 12 ships: 120 seconds.
# - A count of 0, as the older benchmarks recommend, hung up at the first silent
#   interval up to 8.1. Since 8.2 it means: never. This preset never sets it.

variable "sshd_config" {
  type        = string
  default     = "/etc/ssh/sshd_config"
  description = "The sshd_config that the hosts' sshd reads."
}

server "cis" {
  for_each = host
  host     = each.value

  client_alive_interval  = 15
  client_alive_count_max = 3
  login_grace_time       = 60

  file {
    path = var.sshd_config
  }
}

check "cis" {
  assert {
    condition = alltrue([
      for s in server.cis : s.client_alive_interval > 0 && s.client_alive_count_max > 0
    ])
    error_message = "CIS asks for a ClientAliveInterval and a ClientAliveCountMax greater than zero."
  }

  assert {
    condition     = alltrue([for s in server.cis : s.login_grace_time >= 1 && s.login_grace_time <= 60])
    error_message = "CIS asks for a LoginGraceTime between 1 and 60 seconds."
  }
}
