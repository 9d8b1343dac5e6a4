//go:build ignore

// Regenerate asks the terraform in PATH for the answers to expressions.txt and
// writes them to answers.jsonl. Run it in this folder: go run regenerate.go
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// An answer is what Terraform says to an expression.
type answer struct {
	Expression string          `json:"expression"`
	Error      string          `json:"error,omitempty"`
	Type       string          `json:"type,omitempty"`
	Sensitive  bool            `json:"sensitive,omitempty"`
	Unknown    bool            `json:"unknown,omitempty"`
	Value      json.RawMessage `json:"value,omitempty"`
}

func main() {
	log.SetFlags(0)
	if err := regenerate("expressions.txt", "answers.jsonl"); err != nil {
		log.Fatal(err)
	}
}

func regenerate(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	empty, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(empty)
	var out bytes.Buffer
	write := json.NewEncoder(&out)
	write.SetEscapeHTML(false)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if line := lines.Text(); line != "" && line[0] != '#' {
			a, err := ask(empty, line)
			if err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
			if err := write.Encode(a); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}

// ask asks three times: for the value, whether it is sensitive, and its type.
func ask(dir, expression string) (answer, error) {
	a := answer{Expression: expression}
	text, refused, err := console(dir, "nonsensitive(jsonencode("+expression+"))")
	if err != nil {
		return a, err
	}
	if refused != "" {
		// A wrong expression may be wrong in another way than its wrapping.
		_, a.Error, err = console(dir, expression)
		if a.Error == "" && err == nil {
			err = errors.New("the value has no form in JSON: " + refused)
		}
		return a, err
	}
	if a.Unknown = text == "(known after apply)"; !a.Unknown {
		plain, err := strconv.Unquote(text)
		if err != nil {
			return a, fmt.Errorf("%s: %w", text, err)
		}
		a.Value = json.RawMessage(plain)
	}
	if text, _, err = console(dir, "issensitive(jsonencode("+expression+"))"); err != nil {
		return a, err
	}
	a.Sensitive = text == "true"
	a.Type, refused, err = console(dir, "type("+expression+")")
	if refused != "" {
		err = errors.New(refused)
	}
	return a, err
}

// console returns what terraform console prints in dir, or its error in one line.
func console(dir, expression string) (printed, refused string, err error) {
	cmd := exec.Command("terraform", "console", "-no-color")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1")
	cmd.Stdin = strings.NewReader(expression + "\n")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		text := strings.Join(strings.Fields(stderr.String()), " ")
		text = strings.Replace(text, "on <console-input> line 1: (source code not available) ", "", 1)
		text, _, _ = strings.Cut(text, " goroutine ") // of a panic, the reason is enough
		return "", text, nil
	}
	return strings.TrimSpace(stdout.String()), "", err
}
