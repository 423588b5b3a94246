// Package format turns what the console shows into text of a known width:
// numbers, durations and bars, and text from outside that must not be able to
// steer the terminal.
package format
