package apply

import (
	_ "embed"

	"crypto/rand"
	"fmt"
	"iter"
	"strings"
)

// The scripts that hosts run. They are fixed text; values reach them as words.
// What every host evaluates anew travels without its comments; transact.sh is a
// file there, for people too.
var (
	//go:embed scripts/facts.sh
	factsSource string
	//go:embed scripts/ask.sh
	askSource string
	//go:embed scripts/fresh.sh
	freshSource string
	//go:embed scripts/begin.sh
	beginSource string
	//go:embed scripts/unlock.sh
	unlockSource string
	//go:embed scripts/records.sh
	recordsSource string
	//go:embed scripts/transact.sh
	transactScript string

	factsScript   = withoutComments(factsSource)
	askScript     = withoutComments(askSource)
	freshScript   = withoutComments(freshSource)
	beginScript   = withoutComments(beginSource)
	unlockScript  = withoutComments(unlockSource)
	recordsScript = withoutComments(recordsSource)
)

// withoutComments drops lines that are empty or a comment, but for the first,
// which names the script. None of the scripts has such a line in quotes.
func withoutComments(script string) string {
	var out strings.Builder
	for line := range strings.Lines(script) {
		code := strings.TrimLeft(line, "\t")
		if out.Len() == 0 || code != "\n" && code[0] != '#' {
			out.WriteString(line)
		}
	}
	return out.String()
}

// A saying is a line "key value" of a script.
type saying struct{ key, value string }

// sayings reads the lines of a script's output. What hosts say is bounded by
// Shell and cleaned where it is shown.
func sayings(output []byte) iter.Seq[saying] {
	return func(yield func(saying) bool) {
		for line := range strings.Lines(string(output)) {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			key, value, _ := strings.Cut(line, " ")
			if !yield(saying{key, value}) {
				return
			}
		}
	}
}

// newMark returns 128 random bits that a host cannot have printed before.
func newMark() string { return rand.Text() }

// failure describes a step that failed on a host.
func failure(step Step, answer Answer) error {
	text := strings.TrimSpace(string(answer.Stderr))
	if text == "" {
		text = fmt.Sprintf("exit status %d", answer.Status)
	}
	return fmt.Errorf("%s: %s", step.Name, lastLines(text, 5))
}

// lastLines keeps the end of what a program said, where the reason stands.
func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
