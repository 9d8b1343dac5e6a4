//go:build !windows

package main

// terminalName is the controlling terminal, wherever the streams lead.
const terminalName = "/dev/tty"
