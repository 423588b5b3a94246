// Package lab is a network laboratory inside one process: two network
// namespaces, joined to the process by stock veth pairs, with real traffic
// between them. ctop demo, the end-to-end tests and the benchmarks stand on it.
//
//	client                 the isolated process                 server
//	eth0 10.0.0.1 ──────── veth1   (ctop)   veth2 ──────── 10.0.0.2 eth0
//
// Nothing flows until something forwards between the two middle ends: ctop, or
// a plain Linux bridge ([Options].Bridge) to compare it with.
//
// A host may have a bad cable ([CableOptions]): a relay before its link that
// loses, repeats, reorders and delays, by a seed.
//
// A program first calls [Isolate] (a test binary [Main]), which moves it into a
// network and a mount namespace of its own, with an empty /run/netns and an
// empty BPF file system. What it guarantees by that: the lab can neither
// collide with the host nor change it, and the kernel removes all of it (links,
// namespaces, XDP programs, pins) when the process ends, also by kill -9.
//
// What it does not do: configure anything that a user who types ip link add
// would not have got. There is no ethtool, no static ARP, no program on a peer.
// It needs CAP_SYS_ADMIN and CAP_NET_ADMIN in the initial user namespace, since
// loading XDP does as well; [Require] skips a test, naming what is missing.
package lab
