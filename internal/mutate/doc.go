// Command mutate checks the tests. It changes one place of the product at a time, runs
// the tests that execute this place, and prints each change that no test noticed.
//
//	go run ./internal/mutate -seed 1 -sample 200 PACKAGE...
//
// It negates comparisons, moves boundaries and constants, exchanges boolean and
// arithmetic operators, and removes statements, at places selected by the seed. Changes
// that do not compile are replaced by others and not counted. Some packages are tested
// by another package by design; then that package's tests run, too (companions.go).
//
// All changes are compiled at once: the code of a place contains the original and the
// changed code, and a number in a file selects one of them (switch.go, package mutant).
// So each package's tests are built once. Then each test runs alone, without a change,
// which shows how long it takes and which places it reaches (measure.go). A change is
// tried with the tests that reach it, the quick ones first, until one fails twice
// (try.go). A change of a constant that has to be constant, such as the length of an
// array, has a build of its own.
//
// It works on copies of the tree. As root it runs the tests in their own network, mount
// and process namespaces, in which only the copies, /tmp and the build cache are
// writable. So a mutated program cannot harm the machine. With -work the copies and the
// results so far are kept, and the same command continues where it was interrupted.
package main
