package sshconf

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/sshform/sshform/schema"
)

// Seconds reads a time as the release does (sshd_config(5), TIME FORMATS;
// misc.c). The result can be negative: up to 8.4 large times wrapped around.
// ok is false where OpenSSH says "invalid time value".
func Seconds(s string, release schema.Release) (seconds int64, ok bool) {
	if s == "" {
		return 0, false
	}
	switch {
	case release.AtLeast(10, 3):
		return decimalSeconds(s)
	case release.AtLeast(9, 8):
		return digitSeconds(s)
	default:
		return loopSeconds(s, !release.AtLeast(8, 4), release.AtLeast(8, 5))
	}
}

// unit returns the seconds of a unit letter.
func unit(c byte) (int64, bool) {
	switch c {
	case 's', 'S':
		return 1, true
	case 'm', 'M':
		return 60, true
	case 'h', 'H':
		return 3600, true
	case 'd', 'D':
		return 86400, true
	case 'w', 'W':
		return 604800, true
	}
	return 0, false
}

// loopSeconds is convtime up to 9.7, which reads numbers with strtol. Up to
// 8.3 the unit of a number sticks to a following one without; up to 8.4 the
// sum is a long that is cut to an int.
func loopSeconds(s string, sticky, bounded bool) (int64, bool) {
	limit := int64(math.MaxInt64)
	if bounded {
		limit = math.MaxInt32
	}
	var total int64
	factor := int64(1)
	for s != "" {
		n, left, ok := strtol(s)
		if !ok || n < 0 {
			return 0, false
		}
		if !sticky {
			factor = 1
		}
		if left != "" {
			f, known := unit(left[0])
			if !known {
				return 0, false
			}
			// A bare "s" keeps the factor, too: the fault was in not resetting it.
			if f != 1 {
				factor = f
			}
			left = left[1:]
		}
		if n > limit/factor || (!bounded && n >= limit/factor) {
			return 0, false
		}
		n *= factor
		if total > limit-n || (!bounded && total >= limit-n) {
			return 0, false
		}
		total += n
		s = left
	}
	cut := int64(int32(total))
	return cut, cut != -1
}

// digitSeconds is convtime of 9.8 to 10.2: plain digits only.
func digitSeconds(s string) (int64, bool) {
	var total int64
	for s != "" {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		n, err := strconv.ParseInt(s[:i], 10, 32)
		if err != nil {
			return 0, false
		}
		factor := int64(1)
		if i < len(s) {
			var known bool
			if factor, known = unit(s[i]); !known {
				return 0, false
			}
			i++
		}
		if n > math.MaxInt32/factor || total > math.MaxInt32-n*factor {
			return 0, false
		}
		total += n * factor
		s = s[i:]
	}
	return total, true
}

// decimalSeconds is convtime since 10.3: seconds may have decimals, which
// are cut off in the end, and may be given once.
func decimalSeconds(s string) (int64, bool) {
	total, ok := fractionalSeconds(s)
	if !ok || total > math.MaxInt32 {
		return 0, false
	}
	return int64(total), true
}

// fractionalSeconds is convtime_double of 10.3.
func fractionalSeconds(s string) (float64, bool) {
	if s == "" {
		return 0, false
	}
	var total float64
	seconds := false
	for s != "" {
		i := 0
		for i < len(s) && (s[i] == '.' || s[i] >= '0' && s[i] <= '9') {
			i++
		}
		n, ok := decimal(s[:i])
		if !ok {
			return 0, false
		}
		point := strings.IndexByte(s[:i], '.') >= 0
		if point && s[i-1] == '.' {
			return 0, false
		}
		factor := int64(1)
		if i < len(s) {
			var known bool
			if factor, known = unit(s[i]); !known {
				return 0, false
			}
		}
		if factor == 1 {
			if seconds {
				return 0, false
			}
			seconds = true
		} else if point {
			return 0, false
		}
		total += n * float64(factor)
		s = s[min(i+1, len(s)):]
	}
	return total, true
}

