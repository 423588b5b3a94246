// Package paint turns the views of a program into what a terminal has to be sent to show
// them, a row at a time, so that a newer view can take the place of one that is half sent.
// It knows no terminal and no clock.
package paint
