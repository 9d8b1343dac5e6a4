package hclfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// nearest returns the known name that a person most likely meant, or empty if
// none is near. Equal distances go to the name first in order, so that the
// same mistake always gets the same answer.
func nearest(given string, known []string) string {
	if len(given) > 128 {
		return ""
	}
	best, distance := "", min(3, 1+len(given)/2)
	names := slices.Clone(known)
	slices.Sort(names)
	for _, name := range names {
		if strings.EqualFold(name, given) {
			return name
		}
		if d := levenshtein.Distance(given, name, nil); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// didYouMean is nearest as a sentence with a blank before it, or empty.
func didYouMean(given string, known []string) string {
	if name := nearest(given, known); name != "" {
		return fmt.Sprintf(" Did you mean %q?", name)
	}
	return ""
}
