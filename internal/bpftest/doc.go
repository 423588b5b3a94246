// Package bpftest loads the tracker's BPF programs for test runs: for the tests of bpf,
// the judge and the benchmarks. The tracker itself does not use it.
//
// It imports no other package of ctop, so that the tests in package bpf can use it. The
// callers pass the specification of the programs.
package bpftest
