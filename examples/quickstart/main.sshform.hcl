# What `make demo` applies to a private sshd on a loopback port: whoever is
# silent for probe_seconds is asked for a sign of life, and is given up after
# two requests without an answer.
#
# For a server of your own, give its address, port and user in the host block
# and leave the connection block and the file block out: the keys of your agent
# and ~/.ssh, your known_hosts and /etc/ssh/sshd_config are the defaults.

variable "probe_seconds" {
  type        = number
  default     = 30
  description = "Seconds of silence before sshd asks for a sign of life."
}

variable "port" {
  type        = number
  description = "Port of the private sshd."
}

variable "user" {
  type        = string
  description = "User to log in as."
}

variable "key" {
  type        = string
  description = "Private key that the sshd accepts."
}

variable "known_hosts" {
  type        = string
  description = "File that holds the host key of the sshd."
}

variable "config" {
  type        = string
  description = "The sshd_config that the sshd was started with."
}

connection {
  user             = var.user
  identity_file    = var.key
  known_hosts_file = var.known_hosts
}

host "demo" {
  address = "127.0.0.1"
  port    = var.port
}

server "demo" {
  host = host.demo

  client_alive_interval  = var.probe_seconds
  client_alive_count_max = 2

  file {
    path = var.config
  }
}
