# What Lynis' test SSH-7408 calls well configured, of the keywords of sshform.
# Lay this file beside the one that declares your hosts.
#
# Source: https://github.com/CISOfy/lynis, include/tests_ssh, test SSH-7408:
# ClientAliveCountMax 2 or less, ClientAliveInterval 300 or less, LoginGraceTime
# 120 or less, TCPKeepAlive no. Lynis asks `sshd -T`, so drop-ins count.
#
# What the numbers do not say:
#
# - "Less is better" goes down to 0, which Lynis takes for the best value of
#   each: an interval of 0 turns asking off, a count of 0 means "never give up"
#   since OpenSSH 8.2, a LoginGraceTime of 0 means no limit. The check below
#   refuses them.
# - TCPKeepAlive no is advice from the time when the empty segments of TCP could
#   be forged to keep a connection alive or to end it. It gives up the last
#   resort that frees forgotten sessions, after two hours and eleven minutes on
#   Linux; so it belongs together with a ClientAliveInterval, as here, and never
#   alone. They are independent: neither needs the other to be off.
# - 300 and 2 notice a dead client after 900 seconds, interval times (count +
#   1), and after 1800 on the releases 9.2 to 9.4.

variable "sshd_config" {
  type        = string
  default     = "/etc/ssh/sshd_config"
  description = "The sshd_config that the hosts' sshd reads."
}

server "lynis" {
  for_each = host
  host     = each.value

  client_alive_interval  = 300
  client_alive_count_max = 2
  login_grace_time       = 120
  tcp_keep_alive         = false

  file {
    path = var.sshd_config
  }
}

check "lynis" {
  assert {
    condition = alltrue([
      for s in server.lynis : s.client_alive_interval > 0 && s.client_alive_interval <= 300
    ])
    error_message = "Lynis asks for a ClientAliveInterval of 300 or less, and 0 would turn it off."
  }

  assert {
    condition = alltrue([
      for s in server.lynis : s.client_alive_count_max > 0 && s.client_alive_count_max <= 2
    ])
    error_message = "Lynis asks for a ClientAliveCountMax of 2 or less, and 0 would mean never."
  }

  assert {
    condition     = alltrue([for s in server.lynis : s.login_grace_time > 0 && s.login_grace_time <= 120])
    error_message = "Lynis asks for a LoginGraceTime of 120 or less, and 0 would be no limit."
  }
}
