// Package format converts numbers, durations and bars to text of a known width,
// and makes text from outside safe for a terminal.
package format
