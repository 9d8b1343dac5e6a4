package apply

import (
	_ "embed"

	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
)

// The scripts that hosts run. They are fixed text; values reach them as words.
var (
	//go:embed scripts/facts.sh
	factsScript string
	//go:embed scripts/ask.sh
	askScript string
	//go:embed scripts/fresh.sh
	freshScript string
	//go:embed scripts/begin.sh
	beginScript string
	//go:embed scripts/unlock.sh
	unlockScript string
	//go:embed scripts/records.sh
	recordsScript string
	//go:embed scripts/transact.sh
	transactScript string
)

// A saying is a line "key value" of a script.
type saying struct{ key, value string }

// sayings reads the lines of a script's output. What hosts say is bounded by
// Shell and cleaned where it is shown.
func sayings(output []byte) []saying {
	var all []saying
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, len(output)+1)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		all = append(all, saying{key, value})
	}
	return all
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
