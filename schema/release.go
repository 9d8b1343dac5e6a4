package schema

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A Release is a version of OpenSSH as its banner tells it, for example
// 9.2p1 with the vendor's word "Debian-2+deb12u3". The zero Release means
// unknown. Distributions backport fixes without changing it.
type Release struct {
	Major, Minor int
	// Patch is the number behind "p", 0 when none was given. 9.9p1 and 9.9p2
	// read some files differently, so it takes part in Compare.
	Patch int
	// Vendor is what follows the version in the banner; empty for upstream.
	Vendor string
}

var releasePattern = regexp.MustCompile(`^(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?(?:p(\d{1,3}))?$`)

// ParseRelease reads a release as people write it: "9.2", "9.2p1" or
// "9.2p1 Debian-2+deb12u3". A release without "p" stands for its first
// portable one.
func ParseRelease(s string) (Release, error) {
	version, vendor, _ := strings.Cut(strings.TrimSpace(s), " ")
	m := releasePattern.FindStringSubmatch(version)
	if m == nil {
		return Release{}, fmt.Errorf("%q is not an OpenSSH release; write it like 9.2 or 9.2p1", s)
	}
	r := Release{Patch: 1, Vendor: strings.TrimSpace(vendor)}
	r.Major, _ = strconv.Atoi(m[1])
	r.Minor, _ = strconv.Atoi(m[2])
	if m[3] != "" {
		r.Patch, _ = strconv.Atoi(m[3])
	}
	return r, nil
}

// ParseBanner reads the release from an SSH identification string (RFC 4253,
// section 4.2), such as "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3". It reports
// false when the program that answered is not OpenSSH.
func ParseBanner(banner string) (Release, bool) {
	rest, found := strings.CutPrefix(strings.TrimRight(banner, "\r\n"), "SSH-2.0-OpenSSH_")
	if !found {
		return Release{}, false
	}
	// OpenSSH for Windows puts "for_Windows_" before its number.
	rest, windows := strings.CutPrefix(rest, "for_Windows_")
	r, err := ParseRelease(rest)
	if err != nil {
		return Release{}, false
	}
	if windows {
		r.Vendor = strings.TrimSpace("Windows " + r.Vendor)
	}
	return r, true
}

// IsZero reports whether the release is unknown.
func (r Release) IsZero() bool { return r.Major == 0 && r.Minor == 0 }

// Compare orders releases by major, minor and patch number; the vendor plays
// no part. It returns a negative number when r is older than other.
func (r Release) Compare(other Release) int {
	return cmp.Or(
		cmp.Compare(r.Major, other.Major),
		cmp.Compare(r.Minor, other.Minor),
		cmp.Compare(r.Patch, other.Patch),
	)
}

// AtLeast reports whether r is major.minor or newer, whatever its patch.
func (r Release) AtLeast(major, minor int) bool {
	return cmp.Or(cmp.Compare(r.Major, major), cmp.Compare(r.Minor, minor)) >= 0
}

// Debian reports whether the vendor is Debian or a distribution that takes
// Debian's patches (Ubuntu, Raspbian). They add keywords and defaults to ssh.
func (r Release) Debian() bool {
	for _, vendor := range []string{"Debian", "Ubuntu", "Raspbian"} {
		if strings.HasPrefix(r.Vendor, vendor) {
			return true
		}
	}
	return false
}

// String returns the release as OpenSSH spells it, without the vendor.
func (r Release) String() string {
	switch {
	case r.IsZero():
		return "unknown"
	case r.Patch == 0:
		return fmt.Sprintf("%d.%d", r.Major, r.Minor)
	}
	return fmt.Sprintf("%d.%dp%d", r.Major, r.Minor, r.Patch)
}
