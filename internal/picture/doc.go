// Command picture draws the pictures of the documentation: it runs the program
// in a terminal, in its demo, and turns screens into SVG.
//
//	go run ./internal/picture bin/ctop docs/pictures
package main
