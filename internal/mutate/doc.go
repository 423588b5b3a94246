// Command mutate checks the tests: it changes one place of the product at a time, runs
// the tests of that package, and prints each change that no test noticed.
//
//	go run ./internal/mutate -seed 1 -sample 200 PACKAGE...
//
// It turns comparisons, moves boundaries and constants, exchanges boolean and arithmetic
// operators, and removes statements, at places that the seed selects. Changes that do not
// compile are replaced by others and not counted. Where the tests that are to notice a
// change stand in another package by design, that package runs too (companions.go).
//
// It works on a copy of the tree. As root it runs the tests in network, mount and process
// namespaces of their own, in which only the copy, /tmp and the build cache can be
// written: a mutated program cannot harm the machine.
package main
