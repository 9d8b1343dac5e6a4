package sshconf

import (
	"strings"
)

// challenge does what sshd did up to 8.6: ChallengeResponseAuthentication yes,
// its default, switches KbdInteractiveAuthentication on.
func (s *serverRun) challenge() {
	if s.d.release.AtLeast(8, 7) {
		return
	}
	if v, set := s.global.value("challengeresponseauthentication"); set && v == "no" {
		return
	}
	to := s.global.at("kbdinteractiveauthentication")
	*to = slot{values: []string{"yes"}, implied: true}
}

// subsystems replaces the whole list of subsystems by that of matching
// blocks, if they have any (since 9.5). Up to 10.2 sshd copied it wrongly and
// crashed when the block's list was longer.
func (s *serverRun) subsystems(over slots) {
	inBlocks, outside := parts("subsystem", over), parts("subsystem", s.global)
	some := 0
	for _, key := range inBlocks {
		if over[key].set {
			some++
		}
	}
	if some == 0 {
		return
	}
	if some > len(outside) && !s.d.release.AtLeast(10, 3) {
		at := s.uses[over[inBlocks[0]].from[0]].place
		text := "sshd crashes for this login: its blocks have more subsystems than the global section"
		if len(outside) == 0 {
			s.fatal(at, crashed, text)
		} else {
			s.undecided(at, "perhaps "+text)
		}
	}
	for _, key := range outside {
		delete(s.global, key)
	}
}

// crashed is the exit status of a program that died of a segmentation fault,
// as a shell reports it.
const crashed = 139

// sensible does the checks that sshd makes once all files are read.
func (s *serverRun) sensible() {
	if s.stop {
		return
	}
	for _, pair := range [][2]string{
		{"authorizedkeyscommand", "authorizedkeyscommanduser"},
		{"authorizedprincipalscommand", "authorizedprincipalscommanduser"},
	} {
		command, set := s.global.value(pair[0])
		if set && !same(command, "none") && !s.global.isSet(pair[1]) {
			s.fatal(s.placeOf(pair[0]), 255, Canonical(Server, pair[0])+" is set without "+Canonical(Server, pair[1]))
			return
		}
	}
	s.satisfiable()
}

func (s *serverRun) placeOf(key string) Place {
	found := s.global[key]
	if found == nil || len(found.from) == 0 {
		return Place{File: s.q.Main}
	}
	return s.uses[found.from[0]].place
}

// satisfiable checks that some list of AuthenticationMethods has no method
// that is switched off.
func (s *serverRun) satisfiable() {
	lists, set := s.global.value("authenticationmethods")
	if !set || same(lists, "any") {
		return
	}
	for _, list := range strings.Fields(lists) {
		if s.enabled(list) {
			return
		}
	}
	s.fatal(s.placeOf("authenticationmethods"), 255, "AuthenticationMethods cannot be satisfied by the enabled methods")
}

// enabled reports whether every method of a list is switched on. Kerberos
// methods depend on the build and pass if they are not switched off.
func (s *serverRun) enabled(list string) bool {
	switches := map[string]string{
		"publickey": "pubkeyauthentication", "password": "passwordauthentication",
		"keyboard-interactive": "kbdinteractiveauthentication", "hostbased": "hostbasedauthentication",
		"gssapi-with-mic": "gssapiauthentication", "gssapi-keyex": "gssapikeyexchange",
	}
	for method := range strings.SplitSeq(list, ",") {
		name, _, _ := strings.Cut(method, ":")
		key, known := switches[name]
		if !known {
			continue
		}
		value, set := s.global.value(key)
		if !set {
			if row := serverTable.find(key, s.d.release); row != nil {
				value = strings.Join(s.fallback(row), "")
			}
		}
		if name == "keyboard-interactive" && !s.d.release.AtLeast(8, 7) {
			continue
		}
		if same(value, "no") {
			return false
		}
	}
	return true
}
