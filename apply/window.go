package apply

import (
	"fmt"
	"strings"
	"time"
)

// windowClosed reports whether a wave may not start now, and when its window
// opens next. A window is "Mon-Thu 09:00-16:00 Europe/Berlin": days, a range
// of the clock, a zone. Without one a wave may always start.
func windowClosed(window string, now time.Time) (opens time.Time, closed bool) {
	if window == "" {
		return time.Time{}, false
	}
	w, err := readWindow(window)
	if err != nil {
		return time.Time{}, true // it cannot be read, so nobody knows that it is open
	}
	if w.holds(now) {
		return time.Time{}, false
	}
	local := now.In(w.zone)
	for day := range 8 {
		at := time.Date(local.Year(), local.Month(), local.Day()+day, 0, w.from, 0, 0, w.zone)
		if at.After(now) && w.days[at.Weekday()] {
			return at, true
		}
	}
	return time.Time{}, true
}

type window struct {
	days     [7]bool
	from, to int // minutes since midnight; to before from goes past midnight
	zone     *time.Location
}

func readWindow(text string) (window, error) {
	var w window
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return w, fmt.Errorf("window %q is not days, hours and zone", text)
	}
	for span := range strings.SplitSeq(fields[0], ",") {
		first, last, ranged := strings.Cut(span, "-")
		if !ranged {
			last = first
		}
		from, known := weekday(first)
		to, alsoKnown := weekday(last)
		if !known || !alsoKnown {
			return w, fmt.Errorf("window %q has no such days", text)
		}
		for day := from; ; day = (day + 1) % 7 {
			w.days[day] = true
			if day == to {
				break
			}
		}
	}
	from, to, _ := strings.Cut(fields[1], "-")
	var err error
	if w.from, err = minutes(from); err != nil {
		return w, err
	}
	if w.to, err = minutes(to); err != nil {
		return w, err
	}
	w.zone, err = time.LoadLocation(fields[2])
	return w, err
}

func weekday(name string) (int, bool) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(day.String()[:3], name) {
			return int(day), true
		}
	}
	return 0, false
}

func minutes(clock string) (int, error) {
	if clock == "24:00" {
		return 24 * 60, nil
	}
	at, err := time.Parse("15:04", clock)
	return at.Hour()*60 + at.Minute(), err
}

// holds reports whether a moment lies in the window. The hours after midnight
// belong to the day on which the window opened.
func (w window) holds(now time.Time) bool {
	local := now.In(w.zone)
	minute, day := local.Hour()*60+local.Minute(), int(local.Weekday())
	if w.from < w.to {
		return w.days[day] && minute >= w.from && minute < w.to
	}
	return w.days[day] && minute >= w.from || w.days[(day+6)%7] && minute < w.to
}
