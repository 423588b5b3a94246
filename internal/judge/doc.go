// Package judge asks the kernel's own conntrack whether ctop is right.
//
// Its tests play the same packets through the tracking program, by test runs
// with a clock of their own, and through nf_conntrack in a routing namespace,
// and compare after every packet what each of the two concluded: the verdict,
// whether a flow is there, and its state. Where they differ, the difference is
// one of a list of deliberate ones, each with a reason and a source, or the
// test fails and prints the shortest sequence that still shows it.
//
// Sequences come from testdata, from a generator that mutates lifelike
// conversations, and from the captures in the folder that CTOP_CAPTURES names.
//
//	CTOP_JUDGE_SEQUENCES   how many sequences to generate, 100000 in 90 s
//	CTOP_JUDGE_SEED        where the generator begins (printed by every run)
//	CTOP_JUDGE_REPLAY      a file with sequences to play besides testdata
//	CTOP_CAPTURES          a folder of captures with a manifest.json
//
// testdata/lab.pcap was recorded between two namespaces of Linux 6.18.
//
// It is all in tests: nothing here is for programs to import.
package judge
