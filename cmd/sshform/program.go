package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mattn/go-shellwords"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/schema"
)

// A program is one run of sshform: what it was started with, and what its
// commands share.
type program struct {
	args   []string // without the name
	env    environment
	stdin  *os.File
	stdout *outlet
	stderr *os.File
	now    func() time.Time

	flags    sharedFlags
	chdir    string // the value of -chdir, several joined; empty without
	detailed bool   // -detailed-exitcode
	// caught is the signal that ended the run early, nil without one.
	caught os.Signal
	// signals are those that arrive; interruptible reads the first, patience
	// the second.
	signals chan os.Signal
	// patient is closed when patience begins.
	patient chan struct{}
	// found is everything that was told, for reports.
	found schema.Diagnostics
	// signers are those whose signatures of the plan counted.
	signers []string
	// declared is the configuration that a plan was made from, for reports;
	// nil before that, and for a plan from a file.
	declared *schema.Config
	// redact takes secrets out of what is printed; it learns them while the
	// configuration is read.
	redact *view.Redactor
	// source finds the text of a configuration file, once one was read.
	source func(name string) []byte
	// screen is made by view when the first thing is to be printed.
	screen  view.View
	log     *slog.Logger
	logFile io.Closer
	lines   *bufio.Reader // the standard input, once it is read by lines
	asking  sync.Mutex    // one question at a time
	// events is the file of -json-into, nil without.
	events *outlet
}

// sharedFlags are options that several commands have.
type sharedFlags struct {
	noColor         bool
	json            bool
	jsonInto        string
	events          string // -json-events
	compactWarnings bool
	document        bool // the standard output takes a document and nothing else
	concise         bool
	full            bool
}

// An environment answers what a variable holds; empty when it is not set.
type environment func(name string) string

func thisProcess() *program {
	return &program{
		args:   os.Args[1:],
		env:    os.Getenv,
		stdin:  os.Stdin,
		stdout: &outlet{file: os.Stdout},
		stderr: os.Stderr,
		now:    time.Now,
		redact: &view.Redactor{},
	}
}

// isTerminal reports whether a person is at the other end of f.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// mayAsk reports whether a question may be put to a person: nobody forbade it
// and somebody is there, or at least something answers.
func (p *program) mayAsk(input bool) bool {
	forbidden := slices.Contains([]string{"0", "false"}, strings.ToLower(p.env("SSHFORM_INPUT")))
	return input && !forbidden && !p.flags.json
}

// inAutomation drops hints that only people need.
func (p *program) inAutomation() bool { return p.env("SSHFORM_IN_AUTOMATION") != "" }

// withEnvironment puts SSHFORM_CLI_ARGS and SSHFORM_CLI_ARGS_command right
// behind the command, so that the options really typed come later and win.
func (p *program) withEnvironment(root *cobra.Command, args []string) ([]string, error) {
	found, words := knows(root, args)
	if words == 0 {
		return args, nil
	}
	path := strings.TrimPrefix(found.CommandPath(), root.Name()+" ")
	own := "SSHFORM_CLI_ARGS_" + strings.NewReplacer(" ", "_", "-", "_").Replace(path)
	var extra []string
	for _, name := range []string{"SSHFORM_CLI_ARGS", own} {
		split, err := shellwords.Parse(p.env(name))
		if err != nil {
			return nil, problem("Environment cannot be read",
				name+" is not a list of words as a shell would read it: "+sentence(err)+" Check its quotes.")
		}
		extra = append(extra, split...)
	}
	return slices.Concat(args[:words], extra, args[words:]), nil
}

// interruptible returns a context that the first SIGINT or SIGTERM cancels, or
// the end of the terminal unless nohup(1) has it ignored. The second ends the program at once, unless patience reads it: whatever does not
// heed the context can be ended all the same.
func (p *program) interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	p.signals = make(chan os.Signal, 2)
	signal.Notify(p.signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(p.signals, syscall.SIGHUP)
	}
	p.patient = make(chan struct{})
	ended, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		select {
		case s := <-p.signals:
			p.caught = s
			cancel(interruption{s})
		case <-ended:
			return
		}
		select {
		case <-p.signals:
			os.Exit(int(p.interruptedCode()))
		case <-p.patient:
		case <-ended:
		}
	}()
	return ctx, func() {
		signal.Stop(p.signals)
		close(ended)
		<-left
		cancel(nil)
	}
}

