package main

// A manualText holds what the page of the program says besides its commands: a
// term and its text each.
type manualText struct{ codes, environment, files [][2]string }

func manual() manualText {
	return manualText{
		codes: [][2]string{
			{"0", "Success, or no changes."},
			{"1", "An error; without -detailed-exitcode, every failure."},
			{"2", "With -detailed-exitcode: plan has changes, drift found some, lint has warnings. fmt: a syntax error."},
			{"3", "fmt -check found files to format."},
			{"4", "apply: some hosts failed or were not reached."},
			{"5", "apply: stopped, since too many hosts failed. Hosts that were not started are untouched."},
			{"6", "apply: refused. The plan is stale, expired, unsigned or foreign; nothing was changed."},
			{"7", "apply: another run holds the locks."},
			{"127", "No command was given."},
			{"130, 143", "With -detailed-exitcode: interrupted; terminated, or left by its terminal."},
		},
		environment: [][2]string{
			{"SSHFORM_VAR_name", "Value of the input variable with that name."},
			{"SSHFORM_CLI_ARGS, SSHFORM_CLI_ARGS_command", "Options that are put right behind the command, or behind that command only. Those really typed come later and win."},
			{"SSHFORM_INPUT", "0 or false: never ask."},
			{"SSHFORM_IN_AUTOMATION", "If not empty: leave out hints that only people need."},
			{"SSHFORM_LOG", "Write a log to the standard error: trace, debug, info, warn or error."},
			{"SSHFORM_LOG_FORMAT", "json: write the log as JSON."},
			{"SSHFORM_LOG_PATH", "Write the log to this file instead."},
			{"SSHFORM_SUDO_ASKPASS", "Program that prints the password for sudo on a host."},
			{"SSHFORM_ALLOWED_SIGNERS", "File of allowed signers (ssh-keygen(1)). apply then takes signed plan files only."},
			{"SSHFORM_MIN_SIGNATURES", "How many of them must have signed. 1 by default."},
			{"SSHFORM_REVOKED_SIGNERS", "File of public keys, one a line, whose signatures count no more."},
			{"SSHFORM_MAX_PLAN_AGE", "How old a plan file may be for apply."},
			{"SSHFORM_REQUIRE_SAVED", "1: apply takes plan files only."},
			{"SSHFORM_POLICY", "File of the machine that applies, with the site's own commands for reloading."},
			{"SSHFORM_SHARD_TOTAL", "How many shards -shard=auto divides the hosts into, where the engine does not say it."},
			{"SSHFORM_STATE", "Where a host keeps records and locks instead of the usual folder. It is read on the host."},
			{"NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE", "No colours; colours also where nobody looks."},
		},
		files: [][2]string{
			{"*.sshform.hcl, *.sshform.json", "The configuration: all of them in the directory."},
			{"default.sshvars.hcl, *.auto.sshvars.hcl", "Values of input variables."},
			{".sshform/runs", "The journals of runs, in the directory of the configuration."},
		},
	}
}
