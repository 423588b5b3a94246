// Package judge compares ctop with the kernel's own conntrack.
//
// Its tests play the same packets through the tracking program, by test runs with an injected
// clock, and through nf_conntrack in a routing namespace. After every packet they compare the
// conclusions of both: the verdict, whether a flow exists, and its state. Each difference must
// be in a list of deliberate ones, with a reason and a source. Otherwise the test fails and
// prints the shortest sequence that shows it.
//
// Sequences come from testdata, from a generator that mutates lifelike conversations, and from
// the captures in the folder in CTOP_CAPTURES.
//
//	CTOP_JUDGE_SEQUENCES   number of sequences to generate, 100000 in 90 s
//	CTOP_JUDGE_SEED        start of the generator (printed by every run)
//	CTOP_JUDGE_REPLAY      a file with sequences to play besides testdata
//	CTOP_CAPTURES          a folder of captures with a manifest.json
//
// testdata/lab.pcap was recorded between two namespaces of Linux 6.18.
//
// The package consists of tests only: no program imports it.
package judge
