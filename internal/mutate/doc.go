// Command mutate checks the tests. It changes one place of the product at a time, runs
// the tests of that package, and prints each change that no test noticed.
//
//	go run ./internal/mutate -seed 1 -sample 200 PACKAGE...
//
// It negates comparisons, moves boundaries and constants, exchanges boolean and
// arithmetic operators, and removes statements, at places selected by the seed. Changes
// that do not compile are replaced by others and not counted. Some packages are tested
// by another package by design; then that package's tests run, too (companions.go).
//
// It works on a copy of the tree. As root it runs the tests in their own network, mount
// and process namespaces, in which only the copy, /tmp and the build cache are
// writable. So a mutated program cannot harm the machine.
package main
