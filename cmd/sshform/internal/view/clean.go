package view

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Clean makes text from a host safe for a terminal: no escape sequences, no
// control characters except newline and tab, no characters that turn the
// direction of writing, no invalid UTF-8.
func Clean(text string) string {
	if isPlain(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r == utf8.RuneError:
			return '\uFFFD'
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029', r == '\uFEFF':
			return -1
		}
		return r
	}, ansi.Strip(strings.ToValidUTF8(text, "\uFFFD")))
}

// isPlain spares most text the work.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < ' ' && c != '\n' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}

// cleanLine is Clean for text that must stay on its line.
func cleanLine(text string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(Clean(strings.TrimRight(text, "\r\n")))
}

// hidden stands where a secret stood.
const hidden = "(sensitive)"

// A Redactor takes secrets out of text: the values of sensitive variables,
// the user and password of URLs, and ProxyCommand lines, which are known to
// hold passwords. The nil and the zero Redactor know no values.
type Redactor struct {
	// Secrets are texts that must not be printed. Those shorter than four
	// characters would eat ordinary text and are let be.
	Secrets []string
}

// Text returns text without secrets.
func (r *Redactor) Text(text string) string {
	if r == nil {
		r = &Redactor{}
	}
	for _, secret := range r.Secrets {
		if len(secret) >= shortestSecret {
			text = strings.ReplaceAll(text, secret, hidden)
		}
	}
	if strings.Contains(text, "://") {
		text = userinfo.ReplaceAllString(text, "${1}"+hidden+"@")
	}
	if containsFold(text, "proxycommand") {
		text = proxyCommand.ReplaceAllString(text, "${1}"+hidden)
	}
	return text
}

const shortestSecret = 4

var (
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@"']+@`)
	// proxyCommand matches the directive and everything behind it on the line.
	proxyCommand = regexp.MustCompile(`(?i)(proxycommand["']?\s*[= \t:]\s*)[^\n]+`)
)

func containsFold(text, lower string) bool {
	return len(text) >= len(lower) && strings.Contains(strings.ToLower(text), lower)
}
