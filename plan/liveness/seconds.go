package liveness

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Seconds is a span of time in whole seconds, 0 or more. In JSON it is a
// number, and null for Never.
type Seconds int64

// Never is later than every moment: the thing does not happen.
const Never Seconds = math.MaxInt64

// String returns "120 s", or "never".
func (s Seconds) String() string {
	if s == Never {
		return "never"
	}
	return strconv.FormatInt(int64(s), 10) + " s"
}

// Words returns the span for a sentence: "120 s", and from ten minutes on with
// a rounded reading beside it, "2400 s (40 min)".
func (s Seconds) Words() string {
	if s == Never || s < 600 {
		return s.String()
	}
	return fmt.Sprintf("%s (%s)", s, s.rounded())
}

func (s Seconds) rounded() string {
	minutes := (s + 30) / 60
	hours := minutes / 60
	switch {
	case hours >= 48:
		return fmt.Sprintf("%d days", (hours+12)/24)
	case hours == 0:
		return fmt.Sprintf("%d min", minutes)
	case minutes%60 == 0:
		return fmt.Sprintf("%d h", hours)
	}
	return fmt.Sprintf("%d h %d min", hours, minutes%60)
}

// MarshalJSON writes the number, and null for Never.
func (s Seconds) MarshalJSON() ([]byte, error) {
	if s == Never {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, int64(s), 10), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*s = Never
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("read seconds: %w", err)
	}
	*s = Seconds(n)
	return nil
}

// times returns s times n. What would not fit is Never, and so is any
// multiple of Never but 0.
func (s Seconds) times(n int64) Seconds {
	switch {
	case s == 0 || n == 0:
		return 0
	case s == Never || n == math.MaxInt64 || int64(s) > (math.MaxInt64-1)/n:
		return Never
	}
	return s * Seconds(n)
}

// plus returns s plus t; what would not fit is Never.
func (s Seconds) plus(t Seconds) Seconds {
	if s > Never-t {
		return Never
	}
	return s + t
}

// minus returns s minus t, and 0 when t is longer.
func (s Seconds) minus(t Seconds) Seconds {
	switch {
	case t >= s:
		return 0
	case s == Never:
		return Never
	}
	return s - t
}

func secondsOf(d time.Duration) Seconds { return Seconds((d + time.Second - 1) / time.Second) }
