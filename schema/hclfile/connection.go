package hclfile

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// connection reads a connection block; a nil a is an absent one.
func (l *loader) connection(a *args) schema.Connection {
	if a == nil {
		return schema.Connection{}
	}
	return schema.Connection{
		Type:            a.word("type"),
		Port:            a.port(),
		User:            a.name("user"),
		IdentityFile:    a.controllerPath("identity_file"),
		CertificateFile: a.controllerPath("certificate_file"),
		ProxyJump:       a.name("proxy_jump"),
		KnownHostsFile:  a.controllerPath("known_hosts_file"),
		HostKeyChecking: a.word("host_key_checking"),
		ConnectTimeout:  a.time("connect_timeout"),
		Become:          a.word("become"),
	}
}

func (a *args) port() int { return a.number("port", 1, 65535) }

// name reads a word that reaches ssh's argument list: no blanks, no leading
// dash, not empty.
func (a *args) name(name string) string {
	s, _ := readArgument(a, name, func(v cty.Value) (string, error) {
		s, err := asString(v)
		if err != nil {
			return "", err
		}
		return s, plainWord(s)
	})
	return s
}

func plainWord(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("must not be empty; leave it out or write null for none")
	case strings.HasPrefix(s, "-"):
		return fmt.Errorf("must not begin with a dash, since ssh would take it for an option")
	case strings.ContainsAny(s, " \t"):
		return fmt.Errorf("must be one word without blanks, not %s", shortened(s))
	}
	return nil
}

// controllerPath reads the path of a file on this machine: relative ones are
// in the configuration directory, ~/ stays for whoever opens it.
func (a *args) controllerPath(name string) string {
	path, _ := readArgument(a, name, func(v cty.Value) (string, error) {
		path, err := asString(v)
		switch {
		case err != nil:
			return "", err
		case path == "":
			return "", fmt.Errorf("must not be empty; leave it out or write null for the default")
		case strings.HasPrefix(path, "~/"), filepath.IsAbs(path):
			return path, nil
		case strings.HasPrefix(path, "~"):
			return "", fmt.Errorf("must be relative to the configuration, absolute, or begin with ~/, not %s", shortened(path))
		}
		return filepath.Join(a.l.dir, path), nil
	})
	return path
}

// connectionValue is the top-level connection for expressions.
func (l *loader) connectionValue() (cty.Value, bool) {
	return connectionObject(*l.topConnection()), true
}

func connectionObject(c schema.Connection) cty.Value {
	timeout := cty.NullVal(cty.Number)
	if c.ConnectTimeout > 0 {
		timeout = cty.NumberIntVal(int64(c.ConnectTimeout.Seconds()))
	}
	return cty.ObjectVal(map[string]cty.Value{
		"type": optional(c.Type), "user": optional(c.User), "port": optionalNumber(c.Port),
		"identity_file": optional(c.IdentityFile), "certificate_file": optional(c.CertificateFile),
		"proxy_jump": optional(c.ProxyJump), "known_hosts_file": optional(c.KnownHostsFile),
		"host_key_checking": optional(c.HostKeyChecking), "connect_timeout": timeout, "become": optional(c.Become),
	})
}

// optional is a string, or null where there is none.
func optional(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}

func optionalNumber(n int) cty.Value {
	if n == 0 {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberIntVal(int64(n))
}
