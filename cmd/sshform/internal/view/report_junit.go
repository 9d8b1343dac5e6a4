package view

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"

	"github.com/sshform/sshform/apply"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    float64       `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Error   *junitMessage `xml:"error,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// junitLimit is how many hosts are one test case each. Above it equal fates
// are one case, since viewers choke on tens of thousands.
const junitLimit = 2000

// junit writes one suite for each wave and one case for each host: a
// difference is a failure, a host that was not reached an error.
func (r Reported) junit(w io.Writer) error {
	var suites []*junitSuite
	at := map[string]*junitSuite{}
	fates := r.fates()
	seen := map[string]int{}
	for _, h := range fates {
		name := "sshform " + r.Operation
		if h.Wave != "" {
			name += " " + h.Wave
		}
		suite := at[name]
		if suite == nil {
			suite = &junitSuite{Name: name}
			at[name] = suite
			suites = append(suites, suite)
		}
		c := r.junitCase(h, suite.Name)
		if len(fates) > junitLimit {
			key := fmt.Sprint(name, h.Outcome, h.Step)
			if seen[key]++; seen[key] > 1 {
				continue
			}
			c.Name = fmt.Sprintf("%s (and all hosts with the same outcome)", c.Name)
		}
		suite.add(c)
	}
	document := junitSuites{}
	for _, s := range suites {
		document.Suites = append(document.Suites, *s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(document); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func (r Reported) junitCase(h apply.HostReport, suite string) junitCase {
	c := junitCase{Name: cmp.Or(firstAddress(h), h.Host), Class: suite, Time: h.Elapsed.Seconds()}
	message := &junitMessage{Message: outcomeText(h.Outcome)}
	if h.Err != nil {
		message.Text = r.text(h.Err.Error())
	}
	switch {
	case h.Outcome.Succeeded():
	case h.Outcome == apply.Unreachable:
		c.Error = message
	case h.Outcome == apply.Skipped && r.Report != nil:
		c.Skipped = message
	case h.Outcome == apply.Skipped:
		c.Failure = &junitMessage{Message: "differs from the configuration"}
	default:
		c.Failure = message
	}
	return c
}

func firstAddress(h apply.HostReport) string {
	if len(h.Addresses) == 0 {
		return ""
	}
	return h.Addresses[0].String()
}
