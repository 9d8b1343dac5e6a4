package apply

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/sshform/sshform/plan"
)

// The modes of the programs: what sshd and ssh call their test modes.
const (
	askServer = "-T"
	askClient = "-G"
)

// A question is put to sshd or ssh about one file, for several logins in one
// step.
type question struct {
	mode, program string
	options       []string
	logins        []plan.Login
}

// questions groups logins by the program and file they ask, in the order in
// which they first come up.
func questions(logins []plan.Login, m *machine, l *listener) []question {
	type about struct {
		client bool
		file   string
	}
	var all []question
	number := map[about]int{}
	for _, login := range logins {
		key := about{login.Client, login.File}
		n, known := number[key]
		if !known {
			n, number[key] = len(all), len(all)
			if key.client {
				all = append(all, clientQuestion(key.file, m))
			} else {
				all = append(all, serverQuestion(key.file, m, l))
			}
		}
		all[n].logins = append(all[n].logins, login)
	}
	return all
}

// serverQuestion asks the listener's own program with its own options where
// the file is the listener's, else the sshd in PATH.
func serverQuestion(file string, m *machine, l *listener) question {
	q := question{mode: askServer, program: cmp.Or(l.Path, m.sshd), options: l.Args}
	if file != l.ConfigFile {
		q.options = []string{"-f", file}
	}
	return q
}

// clientQuestion names the file for ssh unless it is one that ssh reads by
// itself: -F leaves the others out.
func clientQuestion(file string, m *machine) question {
	q := question{mode: askClient, program: m.ssh}
	switch file = inHome(m.home, file); file {
	case path.Join(m.home, ".ssh/config"), "/etc/ssh/ssh_config":
	default:
		q.options = []string{"-F", file}
	}
	return q
}

// ask adds the answers for all logins to answers.
func (q *question) ask(ctx context.Context, shell Shell, known *dumps, answers map[plan.Login]plan.Answer) error {
	mark := newMark()
	step, err := q.step(mark)
	if err != nil {
		return err
	}
	answer, err := shell.Do(ctx, step)
	if err != nil {
		return err
	}
	rest := answer.Stdout
	for _, l := range q.logins {
		var one plan.Answer
		one, rest, err = known.answer(mark, rest)
		if err != nil {
			return fmt.Errorf("%s: %w", step.Name, err)
		}
		answers[l] = one
	}
	return nil
}

func (q *question) step(mark string) (Step, error) {
	if q.program == "" {
		return Step{}, errors.New("the program to ask was not found on the host")
	}
	args := append([]string{mark, q.mode, q.program, strconv.Itoa(len(q.options))}, q.options...)
	for _, l := range q.logins {
		word, err := loginWord(l)
		if err != nil {
			return Step{}, err
		}
		args = append(args, word)
	}
	return Step{Name: "ask " + q.program, Script: askScript, Args: args}, nil
}

// loginWord returns the argument of sshd's -C, or ssh's destination. Commas
// separate fields in -C and cannot be quoted (servconf.c,
// parse_server_match_testspec).
func loginWord(l plan.Login) (string, error) {
	switch {
	case l.Client && l.User != "":
		return l.User + "@" + l.Host, nil
	case l.Client:
		return l.Host, nil
	case l == plan.Login{File: l.File}:
		return "", nil
	}
	if strings.Contains(l.User+l.Host+l.Addr+l.LAddr+l.RDomain, ",") {
		return "", fmt.Errorf("sshd cannot be asked about a login with a comma: %+v", l)
	}
	return fmt.Sprintf("user=%s,host=%s,addr=%s,laddr=%s,lport=%d,rdomain=%s",
		l.User, l.Host, l.Addr, l.LAddr, l.LPort, l.RDomain), nil
}

// answer reads one framed answer and returns what follows it.
func (d *dumps) answer(mark string, output []byte) (plan.Answer, []byte, error) {
	values, rest, found := bytes.Cut(output, []byte("\n"+mark+" err\n"))
	messages, rest, ended := bytes.Cut(rest, []byte("\n"+mark+" end "))
	status, rest, whole := bytes.Cut(rest, []byte("\n"))
	exit, err := strconv.Atoi(string(status))
	if !found || !ended || !whole || err != nil {
		return plan.Answer{}, nil, errors.New("the answer was cut short")
	}
	return plan.Answer{
		Exit: exit, Values: d.values(values), Stderr: strings.TrimSpace(string(messages)),
	}, rest, nil
}

// readValues reads the dump of -T or -G. Keywords are folded to lower case:
// 10.5 prints them in mixed case.
func readValues(dump []byte) map[string][]string {
	values := map[string][]string{}
	for line := range bytes.Lines(dump) {
		keyword, argument, _ := strings.Cut(strings.TrimRight(string(line), "\n"), " ")
		if keyword == "" {
			continue
		}
		keyword = strings.ToLower(keyword)
		values[keyword] = append(values[keyword], argument)
	}
	return values
}
