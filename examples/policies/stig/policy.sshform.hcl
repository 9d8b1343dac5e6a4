# What DISA's Security Technical Implementation Guides ask about the keywords of
# sshform. Lay this file beside the one that declares your hosts.
#
# Sources: Red Hat Enterprise Linux 9 STIG, RHEL-09-255095 (ClientAliveCountMax
# 1) and RHEL-09-255100 (ClientAliveInterval 600 or less); AlmaLinux OS 9 STIG
# V1R6, V-269419, with the same values; both after SRG-OS-000163-GPOS-00072. The
# RHEL 8 STIG V1R2, RHEL-08-010200, asked for an interval of 600 and a count of
# 0. The macOS 13 STIG, APPL-13-000053, asks for a LoginGraceTime of 30 or less.
#
# What the guides say, and what sshd does:
#
# - "Terminated after 10 minutes of becoming unresponsive." With 600 and 1 it is
#   20 minutes after the last data, interval times (count + 1); on the releases
#   9.2 to 9.4 it is 40. The preset takes 300, which the guides allow (600 or
#   less) and which makes their sentence true; on 9.2 to 9.4 take 150.
# - "Terminating an idle session": none of this ends an idle session. The client
#   answers for as long as it runs. RHEL-09-412035 (the shell's TMOUT) is about
#   that, and so is ChannelTimeout, which the macOS guides ask for.
# - A count of 0, as older guides ask, means "never" since OpenSSH 8.2, the
#   opposite of what they want. On 7.6 to 7.9 it is the count of 1 that harms:
#   every healthy silent client is hung up on after one interval.
# - The macOS 14 STIG, APPL-14-000140, asks clients for ServerAliveCountMax 0.
#   ssh then hangs up after one silent interval, without asking the server: with
#   its interval of 900 a session ends whenever nothing was printed for a quarter
#   of an hour. That is a decision to make knowingly, so it is not made here.

variable "sshd_config" {
  type        = string
  default     = "/etc/ssh/sshd_config"
  description = "The sshd_config that the hosts' sshd reads."
}

server "stig" {
  for_each = host
  host     = each.value

  client_alive_interval  = 300
  client_alive_count_max = 1
  login_grace_time       = 30

  file {
    path = var.sshd_config
  }
}

check "stig" {
  assert {
    condition = alltrue([
      for s in server.stig : s.client_alive_interval > 0 && s.client_alive_interval <= 600
    ])
    error_message = "The STIGs ask for a ClientAliveInterval between 1 and 600."
  }

  assert {
    condition     = alltrue([for s in server.stig : s.client_alive_count_max == 1])
    error_message = "The STIGs ask for a ClientAliveCountMax of 1."
  }
}
