package hclfile

import (
	"fmt"
	"math/big"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// settings reads the keywords of an instance and those that it unsets, in
// table order.
func (l *loader) settings(a *args, definitions []schema.Definition) (set, unset []schema.Setting) {
	set = make([]schema.Setting, 0, len(a.b.arguments))
	away := l.unset(a, definitions)
	for _, d := range definitions {
		name := d.Keyword.HCL()
		if a.has(name) {
			argument, ok := readArgument(a, name, func(v cty.Value) (schema.Argument, error) { return keywordArgument(d, v) })
			if ok {
				set = append(set, schema.Setting{Keyword: d.Keyword, Argument: argument, Range: span(a.b.arguments[name].Range)})
			}
			if ok && slices.Contains(away, d.Keyword) {
				l.wrong(a.at("unset"), "Keyword both set and unset", "%s (%s) is set at %s and taken away here. Only one of the two can be meant.", name, d.Keyword, where(a.b.arguments[name].Range))
			}
		}
		if slices.Contains(away, d.Keyword) {
			unset = append(unset, schema.Setting{Keyword: d.Keyword, Range: span(a.at("unset"))})
		}
	}
	return set, unset
}

func (l *loader) unset(a *args, definitions []schema.Definition) []schema.Keyword {
	keywords, _ := readArgument(a, "unset", func(v cty.Value) ([]schema.Keyword, error) {
		names, err := asStrings(v)
		if err != nil {
			return nil, err
		}
		var keywords []schema.Keyword
		for _, name := range names {
			d, err := keywordNamed(name, a.b.kind, definitions)
			if err != nil {
				return nil, err
			}
			keywords = append(keywords, d.Keyword)
		}
		return keywords, nil
	})
	return keywords
}

func keywordNamed(name string, kind blockType, definitions []schema.Definition) (schema.Definition, error) {
	var known []string
	for _, d := range definitions {
		if d.Keyword.HCL() == name || strings.EqualFold(string(d.Keyword), name) {
			return d, nil
		}
		known = append(known, d.Keyword.HCL())
	}
	if other := otherSide(name, kind); other != "" {
		return schema.Definition{}, fmt.Errorf("must hold keywords of the %s: %s", kind.name, other)
	}
	text := fmt.Sprintf("must hold keywords such as %q, and %q is none that sshform manages.%s", known[0], name, didYouMean(name, known))
	return schema.Definition{}, fmt.Errorf("%s", text)
}

// keywordArgument is the argument of a keyword for a declared value.
func keywordArgument(d schema.Definition, v cty.Value) (schema.Argument, error) {
	argument, err := argumentFor(d, v)
	if err == nil {
		return argument, nil
	}
	// The error begins with the keyword; people look for the attribute.
	text := strings.TrimPrefix(err.Error(), string(d.Keyword))
	return "", wrongKeyword{fmt.Errorf("%s (%s)%s", d.Keyword.HCL(), d.Keyword, text)}
}

func argumentFor(d schema.Definition, v cty.Value) (schema.Argument, error) {
	switch t := v.Type(); {
	case t == cty.Bool:
		return d.Bool(v.True())
	case t == cty.String:
		return d.Text(v.AsString())
	case t == cty.Number:
		return numberArgument(d, v.AsBigFloat())
	case t.IsListType() || t.IsTupleType() || t.IsSetType():
		pairs, err := asStrings(v)
		if err != nil {
			return "", fmt.Errorf("%s %w", d.Keyword, err)
		}
		return d.List(pairs)
	}
	return "", fmt.Errorf("%s takes %s, not %s", d.Keyword, d.Kind, described(v))
}

func numberArgument(d schema.Definition, number *big.Float) (schema.Argument, error) {
	if d.Kind == schema.Flag || d.Kind == schema.Timeouts {
		return d.Number(0) // its error says what is taken instead
	}
	if !number.IsInt() {
		return "", fmt.Errorf("%s must be a whole number, not %s", d.Keyword, number.Text('g', 10))
	}
	n, accuracy := number.Int64()
	if accuracy != big.Exact {
		return "", fmt.Errorf("%s must be from %d to %d, not %s", d.Keyword, d.Min, int64(schema.Max), number.Text('g', 10))
	}
	return d.Number(n)
}

// settingsInScope reports keywords that cannot stand in a Match block of any
// release.
func (l *loader) settingsInScope(a *args, inst *instance, definitions []schema.Definition) {
	if inst.Scope.Match == "" {
		return
	}
	for _, s := range slices.Concat(inst.Settings, inst.Unset) {
		i := slices.IndexFunc(definitions, func(d schema.Definition) bool { return d.Keyword == s.Keyword })
		if definitions[i].Match != (schema.Release{}) {
			continue
		}
		l.wrong(a.keywordAt(s.Keyword), "Keyword not allowed in Match", "%s (%s) counts for all connections: sshd refuses it in a Match block. Move it to a server block without match.", s.Keyword.HCL(), s.Keyword)
	}
}

// keywordAt is the place where a keyword is set or unset.
func (a *args) keywordAt(k schema.Keyword) hcl.Range {
	if argument, ok := a.b.arguments[k.HCL()]; ok {
		return argument.Range
	}
	return a.at("unset")
}

// hostPath reads the path of a file on the managed host.
func (a *args) hostPath(name string) string {
	value, _ := readArgument(a, name, func(v cty.Value) (string, error) {
		p, err := asString(v)
		switch {
		case err != nil:
			return "", err
		case strings.HasPrefix(p, "~/") && a.b.kind.name == "client":
		case !strings.HasPrefix(p, "/") && a.b.kind.name == "client":
			return "", fmt.Errorf("must be absolute or begin with ~/, not %s", shortened(p))
		case !strings.HasPrefix(p, "/"):
			return "", fmt.Errorf("must be an absolute path on the host, not %s", shortened(p))
		case strings.HasSuffix(p, "/"):
			return "", fmt.Errorf("must be a file, and %s is a folder", shortened(p))
		}
		return path.Clean(p), nil
	})
	return value
}

// dropIn reads the name of a file in the included folder.
func (a *args) dropIn(name string) string {
	value, _ := readArgument(a, name, func(v cty.Value) (string, error) {
		s, err := asString(v)
		switch {
		case err != nil:
			return "", err
		case strings.Contains(s, "/"):
			return "", fmt.Errorf("must be a plain file name, since the folder is the one that the main file includes, not %s", shortened(s))
		case strings.HasPrefix(s, "."):
			return "", fmt.Errorf("must not begin with a dot, since Include patterns leave such files out")
		case !strings.HasSuffix(s, ".conf") || s == ".conf":
			return "", fmt.Errorf("must end in .conf, as the files do that sshd includes, not %s", shortened(s))
		case strings.ContainsAny(s, " \t*?[]\"'\\"):
			return "", fmt.Errorf("must not hold blanks, quotes or wildcards, not %s", shortened(s))
		}
		return s, nil
	})
	return value
}

// reload reads how sshd is made to read its files.
func (a *args) reload(name string) string {
	value, _ := readArgument(a, name, func(v cty.Value) (string, error) {
		s, err := asString(v)
		plain := func(r rune) bool {
			return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.'
		}
		if err == nil && (s == "" || s[0] == '-' || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) })) {
			err = fmt.Errorf("must be \"auto\", \"none\" or the name of a command in the policy of the apply side, never a command itself, not %s", shortened(s))
		}
		return s, err
	})
	return value
}

