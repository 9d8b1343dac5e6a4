package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/sshform/sshform/schema"
)

// An exitCode ends the program. Returned as an error it says that everything
// there is to tell has been told.
//
// Without -detailed-exitcode only 0 and 1 occur, except those of fmt and 127.
// Codes above 2 exist for machines that must decide between trying again
// (partial, locked), planning again (refused) and calling a person (stopped).
type exitCode int

const (
	done        exitCode = 0   // success, or no changes
	failed      exitCode = 1   // an error
	pending     exitCode = 2   // plan, drift: changes pending; fmt: syntax error
	unformatted exitCode = 3   // fmt -check found files to format
	partial     exitCode = 4   // apply: some hosts failed, within the budget
	stopped     exitCode = 5   // apply: the failure budget is spent
	refused     exitCode = 6   // apply: plan stale, expired, unsigned or foreign
	locked      exitCode = 7   // apply: another run holds the locks
	noCommand   exitCode = 127 // no subcommand, so that a script that lost it fails
	interrupted exitCode = 130 // by SIGINT
	terminated  exitCode = 143 // by SIGTERM, or since the terminal is gone
)

// Error makes an exitCode the way out of a command.
func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

// An interruption is why a command came to no end of its own.
type interruption struct{ os.Signal }

// Error is the reason that stands behind whatever was not finished.
func (i interruption) Error() string {
	if codeOf(i.Signal) == terminated {
		return "the command was terminated"
	}
	return "the command was interrupted"
}

// readingInterrupted is all there is to tell when hosts were being read: what
// each of them would say is only that nobody waited for it.
func readingInterrupted() error {
	return problem("Interrupted", "The hosts were being read. Nothing was changed.")
}

// interruptedCode is the code of a run that p.caught ended.
func (p *program) interruptedCode() exitCode {
	if p.detailed {
		return codeOf(p.caught)
	}
	return failed
}

func codeOf(signal os.Signal) exitCode {
	if signal == os.Interrupt {
		return interrupted
	}
	return terminated
}

// problems are diagnostics on their way out of a command, not told yet.
type problems schema.Diagnostics

// Error returns the summaries; people see the diagnostics instead.
func (ps problems) Error() string {
	var summaries []string
	for _, p := range ps {
		summaries = append(summaries, p.Summary)
	}
	return strings.Join(summaries, "; ")
}

// problem is an error for a person. The summary holds no name that a user
// chose; the detail says what, why and what to do.
func problem(summary, detail string) error {
	return problems{{Severity: schema.Error, Summary: summary, Detail: detail}}
}

// sentence makes a sentence of an error: a capital, a full stop.
func sentence(err error) string {
	text := []rune(strings.TrimSpace(err.Error()))
	if len(text) == 0 {
		return "No reason was given."
	}
	// A path or a name in front keeps its spelling.
	if first, _, _ := strings.Cut(string(text), " "); !strings.ContainsAny(first, `/._-:"`) {
		text[0] = unicode.ToUpper(text[0])
	}
	if !strings.ContainsRune(".!?", text[len(text)-1]) {
		text = append(text, '.')
	}
	return string(text)
}

// diagnosticsOf returns what an error tells.
func diagnosticsOf(err error) schema.Diagnostics {
	var told problems
	if errors.As(err, &told) {
		return schema.Diagnostics(told)
	}
	return schema.Diagnostics{{Severity: schema.Error, Summary: "Command stopped", Detail: sentence(err)}}
}
