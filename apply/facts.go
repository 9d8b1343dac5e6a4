package apply

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sshform/sshform/plan"
)

// machine is what a host tells about itself.
type machine struct {
	user      string // the login user
	uid       int    // who writes files
	home      string // of the login user
	stateHome string // of who writes files
	state     string // SSHFORM_STATE of the login; usually empty
	system    string // for people
	hostname  string
	boot      string // boot id; empty where there is none
	ssh, sshd string // programs in PATH
	// namespaces says that private mount namespaces can be had.
	namespaces bool
	listeners  []listener
}

// listener is a running sshd as the host describes it.
type listener struct {
	plan.Listener
	// deleted says that the program on disk is another one by now.
	deleted bool
	// started is the start time in ticks since boot, empty where unknown.
	started string
	// sockets is the unit that holds the port, for SocketUnit.
	sockets string
	pidFile string
	// doubt says why its options are not known; empty if they are.
	doubt string
}

// reloads reports whether a daemon is to be told of a change; if not, none runs
// or a person does that.
func (l listener) reloads() bool { return l.Reload != plan.NoListener && l.Reload != plan.ReloadByHand }

// lookAround asks a host what it is and which sshd listens there.
func lookAround(ctx context.Context, shell Shell, scope string) (machine, error) {
	step := Step{Name: "look around", Script: factsScript, Args: []string{scope}}
	answer, err := shell.Do(ctx, step)
	if err != nil {
		return machine{}, err
	}
	if answer.Status != 0 {
		return machine{}, failure(step, answer)
	}
	return readMachine(answer.Stdout)
}

// described collects the lines about one listener until all are read.
type described struct {
	pid, exe, unit, sockets, killMode, runsv, started string
	title                                             []string
}

func readMachine(output []byte) (machine, error) {
	m := machine{uid: -1}
	var manager, init, config, pid, pidFile string
	var scripts, rcScripts []string
	var found []*described
	at := func() *described {
		if len(found) == 0 {
			return &described{}
		}
		return found[len(found)-1]
	}
	single := map[string]*string{
		"user": &m.user, "home": &m.home, "statehome": &m.stateHome, "state": &m.state, "hostname": &m.hostname,
		"boot": &m.boot, "ssh": &m.ssh, "sshd": &m.sshd, "manager": &manager, "init": &init, "config": &config,
	}
	var kernel, system string
	single["kernel"], single["system"] = &kernel, &system
	for line := range sayings(output) {
		if field, known := single[line.key]; known {
			*field = line.value
			continue
		}
		switch line.key {
		case "uid":
			m.uid, _ = strconv.Atoi(line.value)
		case "namespace":
			m.namespaces = line.value == "yes"
		case "initscript":
			scripts = append(scripts, line.value)
		case "rcscript":
			rcScripts = append(rcScripts, line.value)
		case "pidfile":
			pid, pidFile, _ = strings.Cut(line.value, " ")
		case "listener":
			found = append(found, &described{pid: line.value})
		case "exe":
			at().exe = line.value
		case "title":
			at().title = append(at().title, line.value)
		case "unit":
			at().unit = line.value
		case "sockets":
			at().sockets = line.value
		case "killmode":
			at().killMode = line.value
		case "runsv":
			at().runsv = line.value
		case "started":
			at().started = line.value
		}
	}
	if m.uid < 0 || m.user == "" || !path.IsAbs(m.home) {
		return machine{}, errors.New("the host does not tell who is logged in: is its shell a POSIX one")
	}
	m.system = strings.TrimSpace(system + " (" + kernel + ")")
	for _, d := range found {
		l := d.listener(config)
		if pidFile != "" && pid == d.pid {
			l.pidFile = pidFile
		}
		place := platform{
			manager: manager, init: init, scripts: scripts, rcScripts: rcScripts,
			hasPidFile: l.pidFile != "",
		}
		l.Reload, l.Unit = place.way(*d)
		if l.Reload == plan.SocketUnit {
			l.sockets = d.sockets
		}
		m.listeners = append(m.listeners, l)
	}
	return m, nil
}

// perLogin is the pid that stands for a new sshd at each login.
const perLogin = "-"

func (d described) listener(config string) listener {
	l := listener{started: d.started}
	l.Path, l.deleted = strings.CutSuffix(d.exe, " (deleted)")
	l.PID, _ = strconv.Atoi(d.pid)
	words, err := d.words()
	if err == nil {
		l.Args, err = keepOptions(words)
	}
	if err != nil {
		l.doubt = err.Error()
	}
	if l.Path == "" && len(words) > 0 {
		l.Path = words[0]
	}
	l.ConfigFile = config
	for i, arg := range l.Args {
		if arg == "-f" {
			l.ConfigFile = l.Args[i+1]
		}
	}
	return l
}

// words returns the program and options of a listener. A title is what sshd
// made of them: "sshd: PROGRAM OPTIONS [listener] 0 of 10-100 startups", where
// blanks inside an option are not marked (sshd.c, setproctitle). Releases
// before 8.2 leave the words as they are.
func (d described) words() ([]string, error) {
	if len(d.title) == 0 {
		return nil, nil
	}
	rest, titled := strings.CutPrefix(d.title[0], "sshd: ")
	if !titled {
		return slices.DeleteFunc(slices.Clone(d.title), func(w string) bool { return w == "" }), nil
	}
	line, _, whole := strings.Cut(rest, " [listener]")
	if !whole {
		return nil, fmt.Errorf("the options of the running sshd cannot be read from its title %q", d.title[0])
	}
	return strings.Fields(line), nil
}

// keepOptions returns the options of a listener that decide what it reads and
// answers, one letter and its argument apart. Those that only say how it runs
// are dropped. The letters are sshd's own (sshd.c, getopt).
func keepOptions(words []string) ([]string, error) {
	const withArgument, kept = "CEbcfghkopu", "46bcfghopu"
	var options []string
	for i := 1; i < len(words); i++ {
		word := words[i]
		if len(word) < 2 || word[0] != '-' {
			return nil, fmt.Errorf("the options of the running sshd are not clear: %q belongs to none", word)
		}
		for j := 1; j < len(word); j++ {
			letter := word[j : j+1]
			keep := strings.Contains(kept, letter)
			if !strings.Contains(withArgument, letter) {
				if keep {
					options = append(options, "-"+letter)
				}
				continue
			}
			argument := word[j+1:]
			if argument == "" {
				i++
				if i >= len(words) {
					return nil, fmt.Errorf("the running sshd's option -%s has no argument", letter)
				}
				argument = words[i]
			}
			if keep {
				options = append(options, "-"+letter, argument)
			}
			break
		}
	}
	return options, nil
}

// stateFolder is where sshform keeps locks and records on a host.
func (m machine) stateFolder() string {
	if path.IsAbs(m.state) && path.Clean(m.state) == m.state {
		return m.state
	}
	if m.uid == 0 {
		return "/var/lib/sshform"
	}
	return path.Join(m.stateHome, ".local/state/sshform")
}

// pick returns the listener whose configuration is file; over SSH there is
// only the one that let us in.
func (m machine) pick(file string) (listener, bool) {
	for _, l := range m.listeners {
		if l.ConfigFile == file {
			return l, true
		}
	}
	if len(m.listeners) == 1 {
		return m.listeners[0], true
	}
	return listener{}, false
}