// criteria reads the argument of a Match line.
func (a *args) criteria(name string) string {
	value, _ := readArgument(a, name, func(v cty.Value) (string, error) {
		s, err := asString(v)
		if err != nil {
			return "", err
		}
		s = strings.Join(strings.Fields(s), " ")
		first, _, _ := strings.Cut(s, " ")
		first, _, _ = strings.Cut(first, "=")
		known := matchCriteria()
		switch {
		case s == "":
			return "", fmt.Errorf("must not be empty; leave it out for everybody")
		case strings.EqualFold(first, "match"):
			return "", fmt.Errorf("is what follows the word Match: write %s", shortened(strings.TrimSpace(s[len(first):])))
		case strings.Contains(s, "#"):
			return "", fmt.Errorf("must not hold #, which begins a comment")
		case !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, first) }):
			return "", fmt.Errorf("must begin with a criterion of Match, and there is none named %s.%s Known are %s", shortened(first), didYouMean(first, known), strings.Join(known, ", "))
		}
		return s, wrongCriteria(s, known)
	})
	return value
}

// wrongCriteria says which of the criteria are not name and list by turns.
// Quotes and equals signs are for the rules of the release that reads them.
func wrongCriteria(s string, known []string) error {
	if strings.ContainsAny(s, `"'\=`) {
		return nil
	}
	words := strings.Fields(s)
	for len(words) > 0 {
		name := words[0]
		words = words[1:]
		switch {
		case !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }):
			return fmt.Errorf("has %s where a criterion must stand.%s A list is one word, with commas and without blanks", shortened(name), didYouMean(name, known))
		case strings.EqualFold(name, "All"), strings.EqualFold(name, "Invalid-User"):
		case len(words) == 0:
			return fmt.Errorf("says nothing after %s; write what it must match, such as %s", name, shortened(name+" a,b"))
		default:
			words = words[1:]
		}
	}
	return nil
}

// matchCriteria are the criteria of Match in sshd_config(5).
func matchCriteria() []string {
	return []string{"All", "User", "Group", "Host", "Address", "LocalAddress", "LocalPort", "RDomain", "Version", "Invalid-User"}
}

// patterns reads the argument of a Host line.
func (a *args) patterns(name string) string {
	value, _ := readArgument(a, name, func(v cty.Value) (string, error) {
		s, err := asString(v)
		if err != nil {
			return "", err
		}
		s = strings.Join(strings.Fields(s), " ")
		switch {
		case s == "":
			return "", fmt.Errorf("must not be empty; leave it out for all destinations")
		case strings.ContainsAny(s, "#\"'\\"):
			return "", fmt.Errorf("must hold patterns separated by blanks, without quotes, backslashes and #, not %s", shortened(s))
		}
		return s, nil
	})
	return value
}