// decimal reads digits with at most one point. A number beyond float64 is an
// error, as it is to strtod.
func decimal(s string) (float64, bool) {
	if s == "" || s == "." || strings.Count(s, ".") > 1 {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// strtol reads a number as C does with base 10: leading white space and a
// sign are fine, and a number that does not fit is the largest that does.
func strtol(s string) (n int64, left string, ok bool) {
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] >= '\t' && s[i] <= '\r') {
		i++
	}
	start := i
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	digits := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == digits {
		return 0, s, false
	}
	n, err := strconv.ParseInt(s[start:i], 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, s, false
	}
	return n, s[i:], true
}

// integer reads a whole argument as strtonum does: 0 to limit.
func integer(s string, limit int64) (int64, bool) {
	n, left, ok := strtol(s)
	if !ok || left != "" || n < 0 || n > limit {
		return 0, false
	}
	return n, true
}

// port reads a TCP port as a2port does. A name is looked up in the services
// of the host, which are not at hand: known is false then.
func port(s string) (n int64, ok, known bool) {
	if n, ok = integer(s, 65535); ok {
		return n, true, true
	}
	if s == "ssh" {
		return 22, true, true
	}
	if s == "" || !letter(s[0]) {
		return 0, false, true
	}
	return 0, true, false
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// size reads a number with a scale letter as scan_scaled does (fmt_scaled.c).
func size(s string) (int64, bool) {
	for s != "" && (s[0] == ' ' || s[0] >= '\t' && s[0] <= '\r') {
		s = s[1:]
	}
	sign := int64(0)
	for s != "" && (s[0] == '-' || s[0] == '+') {
		if sign != 0 {
			return 0, false
		}
		sign = 1
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	whole, fraction, places, left, ok := scaledDigits(s)
	if !ok {
		return 0, false
	}
	if sign != 0 {
		whole *= sign
	}
	if left == "" {
		return whole, true
	}
	factor, ok := scale(left)
	if !ok || whole > math.MaxInt64/factor || whole < math.MinInt64/factor {
		return 0, false
	}
	return whole*factor + scaledFraction(fraction, places, factor, sign), true
}

// scaledDigits reads digits and at most one point. places is one more than
// the number of digits behind the point, 0 without a point.
func scaledDigits(s string) (whole, fraction int64, places int, left string, ok bool) {
	const most = 21 // MAX_DIGITS: three for each scale letter
	digits := 0
	for ; s != "" && (digit(s[0]) || s[0] == '.'); s = s[1:] {
		if s[0] == '.' {
			if places > 0 {
				return 0, 0, 0, "", false
			}
			places = 1
			continue
		}
		n := int64(s[0] - '0')
		if places > 0 {
			if places >= most-1 {
				continue
			}
			places++
			if fraction > math.MaxInt64/10 || n > math.MaxInt64-fraction*10 {
				return 0, 0, 0, "", false
			}
			fraction = fraction*10 + n
			continue
		}
		if digits++; digits >= most || whole > math.MaxInt64/10 || n > math.MaxInt64-whole*10 {
			return 0, 0, 0, "", false
		}
		whole = whole*10 + n
	}
	return whole, fraction, places, s, true
}

func scale(s string) (int64, bool) {
	i := strings.IndexByte("BKMGTPE", s[0]&^0x20)
	if i < 0 || !letter(s[0]) {
		return 0, false
	}
	if len(s) > 1 && (letter(s[1]) || digit(s[1])) {
		return 0, false
	}
	return 1 << (10 * i), true
}

func scaledFraction(fraction int64, places int, factor, sign int64) int64 {
	for fraction >= math.MaxInt64/factor {
		fraction /= 10
		places--
	}
	fraction *= factor
	for i := 0; i < places-1; i++ {
		fraction /= 10
	}
	if sign < 0 {
		return -fraction
	}
	return fraction
}
