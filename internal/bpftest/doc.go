// Package bpftest loads the tracker's BPF programs for test runs: the tests of bpf, the
// judge and the benchmarks use it. The tracker itself loads them in its own way.
//
// It imports nothing of ours, so that the tests inside package bpf can use it: callers
// bring the specification of the programs.
package bpftest
