// Command picture draws the pictures of the documentation. It runs the demo of
// the program in a terminal and converts screens to SVG.
//
//	go run ./internal/picture bin/ctop docs/pictures
package main
