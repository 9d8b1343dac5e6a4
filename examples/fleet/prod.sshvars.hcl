# Values for the production fleet: sshform plan -var-file=prod.sshvars.hcl
environment = "prod"

interval_by_role = { db = 20 }
