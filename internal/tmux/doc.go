// Package tmux runs a program in an invisible terminal. It presses keys,
// changes the size, and reads the screen. Tests and pictures of the console use
// it. It needs tmux 3.0 or newer.
package tmux
