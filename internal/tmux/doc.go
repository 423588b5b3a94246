// Package tmux runs a program in a real terminal that nobody sees: presses keys,
// changes its size, and reads its screen. Tests of the console and the pictures
// of it are made with that. It needs tmux 3.0 or newer.
package tmux
