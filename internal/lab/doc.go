// Package lab is a network lab inside one process: two network namespaces, joined to the
// process by default veth pairs, with real traffic between them. ctop demo, the end-to-end
// tests and the benchmarks use it.
//
//	client                 the isolated process                 server
//	eth0 10.0.0.1 ──────── veth1   (ctop)   veth2 ──────── 10.0.0.2 eth0
//
// Traffic flows only if something forwards between the two middle ends: ctop, or for
// comparison a plain Linux bridge ([Options].Bridge).
//
// A host may have a bad cable ([CableOptions]): a relay before its link that loses,
// duplicates, reorders and delays frames, by a seed.
//
// A program first calls [Isolate] (a test binary [Main]), which moves it into its own network
// and mount namespaces, with an empty /run/netns and an empty BPF file system. So the lab can
// neither collide with the host nor change it, and the kernel removes all of it (links,
// namespaces, XDP programs, pins) when the process ends, even by kill -9.
//
// It configures nothing beyond what ip link add does: no ethtool, no static ARP, no program on
// a peer. It needs CAP_SYS_ADMIN and CAP_NET_ADMIN in the initial user namespace, as loading
// XDP does. [Require] skips a test and names what is missing.
package lab
