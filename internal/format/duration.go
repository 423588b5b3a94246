package format

import (
	"fmt"
	"strconv"
	"time"

	"ctop/tracker/flow"
)

const day = 24 * time.Hour

// Countdown returns the rest of a timeout in at most five cells, as in "0:09",
// "59:59", "5h12m" or "4d23h".
func Countdown(d time.Duration) string {
	if d < time.Hour {
		s := int(d / time.Second)
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return coarse(d)
}

// Age returns a past duration in at most five cells, as in "42s", "6m12s",
// "12m" or "3h05m".
func Age(d time.Duration) string {
	switch s := int(max(d, 0) / time.Second); {
	case s < 60:
		return strconv.Itoa(s) + "s"
	case s < 600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 3600:
		return strconv.Itoa(s/60) + "m"
	}
	return coarse(d)
}

// coarse returns the second unit only if the first has one digit.
func coarse(d time.Duration) string {
	days, hours, minutes := int(d/day), int(d/time.Hour), int(d/time.Minute)
	switch {
	case days >= 10:
		return strconv.Itoa(days) + "d"
	case days >= 1:
		return fmt.Sprintf("%dd%02dh", days, hours%24)[:5]
	case hours >= 10:
		return strconv.Itoa(hours) + "h"
	}
	return fmt.Sprintf("%dh%02dm", hours, minutes%60)
}

// Timeout returns an exact duration as an operator would type it, as in "5d",
// "1h30m" or "30s".
func Timeout(d time.Duration) string { return flow.FormatDuration(d) }

// Words returns a duration in words, as in "5 days", "1 minute 30 seconds" or
// "0.2 s".
func Words(d time.Duration) string {
	if d < 10*time.Second && d%time.Second != 0 {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	text := ""
	rest := d.Truncate(time.Second)
	for i, u := range [...]time.Duration{day, time.Hour, time.Minute, time.Second} {
		n := int(rest / u)
		rest -= time.Duration(n) * u
		if n > 0 {
			text += " " + plural(n, [...]string{"day", "hour", "minute", "second"}[i])
		}
	}
	if text == "" {
		return "0 seconds"
	}
	return text[1:]
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// Plural returns a count with its noun, as in "1 flow" or "1,284 flows".
func Plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return Count(n) + " " + word + "s"
}

// Lasted returns the lifetime of an ended flow. Many last less than a second,
// which must not read as zero.
func Lasted(d time.Duration) string {
	if d < time.Second {
		return Short(d)
	}
	return Age(d)
}

// Short returns a short time in at most eight cells, as in "12.4 ms".
func Short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64) + " ms"
	case d < time.Second:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return Age(d)
}
