package view

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestColour(t *testing.T) {
	for name, c := range map[string]struct {
		choice ColourChoice
		want   bool
	}{
		"terminal":                         {ColourChoice{Terminal: true, Term: "xterm"}, true},
		"pipe":                             {ColourChoice{Term: "xterm"}, false},
		"NO_COLOR on a terminal":           {ColourChoice{Terminal: true, NoColor: "1"}, false},
		"dumb terminal":                    {ColourChoice{Terminal: true, Term: "dumb"}, false},
		"FORCE_COLOR in a pipe":            {ColourChoice{ForceColor: "1"}, true},
		"FORCE_COLOR=0 in a pipe":          {ColourChoice{ForceColor: "0"}, false},
		"CLICOLOR_FORCE in a pipe":         {ColourChoice{CliForce: "1"}, true},
		"NO_COLOR beats FORCE_COLOR":       {ColourChoice{NoColor: "x", ForceColor: "1"}, false},
		"TERM=dumb beats FORCE_COLOR":      {ColourChoice{Term: "dumb", ForceColor: "1"}, false},
		"-no-color beats all, on terminal": {ColourChoice{Off: true, ForceColor: "1", Terminal: true}, false},
	} {
		if got := Colour(c.choice); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"one two three", "one two\nthree"},
		{"a-very-long-word-indeed stays", "a-very-long-word-indeed\nstays"},
		{"    sshform apply -auto-approve", "    sshform apply -auto-approve"},
		{"one\n\ntwo", "one\n\ntwo"},
		{"日本語日本語 x", "日本語日本語\nx"},
	} {
		if got := Wrap(c.text, 9); got != c.want {
			t.Errorf("Wrap(%q, 9): got %q, want %q", c.text, got, c.want)
		}
	}
}

// TestCleanLeavesNothingThatMoves puts anything a host may say to Clean.
func TestCleanLeavesNothingThatMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		said := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
			return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		})).Draw(t, "said")
		for _, r := range Clean(said) {
			if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("Clean(%q) kept %U", said, r)
			}
		}
	})
}

func TestClean(t *testing.T) {
	for said, want := range map[string]string{
		"plain\ttext\n":                 "plain\ttext\n",
		"\x1b[31mred\x1b[0m":            "red",
		"\x1b]0;title\x07shown":         "shown",
		"over\rwritten":                 "overwritten",
		"c1 \u009b31mred":               "c1 31mred",
		"turned \u202egnp.exe":          "turned gnp.exe",
		"half a character \xe2\x82 end": "half a character \uFFFD end",
		"größe":                         "größe",
	} {
		if got := Clean(said); got != want {
			t.Errorf("Clean(%q): got %q, want %q", said, got, want)
		}
	}
}

// TestSecretsAreTakenOut plants a canary in every place that is known to hold
// secrets.
func TestSecretsAreTakenOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		canary := rapid.StringMatching(`[A-Za-z0-9]{12}`).Draw(t, "canary")
		around := rapid.StringMatching(`[ -~]{0,20}`)
		planted := rapid.SampledFrom([]string{
			"https://user:" + canary + "@example.net/hosts.json",
			"\tProxyCommand connect -p " + canary + " %h",
			"proxycommand=" + canary,
			`"ProxyCommand": "` + canary + `"`,
		}).Draw(t, "planted")
		text := around.Draw(t, "before") + "\n" + planted
		if got := (*Redactor)(nil).Text(text); strings.Contains(got, canary) {
			t.Fatalf("Text(%q) kept the secret: %q", text, got)
		}
		known := &Redactor{Secrets: []string{canary}}
		text = around.Draw(t, "left") + canary + around.Draw(t, "right")
		if got := known.Text(text); strings.Contains(got, canary) {
			t.Fatalf("Text(%q) kept the value: %q", text, got)
		}
	})
}
