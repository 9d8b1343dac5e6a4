package fleet

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
)

// nonceIn finds the nonce in what the conductor sends first: it is printed.
var nonceIn = regexp.MustCompile(`printf '%s[^']*' ([0-9a-f]{32})\b`)

// conduct is a /bin/sh that takes the client's steps. It returns the exit
// status.
func (h *Host) conduct(ch ssh.Channel) int {
	text := script{bufio.NewReader(ch)}
	nonce := ""
	for {
		before, c, err := text.next()
		if nonce == "" {
			found := nonceIn.FindStringSubmatch(before)
			if found == nil {
				return 0
			}
			nonce = found[1]
			if strings.Contains(before, "printf '%s 0 0\\n'") {
				fmt.Fprintf(ch, "%s 0 0\n", nonce)
				fmt.Fprintf(ch.Stderr(), "%s 0\n", nonce)
			}
		}
		if err != nil {
			return 0
		}
		switch {
		case c[0] == "sshform_step" && len(c) >= 3:
			if h.faulty() == Floods {
				flood(ch)
				return 0
			}
			pieces, stderr, status := h.step(c[2], c[3:])
			for _, piece := range pieces {
				io.WriteString(ch, piece)
			}
			fmt.Fprintf(ch, "%s %s %d\n", nonce, c[1], status)
			fmt.Fprintf(ch.Stderr(), "%s%s %s\n", stderr, nonce, c[1])
		case c[0] == "sshform_rehearse" && len(c) >= 2:
			fmt.Fprintf(ch, "%s\n", nonce)
			return h.rehearse(text.in, ch, c[2:])
		default:
			fmt.Fprintf(ch.Stderr(), "/bin/sh: %s: not found\n", c[0])
			return 127
		}
	}
}

// step does what a script of the project would do. It is known by its first
// line. The output is in the pieces that the script writes: sshd makes a packet
// of each.
func (h *Host) step(text string, args []string) (stdout []string, stderr string, status int) {
	first, _, _ := strings.Cut(text, "\n")
	h.mu.Lock()
	defer h.mu.Unlock()
	do, known := steps[first]
	if !known {
		return nil, fmt.Sprintf("a simulated host does not know this step: %s\n", first), 127
	}
	a := answer{}
	do(h, args, &a)
	a.apart()
	return a.before, a.errs.String(), a.status
}

// An answer is what a step says.
type answer struct {
	before    []string // pieces that are written before out
	out, errs strings.Builder
	status    int
}

// apart ends a piece.
func (a *answer) apart() {
	if a.out.Len() > 0 {
		a.before = append(a.before, a.out.String())
		a.out.Reset()
	}
}

func (a *answer) say(format string, values ...any) { fmt.Fprintf(&a.out, format+"\n", values...) }

func (a *answer) fail(status int, format string, values ...any) {
	fmt.Fprintf(&a.errs, format+"\n", values...)
	a.status = status
}
