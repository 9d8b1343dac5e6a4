package hclfile

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
	"github.com/sshform/sshform/schema"
)

// What the names of configuration and variable files end in.
const (
	configSuffix     = ".sshform.hcl"
	configJSONSuffix = ".sshform.json"
	varsSuffix       = ".sshvars.hcl"
	varsJSONSuffix   = ".sshvars.json"
)

// The limits of one file. Hosts in great numbers belong in an inventory.
const (
	maxFileSize = 4 << 20 // bytes
	maxDepth    = 200     // brackets within brackets, or operators in a row
)

// IsConfig reports whether a file of this name belongs to a configuration.
func IsConfig(name string) bool {
	return !hidden(name) && (strings.HasSuffix(name, configSuffix) || strings.HasSuffix(name, configJSONSuffix))
}

// hidden are the files that editors leave behind.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasSuffix(name, "~")
}

// configFiles returns the names of the files of a configuration, sorted.
func configFiles(dir string) ([]string, error) {
	return namesIn(dir, IsConfig)
}

// autoVariableFiles returns the variable files that are read unasked, lowest
// precedence first.
func autoVariableFiles(dir string) ([]string, error) {
	names, err := namesIn(dir, func(name string) bool {
		return name == "default"+varsSuffix || name == "default"+varsJSONSuffix ||
			!hidden(name) && (strings.HasSuffix(name, ".auto"+varsSuffix) || strings.HasSuffix(name, ".auto"+varsJSONSuffix))
	})
	rank := func(name string) int {
		return slices.Index([]string{"default" + varsSuffix, "default" + varsJSONSuffix}, name)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		ra, rb := rank(a), rank(b)
		if ra >= 0 && rb >= 0 {
			return cmp.Compare(ra, rb)
		}
		if ra >= 0 {
			return -1
		}
		if rb >= 0 {
			return 1
		}
		return strings.Compare(a, b)
	})
	return names, err
}

func namesIn(dir string, wanted func(string) bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if wanted(entry.Name()) && !entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// read returns the bytes of a file of limited size.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err == nil && len(content) > maxFileSize {
		err = fmt.Errorf("%s is larger than %d MiB; hosts in great numbers belong in an inventory", path, maxFileSize>>20)
	}
	return content, err
}

// parse reads one file in either syntax. It returns nil where nothing of it
// can be used.
func (r *reporter) parse(content []byte, name string) *hcl.File {
	var file *hcl.File
	var found hcl.Diagnostics
	r.files[name] = &hcl.File{Bytes: content}
	if at, deep := tooDeep(content, name); deep {
		r.wrong(at, "Nested too deeply", "More than %d brackets stand within each other here, or as many operators in a row. Split the expression with locals.", maxDepth)
		return nil
	}
	if strings.HasSuffix(name, ".json") {
		file, found = json.Parse(content, name)
	} else {
		file, found = hclsyntax.ParseConfig(content, name, hcl.InitialPos)
	}
	if file != nil {
		r.files[name] = file
	}
	r.syntax(found)
	if file == nil || file.Body == nil {
		return nil
	}
	return file
}

// tooDeep reports whether a parser that descends recursively could run out of
// stack, and where.
func tooDeep(content []byte, name string) (hcl.Range, bool) {
	if strings.HasSuffix(name, ".json") {
		return tooDeepJSON(content, name)
	}
	tokens, _ := hclsyntax.LexConfig(content, name, hcl.InitialPos)
	return tooDeepTokens(tokens)
}

func tooDeepTokens(tokens hclsyntax.Tokens) (hcl.Range, bool) {
	depth, row := 0, 0
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp,
			hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			depth--
		}
		switch token.Type {
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			row++
		case hclsyntax.TokenNewline:
			row = 0
		}
		if depth > maxDepth || row > maxDepth {
			return token.Range, true
		}
	}
	return hcl.Range{}, false
}

// tooDeepJSON counts brackets outside of strings, and those of the templates
// inside of each string.
func tooDeepJSON(content []byte, name string) (hcl.Range, bool) {
	depth, within, quoted := 0, 0, false
	for i := 0; i < len(content); i++ {
		count := &depth
		if quoted {
			count = &within
		}
		switch content[i] {
		case '\\':
			i++
		case '"':
			quoted, within = !quoted, 0
		case '{', '[', '(', '!', '-', '?':
			if quoted || content[i] == '{' || content[i] == '[' {
				*count++
			}
		case '}', ']', ')':
			*count = max(0, *count-1)
		}
		if depth > maxDepth || within > 10*maxDepth {
			at := hcl.Pos{Line: 1 + strings.Count(string(content[:i]), "\n"), Column: 1, Byte: i}
			return hcl.Range{Filename: name, Start: at, End: at}, true
		}
	}
	return hcl.Range{}, false
}

// sources reads and parses the configuration of a directory.
func (r *reporter) sources(dir string) ([]schema.Source, []*hcl.File) {
	names, err := configFiles(dir)
	if err != nil {
		r.wrong(hcl.Range{}, "Configuration cannot be read", "%s.", err)
		return nil, nil
	}
	if len(names) == 0 {
		r.wrong(hcl.Range{}, "No configuration files", "The directory %s holds no file *%s or *%s. "+
			"Go to the directory of the configuration or name it with -chdir=DIR; sshform init -starter writes a first one.", dir, configSuffix, configJSONSuffix)
		return nil, nil
	}
	var sources []schema.Source
	var files []*hcl.File
	for _, name := range names {
		content, err := read(filepath.Join(dir, name))
		if err != nil {
			r.wrong(hcl.Range{}, "Configuration cannot be read", "%s.", err)
			continue
		}
		sources = append(sources, schema.Source{Path: name, Content: content})
		if file := r.parse(content, name); file != nil {
			files = append(files, file)
		}
	}
	return sources, files
}
