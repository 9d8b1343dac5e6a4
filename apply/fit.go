package apply

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// vendorFolders hold files that a package manager owns and overwrites.
func vendorFolders() []string { return []string{"/nix/store/", "/gnu/store/", "/usr/etc/"} }

// fit refuses, before anything is written beside them, files that cannot be
// replaced by a rename or whose replacement would not last (rule 4), and
// connections that may not last (rule 5).
func (t *transaction) fit() error {
	for _, c := range t.files {
		for _, folder := range vendorFolders() {
			if strings.HasPrefix(c.RealPath, folder) {
				return fmt.Errorf("%s belongs to the system's packages; declare the setting in a file under /etc that is not a link into %s", c.RealPath, folder)
			}
		}
	}
	var reasons []error
	for _, u := range t.unfit {
		word, where, _ := strings.Cut(u.value, " ")
		reasons = append(reasons, unfitness(word, where))
	}
	return errors.Join(append(reasons, t.lasts())...)
}

// unfitness says what begin.sh found in words.
func unfitness(word, where string) error {
	switch word {
	case "mount":
		return fmt.Errorf("%s is a mount point, so that no other file can be put in its place; change the file that is mounted there", where)
	case "readonly":
		return fmt.Errorf("%s lies on a file system that is mounted read-only", where)
	case "frozen":
		return fmt.Errorf("%s is marked immutable or append-only (chattr +i, +a)", where)
	case "shared":
		return fmt.Errorf("%s can be written by others than root and the user, who could put another file in the place of ours", where)
	}
	return fmt.Errorf("%s cannot be replaced: %s", where, word)
}

// lasts refuses a credential that may have expired when the new connection has
// to prove itself.
func (t *transaction) lasts() error {
	ends := t.lifeline.Facts().Expires
	window := t.confirmTimeout() + 2*stepDeadline
	if ends.IsZero() || t.opts.Now().Add(window).Before(ends) {
		return nil
	}
	return fmt.Errorf("the certificate that opened the connection expires at %s, before the change could be confirmed; get a new one first", ends.UTC().Format(time.RFC3339))
}