// view returns the one place that prints.
func (p *program) view() view.View {
	if p.screen == nil {
		p.screen = p.newView()
	}
	return p.screen
}

func (p *program) newView() view.View {
	if p.flags.json {
		return p.newEvents(p.stdout)
	}
	human := view.NewHuman(p.paper())
	if p.events == nil {
		return human
	}
	return view.Both{First: human, Second: p.newEvents(p.events)}
}

func (p *program) newEvents(w io.Writer) *view.JSON {
	events := view.NewJSON(w, thisTool(), p.now, p.redact, p.sourceOf, p.trace())
	events.Limit(view.Amount(p.flags.events))
	return events
}

func (p *program) sourceOf(name string) []byte {
	if p.source == nil {
		return nil
	}
	return p.source(name)
}

// paper is what the human view prints on. Where the standard output takes a
// document, whatever is said goes to the standard error.
func (p *program) paper() view.Paper {
	out, err := p.stream(p.stdout, p.stdout.file), p.stream(p.stderr, p.stderr)
	if p.flags.document {
		out = err
	}
	return view.Paper{
		Out:             out,
		Err:             err,
		Source:          p.sourceOf,
		Redact:          p.redact,
		CompactWarnings: p.flags.compactWarnings,
		Concise:         p.flags.concise,
		Full:            p.flags.full,
		Automation:      p.inAutomation(),
	}
}

// stream is w, which writes to f.
func (p *program) stream(w io.Writer, f *os.File) view.Stream {
	s := view.Stream{Writer: w, Terminal: isTerminal(f)}
	if s.Terminal {
		s.Width, _, _ = term.GetSize(int(f.Fd()))
		s.Moves = p.env("TERM") != "dumb"
	}
	s.Colour = view.Colour(view.ColourChoice{
		Off:        p.flags.noColor || slices.Contains(p.args, "-no-color") || slices.Contains(p.args, "--no-color"),
		NoColor:    p.env("NO_COLOR"),
		Term:       p.env("TERM"),
		ForceColor: p.env("FORCE_COLOR"),
		CliForce:   p.env("CLICOLOR_FORCE"),
		Terminal:   s.Terminal,
	})
	return s
}

// startLog opens the log that SSHFORM_LOG asks for. Without it nothing is logged.
func (p *program) startLog() error {
	p.log = slog.New(slog.DiscardHandler)
	level, wanted := logLevels()[strings.ToLower(p.env("SSHFORM_LOG"))]
	if !wanted {
		if p.env("SSHFORM_LOG") != "" {
			return problem("Environment cannot be read", "SSHFORM_LOG is none of trace, debug, info, warn and error.")
		}
		return nil
	}
	var w io.Writer = p.stderr
	if path := p.env("SSHFORM_LOG_PATH"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return problem("Log cannot be written", "SSHFORM_LOG_PATH: "+sentence(err))
		}
		p.logFile, w = f, f
	}
	how := &slog.HandlerOptions{Level: level}
	if strings.EqualFold(p.env("SSHFORM_LOG_FORMAT"), "json") {
		p.log = slog.New(slog.NewJSONHandler(w, how))
		return nil
	}
	p.log = slog.New(slog.NewTextHandler(w, how))
	return nil
}

// levelTrace is below debug: every step of the conversation with a host.
const levelTrace = slog.LevelDebug - 4

func logLevels() map[string]slog.Level {
	return map[string]slog.Level{
		"trace": levelTrace, "debug": slog.LevelDebug, "info": slog.LevelInfo,
		"warn": slog.LevelWarn, "error": slog.LevelError,
	}
}

func (p *program) closeLog() {
	if p.logFile != nil {
		p.logFile.Close()
	}
}
