# What sshform-pull.service carries out on each host: the host's own sshd, no
# network and no key. It lies in /etc/sshform, brought there by whatever brings
# files to your hosts: an image, a package, a Git checkout.

host "this" {
  connection {
    type = "local"
  }
}

variable "config" {
  type        = string
  default     = "/etc/ssh/sshd_config"
  description = "The sshd_config that the host's sshd reads."
}

server "this" {
  host = host.this

  client_alive_interval  = 60
  client_alive_count_max = 3
  tcp_keep_alive         = true

  file {
    path = var.config
  }
}
